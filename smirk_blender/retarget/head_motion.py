"""What a take does with the head's own motion: as it is, moved onto the neck, or left out."""

from dataclasses import replace
from typing import Literal

import numpy as np

from ..flame.rotations import axis_angle_from_matrices, continuous_axis_angle, matrices_from_axis_angle
from ..take import Take


def with_head_motion(take: Take, mode: Literal["keep", "neck", "off"]) -> Take:
    """Return a take with its head motion changed; everything else stays.

    The head turns about another joint then, so that it no longer lies on the footage exactly.
    Args:
        mode: "keep" for the take as it is; "neck" to turn the neck as head and neck turned together, the head staying
            upright (a bust that nods instead of one that tips over); "off" for a head that stays still.
    Raises:
        ValueError: another mode.
    """
    still = np.zeros_like(take.head_pose)
    if mode == "keep":
        return take
    if mode == "off":
        return replace(take, head_pose=still, neck_pose=still.copy())
    if mode != "neck":
        raise ValueError(f"head motion is 'keep', 'neck' or 'off', not {mode!r}")
    turn = matrices_from_axis_angle(take.head_pose) @ matrices_from_axis_angle(take.neck_pose)
    neck_pose = continuous_axis_angle(axis_angle_from_matrices(turn))
    return replace(take, head_pose=still, neck_pose=neck_pose.astype(np.float32))
