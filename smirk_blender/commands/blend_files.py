"""Files of Blender's own that commands open and save."""

import os
from pathlib import Path

import bpy

from ..errors import SmirkError, TakeError
from ..rig import compat
from ..rig.footage import make_footage_paths_relative
from .console import quiet


def open_blend(path: str | os.PathLike, kind: type[SmirkError], advice: str) -> None:
    """Open a .blend in place of all that is open, without running scripts in it.

    Args:
        kind: of the error, which ends with the advice.
    Raises:
        SmirkError: it cannot be opened.
    """
    path = Path(path).absolute()
    if not path.is_file():
        raise kind(f"No file at {path}. {advice}")
    try:
        with quiet():
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise kind(f"Cannot open {path} ({compat.message_of(error)}). {advice}") from error


def save_blend(path: str | os.PathLike, *, moved: bool = False) -> None:
    """Save everything as a compressed .blend; footage in or below its folder is found relative to it.

    Args:
        moved: whether it was opened from elsewhere, so that the relative paths in it are to lead where they led.
    Raises:
        TakeError: the folder cannot be written.
    """
    path = Path(path).absolute()
    is_complete = moved or make_footage_paths_relative(path.parent)
    _save(path, remap=moved)
    if not is_complete:
        make_footage_paths_relative(path.parent)
        _save(path, remap=False)


def _save(path: Path, *, remap: bool) -> None:
    file_preferences = bpy.context.preferences.filepaths
    save_version, file_preferences.save_version = file_preferences.save_version, 0  # no NAME.blend1 beside it
    try:
        with quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, relative_remap=remap)
    except RuntimeError as error:
        reason = compat.message_of(error)
        raise TakeError(f"Cannot save {path} ({reason}). Choose a folder that you may write to") from error
    finally:
        file_preferences.save_version = save_version
