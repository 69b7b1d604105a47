"""What Blender knows about an installation: the add-on, Blender, the machine, folders, model files. Worth a report's
first half; the worker knows the other.
"""

import os
import platform
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import bpy
import gpu
import numpy as np

from ..capture.machine import memory_bytes, processor_name, system_name
from ..capture.packed import fingerprint, packed
from ..capture.protocol import Checked
from ..errors import DamagedError, SmirkError
from ..models.catalog import MODEL_FILES, ModelFile, path_of, size_text, state_of
from .preferences import SMIRK_AP_preferences, cache_folder, data_folder, preferences, takes_folder

PACKAGE = Path(__file__).parents[1]
MANIFEST = "blender_manifest.toml"
SOURCE_MANIFEST = PACKAGE.parent / "addon_manifest" / MANIFEST
LEAST_FREE_BYTES = 1_000_000_000  # a long clip's passing files, and room for the system
STATES = {"there": "good", "absent": "bad", "wrong": "bad"}


def look_around(settings: SMIRK_AP_preferences | None = None) -> list[Checked]:
    """Return what Blender knows, line by line.

    Args:
        settings: what has the preferences' fields, the preferences themselves where left out.
    """
    settings = settings or preferences()
    folders = {"Data Folder": data_folder, "Cache Folder": cache_folder, "Takes Folder": takes_folder}
    models = {f"{entry.name} File": partial(_model_file, entry, settings) for entry in MODEL_FILES}
    return [
        Checked("Date", "good", f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"),
        _found("Add-on", _addon),
        _found("Blender", _blender),
        _found("System", lambda: ("good", system_name())),
        _found("Processor", _processor),
        _found("Graphics", _graphics),
        Checked("Blender's Python", "good", f"{platform.python_version()}, NumPy {np.__version__}"),
        Checked("Worker Python", "good", settings.worker_python or "Blender's own"),
        Checked("Online Access", "good", "on" if bpy.app.online_access else "off: nothing can be downloaded from here"),
        *(_found(subject, partial(_folder, folder)) for subject, folder in folders.items()),
        *(_found(subject, find) for subject, find in models.items()),
    ]


def _found(subject: str, find: Callable[[], tuple[str, str]]) -> Checked:
    """Return what a function finds, a state and a text; what the system refuses it is a finding, too."""
    try:
        return Checked(subject, *find())
    except (OSError, ValueError) as error:
        return Checked(subject, "bad", f"cannot be told: {type(error).__name__}: {error}")


def addon_version() -> str:
    """Return the version in the manifest: beside the package where it is installed, else of the sources.

    Raises:
        DamagedError: it cannot be read from there.
    """
    for path in (PACKAGE / MANIFEST, SOURCE_MANIFEST):
        if not path.is_file():
            continue
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError) as error:
            raise DamagedError(f"{path} cannot be read: {error}. Install the add-on again") from error
        except KeyError as error:
            raise DamagedError(f"{path} names no version. Install the add-on again") from error
    return "of an unknown version"


def _addon() -> tuple[str, str]:
    try:
        version = addon_version()
    except DamagedError as error:
        return "bad", str(error)
    try:
        content = packed()
        size = f", {content['size']}, build {fingerprint()}" if content else ""
    except SmirkError:  # said with the packages
        size = ""
    kind = "installed" if (PACKAGE / MANIFEST).is_file() else "source"
    reason = _write_fault(PACKAGE)
    access = f"read-only ({reason})" if reason else "writable"
    return "good", f"{version}, {kind}{size}, in {PACKAGE}, {access}"


def _blender() -> tuple[str, str]:
    commit = bpy.app.build_hash.decode(errors="replace")
    where = bpy.app.binary_path or f"the bpy module in {Path(bpy.__file__).parent}"
    return "good", f"{bpy.app.version_string}, commit {commit}, {where}"


def _processor() -> tuple[str, str]:
    return "good", f"{processor_name()}, {os.cpu_count()} cores, {size_text(memory_bytes())} memory"


def _graphics() -> tuple[str, str]:
    try:
        return "good", f"{gpu.platform.renderer_get()}, {gpu.platform.version_get()}"
    except SystemError:
        return "good", "not told by a Blender without a window"


def _folder(where: Callable[[], Path]) -> tuple[str, str]:
    """Return whether a folder can be written, and how much room is there."""
    folder = where()
    try:
        there = next((each for each in (folder, *folder.parents) if each.is_dir()), None)
        reason = _write_fault(there) if there else "no such disk"
    except OSError as error:  # a folder on the way that nobody may look into
        reason = error.strerror or str(error)
    if reason:
        return "bad", f"{folder} cannot be written: {reason}. Choose other folders in the add-on's preferences"
    made = "" if there == folder else ", made when it is needed"
    try:
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:  # of some network disks
        return "warning", f"{folder}{made}; its free space is not told: {error.strerror or error}"
    scarce = free_bytes < LEAST_FREE_BYTES
    advice = ". Make room: long clips need more" if scarce else ""
    return "warning" if scarce else "good", f"{folder}, {size_text(free_bytes)} free{made}{advice}"


def _write_fault(folder: Path) -> str:
    """Return why nothing can be written to a folder; "" if something can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _model_file(entry: ModelFile, settings: SMIRK_AP_preferences) -> tuple[str, str]:
    path = path_of(entry, getattr(settings, entry.setting))
    state = state_of(entry, path, verify=True)
    if state.kind == "absent" and entry.setting.endswith("_folder"):  # of several, some may do
        return "warning", f"{path}: {state.text}. {entry.purpose}"
    if state.kind == "unset":
        return "good", f"not set. {entry.purpose}"
    known = ", sha256 as published" if state.kind == "there" and entry.sha256 else ""
    advice = "" if state.kind == "there" else ". Locate it in the add-on's preferences, or clear its field"
    return STATES[state.kind], f"{path}: {state.text}{known}{advice}"
