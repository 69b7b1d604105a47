"""Wheels brought into a folder: by pip, or from a folder of the user's; every one is held against its hash."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from . import PLATFORMS, BuildError
from .lock import CPU_TORCH, MISSING, REQUIREMENTS, SOLVING, Wheel
from .members import sha256, trim
from .tags import parse_name, pip_platforms

FOLDER = Path(__file__).parent
SAID_LINES = 4  # of pip's, quoted where it fails


def fetch(
    wheels: Iterable[Wheel],
    pip: Sequence[str],
    python: str,
    platform: str,
    *,
    folder: Path = FOLDER,
    given: Path | None = None,
) -> list[Path]:
    """Return the wheels' files, after checking each; those that are not in `folder` are fetched.

    Args:
        pip: the command.
        python, platform: which the wheels are for, such as "3.11" and "linux-x64".
        given: a folder of the user's in which to look before pip does.
    Raises:
        BuildError: a file is not what the lock says, or cannot be had.
    """
    if given is not None and not given.is_dir():
        raise BuildError(f"No folder of wheels at {given}. Check the path given with --wheels")
    paths = []
    for wheel in wheels:
        path = folder / wheel.file
        if not path.exists() and given is not None and (given / wheel.file).is_file():
            check_hash(given / wheel.file, wheel, "Fetch it again, or leave --wheels out")
            shutil.copyfile(given / wheel.file, path)
        elif not path.exists():
            print(f"Fetching {wheel.file} ({wheel.size_bytes / 1e6:.1f} MB)", flush=True)
            _fetch_one(wheel, pip, python, platform, folder)
        check_hash(path, wheel, "Delete it; it is fetched again")
        paths.append(path)
    return paths


def relock(pip: Sequence[str], folder: Path = FOLDER) -> dict[tuple[str, str], list[Wheel]]:
    """Return the wheels that pip chooses for all requirements, Pythons and platforms; leave their files in `folder`.

    Raises:
        BuildError: it finds none of one.
    """
    locked: dict[tuple[str, str], list[Wheel]] = {}
    for python, parts in REQUIREMENTS.items():
        for platform in PLATFORMS:
            for part, lines in parts.items():
                if (python, platform, part) in MISSING or (python, platform, SOLVING) in MISSING:
                    continue
                torch = CPU_TORCH.get((python, platform))
                lines = [torch if torch and line.startswith("torch==") else line for line in lines]
                print(f"Locking {len(lines)} packages for {part} on {platform}, Python {python}", flush=True)
                with tempfile.TemporaryDirectory(dir=folder, prefix=".lock_") as place:
                    arguments = ["--no-deps", *target_options(python, platform, part), *lines]
                    what = f"{', '.join(lines)} for {platform} and Python {python}"
                    run_pip(pip, ["download", "--quiet", "--dest", place, *arguments], what, "Change the requirements")
                    for path in sorted(Path(place).iterdir()):
                        wheel = describe(path, part)
                        with tempfile.TemporaryDirectory(dir=place) as trimmed:
                            packed = trim(path, Path(trimmed)) if platform == "windows-x64" else None
                            wheel = replace(wheel, packed_sha256=sha256(packed) if packed else "")
                        locked.setdefault((python, platform), []).append(wheel)
                        path.replace(folder / path.name)
    return locked


def describe(path: Path, part: str) -> Wheel:
    """Return what a wheel is, from its file."""
    name = parse_name(path.name)
    return Wheel(name.name, name.version, path.name, part, sha256(path), path.stat().st_size)


def check_hash(path: Path, wheel: Wheel, next_step: str) -> None:
    """Raise BuildError where a file is not the wheel."""
    if (found := sha256(path)) != wheel.sha256:
        raise BuildError(
            f"{path} is not the file that was locked: its SHA-256 is {found}, expected {wheel.sha256}. {next_step}"
        )


def target_options(python: str, platform: str, part: str) -> list[str]:
    """Return pip's options for wheels of another Python and platform."""
    platforms = [option for tag in pip_platforms(platform, part) for option in ("--platform", tag)]
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]


def run_pip(
    pip: Sequence[str], arguments: Sequence[object], what: str, hint: str, env: Mapping[str, str] | None = None
) -> None:
    """Run pip; raise BuildError with what it said, and a hint, where that fails."""
    done = subprocess.run([*pip, *map(str, arguments)], capture_output=True, text=True, env=env)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        said = "\n  ".join(errors[-SAID_LINES:]) or "it printed nothing"
        raise BuildError(f"pip could not fetch {what}:\n  {said}\n{hint}".rstrip())


def _fetch_one(wheel: Wheel, pip: Sequence[str], python: str, platform: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch_") as place:
        requirements = Path(place) / "requirements.txt"
        requirements.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        arguments = ["--no-deps", "--require-hashes", *target_options(python, platform, wheel.part), "-r", requirements]
        hint = f"Is the package index reachable? {_where_else(wheel)}"
        run_pip(pip, ["download", "--quiet", "--dest", place, *arguments], wheel.file, hint)
        if not (Path(place) / wheel.file).is_file():
            raise BuildError(f"pip found another file than {wheel.file}. {_where_else(wheel)}")
        (Path(place) / wheel.file).replace(folder / wheel.file)


def _where_else(wheel: Wheel) -> str:
    folder = "put the file into a folder and name it with --wheels"
    if "+cpu" in wheel.version:
        return f"PyTorch's CPU build is on an index of its own: name it with --torch-index, or {folder}"
    return folder[0].upper() + folder[1:]
