"""Takes and model files where an older version put them: in a folder that Blender removes with the add-on."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from .preferences import PATHS, data_folder, passing_folder, preferences, set_path

RESCUED = ("models", "takes")
MARKER = "rescued.txt"  # in the old folder: it is done, and what is deleted since stays so
MARKER_TEXT = "The takes and models of this folder are found, since then, in\n{}\n"


def rescue_files() -> None:
    """Once: give takes a second name in the folder that stays, and move models there, with their preferences.

    Takes keep their first names as well: .blend files may know them by those.
    """
    old, new = passing_folder(), data_folder()
    if old == new or (old / MARKER).exists() or not any((old / name).is_dir() for name in RESCUED):
        return
    done = True
    for name in RESCUED:
        for path in sorted((old / name).rglob("*")):
            if path.is_file():
                done &= _bring(path, new / path.relative_to(old), keep=name == "takes")
    for setting in PATHS:
        value = getattr(preferences(), setting)
        path = Path(value)
        if value and path.is_relative_to(old) and (new / path.relative_to(old)).exists():
            set_path(setting, new / path.relative_to(old))
    if done:
        try:
            (old / MARKER).write_text(MARKER_TEXT.format(new), encoding="utf-8")
        except OSError as error:
            print(f"Cannot write {old / MARKER}: {error.strerror or error}. Takes deleted from {new} will come back")


def _bring(path: Path, other: Path, *, keep: bool) -> bool:
    """Let a file be found under another name, and under its first too where that is to be kept; existing files win.

    It is copied where the disk cannot do that otherwise. Returns whether it is there.
    """
    if other.exists():
        return True
    partial = other.with_name(f"{other.name}.part")
    try:
        other.parent.mkdir(parents=True, exist_ok=True)
        try:
            (os.link if keep else os.rename)(path, other)
        except OSError:
            shutil.copyfile(path, partial)
            os.replace(partial, other)
        return True
    except OSError as error:  # no reason to go without the add-on
        with suppress(OSError):
            partial.unlink()
        print(f"Cannot copy {path} to {other}: {error.strerror or error}. Uninstalling the add-on would remove it")
        return False


def register() -> None:
    rescue_files()


def unregister() -> None:
    """Nothing to take back."""
