"""Video in, take out: decode, find the face, crop, solve. cv2 and mediapipe; runs in a worker process. No `bpy` here.

`protocol` and `job`, the parent's side, need the standard library only, so the rest is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .crop import crop_face
    from .solve import SolveOptions, solve_video

_PLACES = {"crop_face": ".crop", "SolveOptions": ".solve", "solve_video": ".solve"}
__all__ = ["SolveOptions", "crop_face", "solve_video"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name], __name__), name)
