"""Which model a head was made from, and that model, read from its file once."""

import os
from functools import lru_cache
from pathlib import Path

from bpy.types import Object

from ..errors import HeadError
from ..flame import BUILTIN_HEAD, Head, open_head
from .checks import check_head
from .memory import EYELID_FOLDER, MODEL_NAME, MODEL_PATH
from .named_head import NAMED_MODEL, head_of_mesh

KEPT_MODELS = 2  # in memory, of a few dozen megabytes each


def open_model(path: str, eyelid_folder: str = "") -> Head:
    """Return the model "builtin" or in a file; read again only if the file has changed.

    Raises:
        HeadError: as `flame.open_head`.
    """
    changed = os.stat(path).st_mtime_ns if path != BUILTIN_HEAD and Path(path).is_file() else 0
    return _open(path, eyelid_folder, changed)


def remember_model(head_object: Object, path: str, eyelid_folder: str = "") -> None:
    """Note where a head's model came from, so that `model_of` finds it."""
    head_object.data[MODEL_PATH], head_object.data[EYELID_FOLDER] = path, eyelid_folder


def model_of(head_object: Object) -> Head:
    """Return the model that a head was built from or adopted by.

    Raises:
        HeadError: its file is not where it was, or is another now, or the head cannot be changed.
    """
    if head_object.data[MODEL_NAME] == NAMED_MODEL:
        return head_of_mesh(head_object)
    if MODEL_PATH not in head_object.data:
        raise HeadError(f"{head_object.name} does not know its model's file. Adopt it again, with the file")
    head = open_model(head_object.data[MODEL_PATH], head_object.data.get(EYELID_FOLDER, ""))
    check_head(head_object, head)
    return head


@lru_cache(maxsize=KEPT_MODELS)
def _open(path: str, eyelid_folder: str, changed: int) -> Head:
    return open_head(path, eyelid_folder or None)
