"""Whether a package is whole and what it should be: its wheels' hashes and tags, its manifest, its list of contents."""

import hashlib
import json
import tomllib
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wheels import PLATFORMS, BuildError
from wheels.lock import LOCK, PARTS, Wheel, read_lock
from wheels.members import INSTALLED, UNPACKED, check_names, sha256, too_long
from wheels.tags import canonical_name, check_tags, parse_name

from .extension import BLENDERS, CONTENTS, LIGHT, MANIFEST, Kind

WHEELS = "wheels/"
AGAIN = "Build it again, or copy it again from where it came"


@dataclass(frozen=True)
class Packed:
    """A wheel in a package: the bytes it has there, and those of its files once they are unpacked."""

    name: str
    version: str
    file: str
    sha256: str
    pinned: bool
    packed_bytes: int
    unpacked_bytes: int


@dataclass(frozen=True)
class Contents:
    """What a package holds.

    Attributes:
        zip_bytes, sha256: of the zip.
        own_bytes: of all its files but the wheels, unpacked.
    """

    kind: Kind
    wheels: tuple[Packed, ...]
    zip_bytes: int
    own_bytes: int
    sha256: str

    @property
    def installed_bytes(self) -> int:
        """What it takes once installed: Blender keeps the wheels beside what it unpacks from them."""
        return self.own_bytes + sum(wheel.packed_bytes + wheel.unpacked_bytes for wheel in self.wheels)


def check_set(wheels: Sequence[Wheel], python: str, platform: str) -> None:
    """Raise BuildError where wheels do not fit a Python and a platform, or do not go together."""
    for wheel in wheels:
        check_tags(wheel.file, python, platform)
    names = Counter(canonical_name(wheel.name) for wheel in wheels)
    twice = [name for name, count in names.items() if count > 1]
    opencvs = [name for name in names if name.startswith("opencv-")]
    if twice or len(opencvs) > 1:
        raise BuildError(f"More than one {', '.join(twice or opencvs)}. Take all but one out of the requirements")
    if "numpy" in names:
        raise BuildError("NumPy is Blender's own; another would break other add-ons. Take it out of the requirements")


def inspect(path: Path, lock: Path = LOCK) -> Contents:
    """Return what a package holds, after checking all of it.

    Raises:
        BuildError: it is cut off or changed, or would not run where it says.
    """
    if not path.is_file():
        raise BuildError(f"No package at {path}. Check the path")
    try:
        with zipfile.ZipFile(path) as archive:
            if not archive.infolist() or archive.infolist()[0].header_offset:  # it found the list of a wheel inside
                raise zipfile.BadZipFile("its end, with the list of its files, is cut off")
            if damaged := archive.testzip():
                raise BuildError(f"{path} is damaged: {damaged} in it does not have its checksum. {AGAIN}")
            return _inspect(path, archive, lock)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BuildError(f"{path} is no whole zip ({error}). {AGAIN}") from error


