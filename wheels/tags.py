"""Whether a wheel runs on a Python and a platform, by its file name."""

import re
from dataclasses import dataclass

from . import BuildError

# The oldest systems that the zips are for. Linux: the glibc that Blender itself is built against. macOS: what OpenCV's
# wheels are built for, and PyTorch's.
GLIBC = (2, 28)
OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
MACOS = {"solving": (13, 0), "torch": (14, 0)}
WHEEL = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl"
)
CPYTHON = re.compile(r"cp3(\d+)")
MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_x86_64")
MACOSX = re.compile(r"macosx_(\d+)_(\d+)_(arm64|x86_64|universal2)")


@dataclass(frozen=True)
class WheelName:
    """What the file name of a wheel says; a name may stand for several tags of each kind.

    Source: the binary distribution format and the tags of PEP 425, 600 and 384."""

    name: str
    version: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]


def parse_name(file: str) -> WheelName:
    """Return what a file name says; the package's name in lower case with hyphens.

    Raises:
        BuildError: it is no wheel's.
    """
    match = WHEEL.fullmatch(file)
    if match is None:
        raise BuildError(f"{file} is not named as a wheel: NAME-VERSION-PYTHON-ABI-PLATFORM.whl")
    python, abi, platform = (tuple(match[part].split(".")) for part in ("python", "abi", "platform"))
    return WheelName(canonical_name(match["name"]), match["version"], python, abi, platform)


def canonical_name(name: str) -> str:
    """Return a package's name as it is compared. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_tags(file: str, python: str, platform: str) -> None:
    """Raise BuildError where a wheel does not run on a Python, such as "3.11", and a platform, such as "linux-x64"."""
    name = parse_name(file)
    if not any(_fits_python(tag, abi, python) for tag in name.pythons for abi in name.abis):
        raise BuildError(
            f"{file} is for {'.'.join(name.pythons)} with ABI {'.'.join(name.abis)} and does not run on "
            f"Python {python}. Leave it out, or choose a --blender that has its Python"
        )
    pure = "none" in name.abis
    if not any(pure if tag == "any" else _fits_platform(tag, platform) for tag in name.platforms):
        raise BuildError(
            f"{file} is for {'.'.join(name.platforms)} and does not run on {platform}. "
            "Leave it out, or choose its --platform"
        )


def pip_platforms(platform: str, part: str) -> list[str]:
    """Return the platforms to ask pip for; macOS's stand for all older ones too."""
    if platform == "windows-x64":
        return ["win_amd64"]
    if platform == "linux-x64":
        newer = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC[1], 4, -1)]
        return newer + [f"{name}_x86_64" for name in sorted(OLD_MANYLINUX, reverse=True)]
    major, minor = MACOS[part]
    return [f"macosx_{major}_{minor}_{'arm64' if platform == 'macos-arm64' else 'x86_64'}"]


def _fits_python(tag: str, abi: str, python: str) -> bool:
    minor = int(python.split(".")[1])
    own = f"cp3{minor}"
    if abi == own:
        return tag == own
    if abi == "abi3":  # of an older one too
        match = CPYTHON.fullmatch(tag)
        return match is not None and 2 <= int(match[1]) <= minor
    return abi == "none" and tag in ("py3", own, *(f"py3{older}" for older in range(minor + 1)))


def _fits_platform(tag: str, platform: str) -> bool:
    if platform == "windows-x64":
        return tag == "win_amd64"
    if platform == "linux-x64":
        old = OLD_MANYLINUX.get(tag.removesuffix("_x86_64"))
        match = MANYLINUX.fullmatch(tag)
        needs = old if old and tag.endswith("_x86_64") else match and (int(match[1]), int(match[2]))
        return bool(needs) and needs <= GLIBC
    match = MACOSX.fullmatch(tag)
    machine = "arm64" if platform == "macos-arm64" else "x86_64"
    return (
        match is not None
        and match[3] in (machine, "universal2")
        and (int(match[1]), int(match[2])) <= max(MACOS.values())
    )
