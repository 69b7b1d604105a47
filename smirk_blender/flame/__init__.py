"""FLAME heads: model files in, the FLAME layer (parameters -> vertices, joints, landmarks), the built-in head,
and the fit of a head to landmarks. numpy and scipy. No `bpy` here.
"""

import os
from typing import TYPE_CHECKING

from ..late import late

if TYPE_CHECKING:
    from .files import load_head, save_head
    from .head import JOINT_NAMES, Head, Surface
    from .landmarks import LandmarkEmbedding

__all__ = [
    "BUILTIN_HEAD",
    "JOINT_NAMES",
    "Head",
    "LandmarkEmbedding",
    "Surface",
    "builtin_head",
    "load_head",
    "open_head",
    "save_head",
]

__getattr__ = late(
    __name__,
    {
        "JOINT_NAMES": ".head",
        "Head": ".head",
        "LandmarkEmbedding": ".landmarks",
        "Surface": ".head",
        "load_head": ".files",
        "save_head": ".files",
    },
)

BUILTIN_HEAD = "builtin"  # stands where a model file's path may stand


def builtin_head() -> "Head":
    """Return the built-in head: our own geometry in FLAME's layout, with named expression directions."""
    from .builtin import builtin_head as make

    return make()


def open_head(
    head: str | os.PathLike, eyelid_folder: str | os.PathLike | None = None, *, num_shape: int | None = None
) -> "Head":
    """Return the built-in head for "builtin", which needs no more, else the one in a file; see `load_head`.

    Raises:
        HeadError: as `load_head`.
    """
    from .files import load_head

    return builtin_head() if str(head) == BUILTIN_HEAD else load_head(head, eyelid_folder, num_shape=num_shape)
