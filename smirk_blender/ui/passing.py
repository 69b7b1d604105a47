"""Folders in the cache for what is needed only while something runs."""

import shutil
import tempfile
import time
from pathlib import Path

from ..errors import SmirkError
from .preferences import cache_folder

STALE_S = 2 * 24 * 3600.0  # no solve takes as long: what is older was left by a Blender that crashed


def new_folder(kind: str, name: str) -> Path:
    """Return a new folder in the cache's folder of a kind, called after `name`; what crashes have left there goes.

    Raises:
        SmirkError: the cache cannot be written.
    """
    parent = cache_folder(kind)
    make_folder(parent)
    try:
        for left in parent.glob("run_*"):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"run_{name}_", dir=parent))
    except OSError as error:
        raise SmirkError(
            f"Cannot write to {parent}: {error.strerror or error}. Choose another cache folder in the preferences"
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        SmirkError: that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SmirkError(
            f"Cannot write to {folder}: {error.strerror or error}. Save the .blend where you may write, or choose other "
            "folders in the preferences"
        ) from error
