"""The command `build.py package`: make packages, check them, print what they hold."""

import os
import platform
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from wheels import PLATFORMS, BuildError
from wheels.fetch import fetch, relock
from wheels.lock import MISSING, PARTS, TORCH, Wheel, locked_wheels, read_lock, write_lock
from wheels.torch_index import fetch_torch

from .blender import ExtensionTool
from .check import Contents, check_set, inspect
from .extension import Kind, build, kind_of, pack

TORCH_VERSION = "2.13.0"  # where --torch names none
MACHINES = {
    ("linux", "x86_64"): "linux-x64",
    ("win32", "amd64"): "windows-x64",
    ("darwin", "arm64"): "macos-arm64",
    ("darwin", "x86_64"): "macos-x64",
}
MB = 1e6
INSTALL = "In Blender: drag it into the window, or Preferences > Get Extensions > Install from Disk"


def make_packages(options: Namespace, environment: Callable[[], Path]) -> int:
    """Do what `build.py package` is asked for; return an exit code.

    Args:
        environment: makes the environment that has pip and Blender's tool, and returns its Python.
    Raises:
        BuildError: a package cannot be made, or is not what it should be.
    """
    if options.check is None and not options.relock and options.size == "light":
        path = pack(options.out)
        show(path, inspect(path))
        return 0
    making = options.check is None and not options.relock
    kinds = wanted_kinds(options) if making else []  # before an environment, which takes minutes, is made
    python = environment()
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    if options.relock:
        write_lock(relock(pip))
        return 0
    tool = ExtensionTool(python)
    if options.check is not None:
        check(options.check, tool)
        return 0
    for kind in kinds:
        make_package(kind, options, pip, tool)
    return 0


def wanted_kinds(options: Namespace) -> list[Kind]:
    """Return which packages to make; where all platforms are asked for, say which of them have none.

    Raises:
        BuildError: there is none for the platform that is asked for.
    """
    kinds = []
    for target in PLATFORMS if options.platform == "all" else (options.platform or this_platform(),):
        kind = kind_of(options.size, options.blender, target)
        parts = [part for part in PARTS[kind.size] if part != TORCH or not options.torch_index]
        reason = next((MISSING[key] for part in parts if (key := (kind.python, target, part)) in MISSING), None)
        if reason is None:
            kinds.append(kind)
        elif options.platform == "all":
            print(f"No {options.size} package for {target}: {reason}\n", flush=True)
        else:
            raise BuildError(f"There is no {options.size} package for {target} and Python {kind.python}: {reason}")
    return kinds


def this_platform() -> str:
    """Return the platform that this runs on, in Blender's words; raise BuildError where there is no package for it."""
    machine = platform.machine().lower()
    if name := MACHINES.get((sys.platform, machine)):
        return name
    raise BuildError(f"No packages are made for {sys.platform} on {machine}. Choose --size light, or a --platform")


def make_package(kind: Kind, options: Namespace, pip: list[str], tool: ExtensionTool) -> Path:
    """Return a new package with wheels in the folder `options.out`, after checking and showing it.

    Raises:
        BuildError: it cannot be made, or is not what it should be; then the folder is as it was.
    """
    parts = [part for part in PARTS[kind.size] if part != TORCH or not options.torch_index]
    locked = locked_wheels(kind.python, kind.platform, parts)
    files = fetch(locked, pip, kind.python, kind.platform, given=options.wheels)
    wheels: dict[Wheel, Path] = dict(zip(locked, files, strict=True))
    with tempfile.TemporaryDirectory(dir=options.out, prefix=".building_") as place:
        if kind.size == "full" and options.torch_index:
            wheels |= _torch_from_index(kind, options, pip, Path(place))
        check_set(list(wheels), kind.python, kind.platform)
        built = build(kind, wheels, Path(place), tool)
        contents = inspect(built)
        tool.validate(built)
        path = options.out / built.name
        os.replace(built, path)
    show(path, contents)
    return path


def _torch_from_index(kind: Kind, options: Namespace, pip: list[str], place: Path) -> dict[Wheel, Path]:
    """Return the wheels of the smirk solver, after saying where each comes from."""
    folder = place / "torch"
    folder.mkdir()
    version = options.torch or TORCH_VERSION
    print(f"Fetching PyTorch {version} from {options.torch_index}", flush=True)
    wanted = {"torch": version, "index": options.torch_index, "locked": read_lock(), "given": options.wheels}
    found = fetch_torch(pip, kind.python, kind.platform, folder=folder, **wanted)
    for one in found:
        print(f"  {one.wheel.name} {one.wheel.version} from {one.source}", flush=True)
    return {one.wheel: one.path for one in found}


def check(path: Path, tool: ExtensionTool) -> None:
    """Print what a package holds; raise BuildError where it is not what it should be."""
    contents = inspect(path)
    tool.validate(path)
    show(path, contents)


def show(path: Path, contents: Contents) -> None:
    """Print a package's contents and sizes, and the hash of its zip."""
    print(f"\n{path}")
    rows = [("", "in the zip", "unpacked", "")]
    for wheel in contents.wheels:
        note = "" if wheel.pinned else "not pinned"
        sizes = (f"{size / MB:.1f} MB" for size in (wheel.packed_bytes, wheel.unpacked_bytes))
        rows.append((f"{wheel.name} {wheel.version}", *sizes, note))
    own_bytes = contents.zip_bytes - sum(wheel.packed_bytes for wheel in contents.wheels)
    rows.append(("the add-on, licences", f"{own_bytes / MB:.1f} MB", f"{contents.own_bytes / MB:.1f} MB", ""))
    sizes = (f"{size / MB:.1f} MB" for size in (contents.zip_bytes, contents.installed_bytes))
    rows.append(("the zip, installed", *sizes, "with the wheels, which Blender keeps" if contents.wheels else ""))
    width = max(len(row[0]) for row in rows)
    for name, packed, unpacked, note in rows:
        print(f"  {name:<{width}}  {packed:>10}  {unpacked:>10}  {note}".rstrip())
    for wheel in contents.wheels:
        if not wheel.pinned:
            print(f"  not pinned: {wheel.file}  SHA-256 {wheel.sha256}")
    print(f"  SHA-256 {contents.sha256}\n", flush=True)
