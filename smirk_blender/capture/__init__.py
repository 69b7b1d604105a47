"""Video in, take out: decode, find the face, crop, solve. cv2 and mediapipe; runs in a worker process. No `bpy` here.

`protocol` and `job`, the parent's side, need the standard library only, so the rest is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from ..late import late

if TYPE_CHECKING:
    from .crop import crop_face
    from .solve import SolveOptions, solve_video

__all__ = ["SolveOptions", "crop_face", "solve_video"]
__getattr__ = late(__name__, {"crop_face": ".crop", "SolveOptions": ".solve", "solve_video": ".solve"})
