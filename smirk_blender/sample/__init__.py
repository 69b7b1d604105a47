"""The sample clip: an animation of ours on the built-in head, and the video that was rendered from it. numpy. No `bpy` here.

`sample.mp4` is rendered by `build.py sample`; `sample_take` is the truth behind it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ..late import late

if TYPE_CHECKING:
    from .performance import sample_take

SAMPLE_CLIP = Path(__file__).with_name("sample.mp4")

__all__ = ["SAMPLE_CLIP", "sample_take"]
__getattr__ = late(__name__, {"sample_take": ".performance"})