def _inspect(path: Path, archive: zipfile.ZipFile, lock: Path) -> Contents:
    infos = {info.filename: info for info in archive.infolist()}
    try:
        manifest = tomllib.loads(archive.read(MANIFEST).decode("utf-8"))
        listed = json.loads(archive.read(CONTENTS))
        kind = Kind(listed["size"], listed["python"], listed["platform"])
        files = {str(name): str(digest) for name, digest in listed["files"].items()}
        entries = [(dict(entry), entry["file"], entry["sha256"], entry["pinned"]) for entry in listed["wheels"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{MANIFEST} or {CONTENTS} in it cannot be read ({error})"
        raise BuildError(f"{path} is no package of this add-on: {what}. Choose one that this command made") from error
    _check_paths(path, list(infos), kind, INSTALLED)
    _check_manifest(path, manifest, kind, [file for _, file, _, _ in entries])
    _check_files(path, archive, files)
    there = {name.removeprefix(WHEELS) for name in infos if name.startswith(WHEELS)}
    if odd := there ^ {file for _, file, _, _ in entries}:
        raise BuildError(f"The wheels in {path} are not those in its {CONTENTS}: {', '.join(sorted(odd))}. {AGAIN}")
    wheels, packed = [], []
    for entry, file, digest, pinned in entries:
        with archive.open(WHEELS + file) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != digest:
            raise BuildError(f"{file} in {path} was changed: its SHA-256 is {found}, expected {digest}. {AGAIN}")
        name = parse_name(file)
        wheels.append(Wheel(name.name, name.version, file, "", digest, infos[WHEELS + file].file_size, pinned))
        with archive.open(WHEELS + file) as stream, zipfile.ZipFile(stream) as inner:
            unpacked = sum(info.file_size for info in inner.infolist())
            _check_paths(Path(path.name) / file, inner.namelist(), kind, UNPACKED)
        packed_bytes = infos[WHEELS + file].compress_size
        packed.append(Packed(name.name, name.version, file, digest, pinned, packed_bytes, unpacked))
    if kind.platform is not None:
        check_set(wheels, kind.python, kind.platform)
        _check_against_lock(path, kind, wheels, lock)
    own = sum(info.file_size for info in infos.values() if not info.filename.startswith(WHEELS))
    return Contents(kind, tuple(packed), path.stat().st_size, own, sha256(path))


def _check_paths(path: Path, names: Sequence[str], kind: Kind, prefix: str) -> None:
    """Raise BuildError where a name leads out of its folder, or is too long for a package that Windows may get."""
    check_names(names, path)
    if kind.platform in ("windows-x64", None) and (long := too_long(names, prefix)):
        raise BuildError(f"{path} has files whose paths are too long for Windows: {', '.join(long)}. {AGAIN}")


def _check_files(path: Path, archive: zipfile.ZipFile, files: dict[str, str]) -> None:
    """Raise BuildError where the files besides the wheels are not those of the list, by name and hash."""
    there = {name for name in archive.namelist() if not name.startswith(WHEELS)} - {CONTENTS}
    if odd := there ^ set(files):
        raise BuildError(f"The files in {path} are not those in its {CONTENTS}: {', '.join(sorted(odd))}. {AGAIN}")
    for name, digest in files.items():
        if (found := hashlib.sha256(archive.read(name)).hexdigest()) != digest:
            raise BuildError(f"{name} in {path} was changed: its SHA-256 is {found}, expected {digest}. {AGAIN}")


def _check_manifest(path: Path, manifest: dict, kind: Kind, files: list[str]) -> None:
    if kind != LIGHT and (kind.size not in PARTS or kind.platform not in PLATFORMS or kind.python not in BLENDERS):
        raise BuildError(f"{path} says that it is {kind}, which is no package of this add-on. {AGAIN}")
    oldest, beyond = BLENDERS.get(kind.python, ("4.2.0", None))
    wanted = {
        "platforms": [kind.platform] if kind.platform else None,
        "blender_version_min": oldest,
        "blender_version_max": beyond,
        "wheels": [f"./{WHEELS}{file}" for file in files] or None,
    }
    for field, value in wanted.items():
        if manifest.get(field) != value:
            raise BuildError(f"{MANIFEST} in {path} has {field} = {manifest.get(field)!r}, expected {value!r}. {AGAIN}")


def _check_against_lock(path: Path, kind: Kind, wheels: Sequence[Wheel], lock: Path) -> None:
    """Raise BuildError where a wheel is missing or not the lock's; PyTorch and what only it brings may be others."""
    whole = read_lock(lock)
    locked = whole.get((kind.python, kind.platform), ())
    known = {wheel.name for (python, _), group in whole.items() if python == kind.python for wheel in group}
    hashes = {wheel.packed_sha256 or wheel.sha256 for wheel in locked}
    for wheel in wheels:
        if wheel.pinned and wheel.sha256 not in hashes:
            raise BuildError(
                f"{wheel.file} in {path} is not the one that {lock.name} names; it was made from another lock. "
                "Check it with the version of the repository that it was made from, or build it again"
            )
        if not wheel.pinned and (kind.size != "full" or wheel.name in known - {"torch"}):
            raise BuildError(f"{wheel.file} in {path} is not pinned, which PyTorch alone may be. {AGAIN}")
    names = {wheel.name for wheel in wheels}
    needed = {canonical_name(wheel.name) for wheel in locked if wheel.part in PARTS[kind.size]}
    needed |= {"torch"} if kind.size == "full" else set()
    if missing := needed - names:
        raise BuildError(f"{path} lacks {', '.join(sorted(missing))}. {AGAIN}")
