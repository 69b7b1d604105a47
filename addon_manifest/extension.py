"""The add-on as an extension: its files, its manifest, the zip; the same bytes from the same inputs and zlib."""

import functools
import json
import os
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from wheels import PLATFORMS, BuildError
from wheels.lock import PARTS, Wheel
from wheels.members import as_packed, sha256

from .blender import ExtensionTool
from .licences import licence_files
from .sources import ADDON, ROOT, addon_files

MANIFEST = "blender_manifest.toml"
CONTENTS = "wheels.json"  # in the zip: which wheels it has, for the installed add-on to look at
OLDEST = 'blender_version_min = "4.2.0"\n'  # in the manifest, where more is put in
# The Blenders that have each Python: from this one on, and before that one.
BLENDERS = {"3.11": ("4.2.0", "5.1.0"), "3.13": ("5.1.0", None)}
SPANS = {"3.11": "blender_4.2_to_5.0", "3.13": "blender_5.1_on"}  # the same in a file's name
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # of every file in a zip: the earliest there is
FILE_MODE, UNIX = 0o100644, 3  # of every file, wherever it was made


@dataclass(frozen=True)
class Kind:
    """Which package: "full" or "landmarks" for a Python and a platform, or "light" for all of them, without wheels."""

    size: str
    python: str | None = None
    platform: str | None = None


LIGHT = Kind("light")


def kind_of(size: str, blender: str, platform: str) -> Kind:
    """Return which package a user of a Blender such as "4.5" and a platform needs.

    Raises:
        BuildError: it is no Blender for which there is one.
    """
    try:
        version = tuple(int(number) for number in blender.split("."))[:2]
    except ValueError:
        raise BuildError(f"{blender!r} is no version of Blender. Name one such as --blender 4.5") from None
    if version < (4, 2):
        raise BuildError(f"Blender {blender} has no extensions with packages of their own. Name 4.2 or later")
    assert platform in PLATFORMS and size in PARTS
    return LIGHT if size == "light" else Kind(size, "3.11" if version < (5, 1) else "3.13", platform)


def zip_name(kind: Kind) -> str:
    """Return a package's file name, such as smirk_blender-0.1.0-full-linux_x64-blender_4.2_to_5.0.zip."""
    facts = tomllib.loads(_manifest_source())
    place = [kind.platform.replace("-", "_"), SPANS[kind.python]] if kind.platform else []
    return "-".join([facts["id"], facts["version"], kind.size, *place]) + ".zip"


def manifest_text(kind: Kind, wheels: Sequence[Wheel]) -> str:
    """Return the manifest of a package."""
    source = _manifest_source()
    assert source.count(OLDEST) == 1
    if kind.platform is None:
        return source
    oldest, beyond = BLENDERS[kind.python]
    lines = [f'blender_version_min = "{oldest}"']
    lines += [f'blender_version_max = "{beyond}"'] if beyond else []
    lines += [f'platforms = ["{kind.platform}"]', "wheels = ["]
    lines += [f'  "./wheels/{wheel.file}",' for wheel in sorted(wheels, key=lambda wheel: wheel.file)]
    return source.replace(OLDEST, "\n".join([*lines, "]\n"]))


def contents_text(kind: Kind, wheels: Sequence[Wheel], files: Mapping[str, str]) -> str:
    """Return the list of a package's wheels and other files, which the installed add-on holds its files against.

    Args:
        files: the SHA-256 of each file but the wheels, in hexadecimal digits.
    """
    fields = ("file", "sha256", "name", "version", "pinned")
    ordered = sorted(wheels, key=lambda wheel: wheel.file)
    packed = [asdict(wheel) | {"sha256": wheel.packed_sha256 or wheel.sha256} for wheel in ordered]
    listed = [{field: wheel[field] for field in fields} for wheel in packed]
    return json.dumps(asdict(kind) | {"wheels": listed, "files": dict(sorted(files.items()))}, indent=1) + "\n"


def pack(folder: Path) -> Path:
    """Return a new zip in `folder` of the add-on without wheels, as Blender's builder makes it but without Blender."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".package_") as place:
        _lay_out(LIGHT, {}, Path(place), Path(place))
        files = {path.relative_to(place).as_posix(): path for path in Path(place).rglob("*") if path.is_file()}
        entries = {name: (path.stat().st_size, functools.partial(open, path, "rb")) for name, path in files.items()}
        return _write_zip(folder / zip_name(LIGHT), entries)


def build(kind: Kind, wheels: Mapping[Wheel, Path], folder: Path, tool: ExtensionTool) -> Path:
    """Return a new zip in `folder`, built by Blender's own builder.

    Args:
        wheels: with their files, as they were published.
    Raises:
        BuildError: Blender would not build it, or a wheel cannot be unpacked where it would have to be.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".package_") as place:
        source, built = Path(place) / "source", Path(place) / "built.zip"
        trimmed = Path(place) / "trimmed"
        source.mkdir()
        trimmed.mkdir()
        _lay_out(kind, wheels, source, trimmed)
        tool.build(source, built)
        # Blender's builder takes over times, permissions and the order of a folder's entries; this puts them right.
        with zipfile.ZipFile(built) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            entries = {name: (info.file_size, functools.partial(archive.open, info)) for name, info in infos.items()}
            return _write_zip(folder / zip_name(kind), entries)


def _manifest_source() -> str:
    return (Path(__file__).with_name(MANIFEST)).read_text(encoding="utf-8")


def _lay_out(kind: Kind, wheels: Mapping[Wheel, Path], folder: Path, trimmed: Path) -> None:
    """Put a package's files into an empty folder; wheels that are not packed as they were published into `trimmed`."""
    packed = as_packed(wheels, kind.platform, trimmed) if wheels else {}
    texts = {MANIFEST: manifest_text(kind, list(packed)).encode()}
    if wheels:
        texts |= licence_files(sorted(wheels.values()))
    for source in addon_files(ROOT, ADDON):
        _copy(source, folder / source.relative_to(ADDON))
    _copy(ROOT / "LICENSE", folder / "LICENSE")
    for name, text in texts.items():
        assert not (folder / name).exists(), name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}
    (folder / CONTENTS).write_text(contents_text(kind, list(packed), files), encoding="utf-8", newline="\n")
    for wheel, path in packed.items():
        _copy(path, folder / "wheels" / wheel.file)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)  # wheels are large
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _write_zip(path: Path, entries: Mapping[str, tuple[int, Callable[[], BinaryIO]]]) -> Path:
    """Write a zip of files, each with its size in bytes and a function that opens it; return its path."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name in sorted(entries, key=lambda name: (name != MANIFEST, name)):
                size_bytes, open_file = entries[name]
                info = zipfile.ZipInfo(name, ZIP_DATE)
                info.create_system, info.external_attr, info.file_size = UNIX, FILE_MODE << 16, size_bytes
                # Wheels are compressed already.
                info.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
                with open_file() as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
