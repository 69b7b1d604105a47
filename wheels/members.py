"""The files in a wheel: whether their names stay inside it, and whether Windows can hold their paths."""

import csv
import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from . import BuildError
from .lock import Wheel

# Where Blender unpacks a wheel, and where it puts the extension, for a user with a name of 20 characters.
_BLENDER = "C:\\Users\\" + 20 * "u" + "\\AppData\\Roaming\\Blender Foundation\\Blender\\4.5\\extensions\\"
UNPACKED = _BLENDER + ".local\\lib\\python3.11\\site-packages\\"
INSTALLED = _BLENDER + "user_default\\smirk_blender\\"
# Characters of a path, where long paths are off. Source: MAX_PATH, which counts the one that ends a path; a folder must
# leave room for a name of 8.3.
LONGEST_FILE, LONGEST_FOLDER = 259, 247
LICENCE = re.compile(r"[^/]+\.dist-info/licenses/.+")
RECORD = re.compile(r"[^/]+\.dist-info/RECORD")


def check_names(names: Iterable[str], path: Path) -> None:
    """Raise BuildError where a name in a zip leads out of the folder that it is unpacked into."""
    for name in names:
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise BuildError(f"{path} has a file {name!r}, which does not stay in its folder. Do not use this file")


def too_long(names: Iterable[str], prefix: str = UNPACKED) -> list[str]:
    """Return the names that Windows cannot hold below a prefix, the longest first."""
    found = [name for name in names if not _fits(name, prefix)]
    return sorted(found, key=lambda name: (-len(name), name))


def trim(path: Path, folder: Path) -> Path | None:
    """Write a wheel for Windows without the licence texts whose paths are too long there; its RECORD lacks them too.

    The bytes are the published wheel's, to which a new RECORD, stored as it is, and a new directory are added: nothing
    is compressed again, so they do not depend on the zlib that is there.

    Returns:
        The new wheel, of the same name; None where every path fits.
    Raises:
        BuildError: another file's path is too long.
    """
    with zipfile.ZipFile(path) as archive:
        dropped = set(too_long(archive.namelist()))
    if other := sorted(name for name in dropped if not LICENCE.fullmatch(name)):
        raise BuildError(
            f"{path} has files whose paths are too long for Windows, and which cannot be left out: "
            f"{', '.join(other)}. Choose another version of the package"
        )
    if not dropped:
        return None
    target = folder / path.name
    shutil.copyfile(path, target)
    with zipfile.ZipFile(target, "a") as archive:
        record = next(info for info in archive.infolist() if RECORD.fullmatch(info.filename))
        lines = archive.read(record).decode("utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if next(csv.reader([line]), [""])[0] not in dropped)
        archive.filelist[:] = [info for info in archive.filelist if info.filename not in dropped | {record.filename}]
        for name in dropped | {record.filename}:
            del archive.NameToInfo[name]
        info = zipfile.ZipInfo(record.filename, record.date_time)
        info.create_system, info.external_attr = record.create_system, record.external_attr
        archive.writestr(info, kept.encode())
    return target


def as_packed(wheels: Mapping[Wheel, Path], platform: str, folder: Path) -> dict[Wheel, Path]:
    """Return wheels as they are packed for a platform: trimmed for Windows, into a folder; elsewhere as published.

    Raises:
        BuildError: one is unsafe, cannot be trimmed, or is then not what the lock says.
    """
    packed = {}
    for wheel, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            check_names(archive.namelist(), path)
        trimmed = trim(path, folder) if platform == "windows-x64" else None
        digest = sha256(trimmed) if trimmed else ""
        if wheel.pinned and digest != wheel.packed_sha256:
            raise BuildError(
                f"{wheel.file} without what is too long for Windows is not what was locked: its SHA-256 is "
                f"{digest or wheel.sha256}, expected {wheel.packed_sha256 or wheel.sha256}. Lock it again: "
                "python3 build.py package --relock"
            )
        packed[replace(wheel, packed_sha256=digest)] = trimmed or path
    return packed


def sha256(path: Path) -> str:
    """Return the hash of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fits(name: str, prefix: str) -> bool:
    folder = name.rpartition("/")[0]
    return len(prefix + name.rstrip("/")) <= LONGEST_FILE and len(prefix + folder) <= LONGEST_FOLDER
