"""The packages that come along with the add-on: whether they are what was packed. Standard library only.

`wheels.json`, at the package's root, says what was packed: {"size": "full", "landmarks" or "light", "python": "3.11",
"platform": "linux-x64", "wheels": [{"file", "sha256", "name", "version", "pinned"}], "files": {name: sha256}}, with the
add-on's own files last. The wheels lie in `wheels`; Blender unpacks them into a folder among its extensions.
"""

import hashlib
import json
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from ..errors import SmirkError
from .protocol import Checked

ROOT = Path(__file__).parents[1]
LIST_NAME, WHEELS_FOLDER = "wheels.json", "wheels"
LIGHT = "light"
INFO = ".dist-info"  # at the end of a folder's name, after package and version
CHUNK_BYTES = 1 << 20
AGAIN = "Install the extension again"


def packed(root: Path = ROOT) -> dict | None:
    """Return what was packed; None where the add-on runs from its sources.

    Raises:
        SmirkError: the list is damaged.
    """
    path = root / LIST_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        [(wheel["file"], wheel["sha256"], wheel["name"], wheel["version"]) for wheel in content["wheels"]]
        content["size"], content["platform"]
        return content | {"python": str(content["python"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SmirkError(f"{path} is damaged ({error}). {AGAIN}") from error


def fingerprint(root: Path = ROOT) -> str:
    """Return what tells a package from others of the same version: some digits of the hash of what it lists."""
    return sha256_of_file(root / LIST_NAME)[:10]


def came_along(folders: Sequence[str], root: Path = ROOT) -> bool:
    """Return whether this Python has its packages from those that came along."""
    return came_with_packages(root) and any(folder in sys.path for folder in folders)


def came_with_packages(root: Path = ROOT) -> bool:
    """Return whether packages came along with the add-on, for Blender's Python."""
    try:
        content = packed(root)
    except SmirkError:  # a finding says so
        return False
    return bool(content and content["wheels"])


def packed_findings(folders: Sequence[str], root: Path = ROOT) -> list[Checked]:
    """Return what is to be said of the packages that came along; nothing where the add-on runs from its sources.

    Args:
        folders: in which Blender unpacks extensions' wheels; this Python looks there for packages, or it is another.
    """
    try:
        content = packed(root)
    except SmirkError as error:
        return [Checked("Packages", "bad", str(error))]
    if content is None:
        return []
    what = f"{content['size']}, for {content['platform']} and Python {content['python']}"
    if content["size"] == LIGHT or not content["wheels"]:
        return [Checked("Packages", "good", f"{content['size']}: none came along; the worker's Python must have them")]
    if not came_along(folders, root):
        return [Checked("Packages", "good", f"{what}: not used, {sys.executable} has its own")]
    faults = [fault for wheel in content["wheels"] if (fault := _fault(wheel, folders, root))]
    running = ".".join(map(str, sys.version_info[:2]))
    if content["python"] != running:
        text = f"they are for Python {content['python']}, and this is {running}. Choose the package for it"
        faults.insert(0, ("bad", text))
    if faults:
        return [Checked("Packages", state, f"{what}: {text}") for state, text in faults]
    return [Checked("Packages", "good", f"{what}: {len(content['wheels'])}, as they were packed")]


def _fault(wheel: dict, folders: Sequence[str], root: Path) -> tuple[str, str] | None:
    """Return what is wrong with a wheel or with what was unpacked from it: "bad" or "warning", and the words."""
    path = root / WHEELS_FOLDER / wheel["file"]
    try:
        digest = sha256_of_file(path)
    except OSError as error:
        return "bad", f"{path} cannot be read: {error.strerror or error}. {AGAIN}"
    if digest != wheel["sha256"]:
        text = f"{path} is not what was packed: sha256 {digest[:8]}\u2026, not {wheel['sha256'][:8]}\u2026"
        return "bad", f"{text}. {AGAIN}"
    name, version = wheel["name"], wheel["version"]
    copies = {copy: folder for folder in folders for copy in _versions(Path(folder), name)}
    if not copies:
        return "bad", f"{name} {version} was not unpacked into {_words(folders)}. {AGAIN}"
    if version not in copies:
        newest = max(copies, key=_numbers)
        text = f"{name} is {newest} in {copies[newest]}, not {version}"
        if _numbers(newest) > _numbers(version):  # of all extensions' wheels Blender unpacks the newest
            return "warning", f"{text}: another extension brings it. Should a solve fail, disable that extension"
        return "bad", f"{text}. {AGAIN}"
    if fault := _unpacked_fault(path, Path(copies[version])):
        return "bad", f"{fault}. {AGAIN}"
    first = next(iter(distributions(name=name)), None)  # on sys.path
    place = str(first.locate_file("")) if first else ""
    if first and place not in folders and first.version != version:
        text = f"{name} is {first.version} in {place}, which Python finds before the {version} that came along"
        return "warning", f"{text}. Should a solve fail, remove it there"
    return None


def _versions(folder: Path, name: str) -> list[str]:
    """Return the versions of a package that were unpacked into a folder."""
    found = (path.name.removesuffix(INFO).partition("-") for path in folder.glob(f"*{INFO}"))
    return [version for package, _, version in found if _same_for_pip(package) == _same_for_pip(name)]


def _same_for_pip(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _unpacked_fault(wheel: Path, folder: Path) -> str:
    """Return the first file in a folder that is missing or other than in the wheel; "" if none is."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        return f"{wheel} is no wheel: {error}"
    for member in members:
        # Blender puts scripts and such elsewhere, and writes a RECORD of its own then.
        if member.is_dir() or ".data/" in member.filename or member.filename.endswith(f"{INFO}/RECORD"):
            continue
        path = folder / member.filename
        try:
            size_bytes = path.stat().st_size
            if size_bytes != member.file_size:
                return f"{path} has {size_bytes} bytes, not {member.file_size} as packed"
            if _crc32(path) != member.CRC:
                return f"{path} has other bytes than were packed"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror or error}"
    return ""


def _crc32(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


def sha256_of_file(path: str | os.PathLike) -> str:
    """Return a file's sha256, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _words(folders: Sequence[str]) -> str:
    return " or ".join(folders) or "any folder that this Blender knows"
