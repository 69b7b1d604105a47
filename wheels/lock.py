"""The lock: for each Python and platform the wheels that are packed, by name, size and hash."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from . import BuildError

LOCK = Path(__file__).with_name("lock.toml")
SOLVING, TORCH = "solving", "torch"  # what a wheel is for: every solve, or the smirk solver
PARTS = {"full": (SOLVING, TORCH), "landmarks": (SOLVING,), "light": ()}  # of each size

# All that a solve imports, found by solving with nothing else: MediaPipe's jax, jaxlib, sounddevice, sentencepiece,
# absl-py and flatbuffers and PyTorch's sympy, mpmath, networkx, jinja2, MarkupSafe, fsspec, filelock and setuptools
# are asked for and never imported; MediaPipe imports matplotlib to draw, for which `capture` has a stand-in. numpy is
# Blender's own: SciPy 1.15.3 takes 1.23.5 and later, 1.17.1 takes 1.26.4 and later.
REQUIREMENTS = {
    "3.11": {
        SOLVING: (
            "attrs==26.1.0",
            "mediapipe==0.10.21",
            "opencv-python-headless==4.11.0.86",
            "protobuf==4.25.9",
            "scipy==1.15.3",
        ),
        TORCH: ("torch==2.13.0", "typing_extensions==4.16.0"),
    },
    "3.13": {
        SOLVING: (
            "certifi==2026.10.18",
            "mediapipe==1.2.2",
            "opencv-python-headless==4.11.0.86",
            "scipy==1.17.1",
        ),
        TORCH: ("torch==2.13.0", "typing_extensions==4.16.0"),
    },
}
# Python's package index has a torch for Linux with CUDA alone; the locked one comes from an index of CPU builds.
CPU_TORCH = {("3.11", "linux-x64"): "torch==2.13.0+cpu"}
# What there is no wheel of, and what to do about it.
MISSING = {
    ("3.11", "macos-x64", TORCH): "PyTorch is no longer made for Intel Macs. Choose --size landmarks",
    ("3.13", "macos-x64", SOLVING): (
        "MediaPipe for Python 3.13 is not made for Intel Macs. Choose --size light, or a Blender up to 5.0"
    ),
    ("3.13", "linux-x64", TORCH): (
        "the package index has PyTorch for Linux and Python 3.13 with CUDA alone. Name an index of PyTorch's CPU "
        "builds with --torch-index, or choose --size landmarks"
    ),
}


@dataclass(frozen=True)
class Wheel:
    """A wheel that is packed.

    Attributes:
        part: what it is for, SOLVING or TORCH.
        sha256: of the published file, in hexadecimal digits.
        packed_sha256: of the file as it is packed, where that is another: see `members.trim`; else "".
        pinned: whether the lock says so; else it came from an index that the user named.
    """

    name: str
    version: str
    file: str
    part: str
    sha256: str
    size_bytes: int
    pinned: bool = True
    packed_sha256: str = ""


def read_lock(path: Path = LOCK) -> dict[tuple[str, str], tuple[Wheel, ...]]:
    """Return the locked wheels by Python, such as "3.11", and platform.

    Raises:
        BuildError: it is no lock.
    """
    wheels: dict[tuple[str, str], tuple[Wheel, ...]] = {}
    try:
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["wheel"]:
            place = (entry.pop("python"), entry.pop("platform"))
            wheel = Wheel(**entry)
            if len(wheel.sha256) != 64 or Path(wheel.file).name != wheel.file or not wheel.file.endswith(".whl"):
                raise ValueError(f"wheel {wheel.file!r} with the hash {wheel.sha256!r}")
            wheels[place] = (*wheels.get(place, ()), wheel)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BuildError(f"{path} is no lock ({error}). Take it from git again: git checkout {path}") from error
    return wheels


def write_lock(wheels: Mapping[tuple[str, str], Iterable[Wheel]], path: Path = LOCK) -> None:
    """Write what `read_lock` reads."""
    lines = ["# Written by `build.py package --relock` from the requirements in lock.py.\n"]
    for (python, platform), group in sorted(wheels.items()):
        for wheel in sorted(group, key=lambda wheel: (wheel.part, wheel.name)):
            fields = {"python": python, "platform": platform} | asdict(wheel)
            del fields["pinned"]
            if not wheel.packed_sha256:
                del fields["packed_sha256"]
            written = {key: f'"{value}"' if isinstance(value, str) else value for key, value in fields.items()}
            lines += ["\n[[wheel]]\n", *(f"{key} = {value}\n" for key, value in written.items())]
    path.write_text("".join(lines), encoding="utf-8")


def locked_wheels(python: str, platform: str, parts: Iterable[str], path: Path = LOCK) -> tuple[Wheel, ...]:
    """Return the wheels of a package.

    Raises:
        BuildError: there is none for a part.
    """
    for part in parts:
        if reason := MISSING.get((python, platform, part)):
            raise BuildError(f"There are no wheels for {part} on {platform} and Python {python}: {reason}")
    locked = read_lock(path).get((python, platform), ())
    chosen = tuple(wheel for wheel in locked if wheel.part in parts)
    for part in parts:
        if not any(wheel.part == part for wheel in chosen):
            raise BuildError(
                f"{path} has no wheels for {part} on {platform} and Python {python}. "
                "Lock them with: python3 build.py package --relock"
            )
    return chosen
