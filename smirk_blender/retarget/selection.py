"""Which parts of a face a take moves, and which it leaves to other actions."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..take import Take

EXPRESSION, JAW, EYELIDS, GAZE, HEAD = "expression", "jaw", "eyelids", "gaze", "head"
ALL_PARTS = frozenset({EXPRESSION, JAW, EYELIDS, GAZE, HEAD})
PART_ARRAYS = {
    EXPRESSION: ("expression",),
    JAW: ("jaw_pose",),
    EYELIDS: ("eyelid",),
    GAZE: ("eye_pose",),
    HEAD: ("head_pose", "neck_pose"),
}
JOINT_PARTS = (HEAD, HEAD, JAW, GAZE, GAZE)  # in JOINT_NAMES' order


def take_of_parts(take: Take, parts: Collection[str]) -> Take:
    """Return a take that moves only these parts of the face; the others rest.

    Raises:
        ValueError: a part that there is not.
    """
    unknown = set(parts) - ALL_PARTS
    if unknown:
        raise ValueError(f"parts of a face are {sorted(ALL_PARTS)}, not {sorted(unknown)}")
    left_out = [name for part, arrays in PART_ARRAYS.items() if part not in parts for name in arrays]
    return replace(take, **{name: np.zeros_like(getattr(take, name)) for name in left_out})
