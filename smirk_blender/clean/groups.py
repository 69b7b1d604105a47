"""A take's parameters as the channels in which they may be averaged, group by group of `take.clean_up.GROUPS`.

Coefficients and the small turns of jaw and eyes are averaged as they are. The head's turns are unit quaternions whose
signs do not flip, since rotation vectors jump where the angle passes half a turn. Where the head stands is what the
audience sees: pixels of the picture, not `camera`, which counts from a crop that moves with every frame's landmarks.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..flame.rotations import quaternions_from_axis_angle
from ..take import Take
from ..take.camera import camera_from_picture, picture_scale

# Arrays of each group; the head's place comes after its turns.
ARRAYS = {
    "expression": ("expression",),
    "jaw": ("jaw_pose",),
    "lids": ("eyelid",),
    "head": ("head_pose", "neck_pose"),
    "gaze": ("eye_pose",),
}
NUM_TURNS = 8  # of the head's channels; its place is in the others
HEAD_LENGTH_M = 0.25
CUT_STEP = 0.12  # in `shots`' measure: 3 cm, or a turn of 14 degrees, from one frame to the next
CUT_CONTRAST = 5.0
CUT_SIDE = 3  # frames on each side, of which the head's usual place there is taken


def group_channels(take: Take, group: str) -> np.ndarray:
    """Return a group's channels, (T, C) float64.

    Returns:
        expression: (T, E), jaw: (T, 3) radians, lids: (T, 2), gaze: (T, 6) radians, as the take has them.
        head: (T, 11): two quaternions w x y z, of head and neck; pixels per metre; the origin's x and y in pixels.
    """
    arrays = [getattr(take, name) for name in ARRAYS[group]]
    if group != "head":
        return np.concatenate(arrays, axis=1).astype(np.float64)
    scale, origin_px = picture_scale(take.camera, take.crop_transform)
    return np.concatenate([*map(quaternions_from_axis_angle, arrays), scale[:, None], origin_px], axis=1)


def with_group_channels(take: Take, channels: Mapping[str, np.ndarray], rows: np.ndarray | None = None) -> Take:
    """Return the take with other channels, the inverse of `group_channels`; quaternions need not have length 1.

    Args:
        channels: (T, C) of each group that changes.
        rows: (T,) bool, those that change; the others keep what they have to the last bit. All where left out.
    """
    changed: dict[str, np.ndarray] = {}
    for group, values in channels.items():
        if group == "head":
            changed["head_pose"] = _turns(values[:, :4], take.head_pose)
            changed["neck_pose"] = _turns(values[:, 4:8], take.neck_pose)
            camera = camera_from_picture(values[:, 8], values[:, 9:], take.crop_transform)
            changed["camera"] = np.where(take.camera[:, :1] == 0, take.camera, camera)  # a scale of 0 is no camera
        else:
            changed[ARRAYS[group][0]] = values
    for name, values in changed.items():
        before = getattr(take, name)
        kept = values if rows is None else np.where(rows[:, None], values, before)
        changed[name] = kept.astype(before.dtype)
    return replace(take, **changed)


def _turns(quaternions: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return rotation vectors (T, 3) of quaternions (T, 4) w x y z of any length.

    Of the two vectors of one rotation up to a full turn, each is the one nearer to that `before`, (T, 3).
    """
    vector_part = quaternions[:, 1:]
    sine = np.linalg.norm(vector_part, axis=1)
    half = np.arctan2(sine, quaternions[:, 0])
    axis = vector_part / np.where(sine > 0, sine, 1.0)[:, None]
    turns = (2.0 * half + np.array([0.0, -2.0 * np.pi])[:, None])[..., None] * axis  # (2, T, 3)
    nearest = np.argmin(np.sum((turns - before) ** 2, axis=-1), axis=0)
    return turns[nearest, np.arange(len(before))]


def shots(take: Take) -> list[slice]:
    """Return the rows between cuts, in order; one slice for a take without any.

    A cut is a step from one frame to the next beside which the head all but stands still, and after which it stays: a
    head that turns or walks as fast takes some frames to get there.
    """
    channels = group_channels(take, "head")
    # Turn and place in one measure: a head's length over its image, and about half a turn, are 1.
    scale = channels[:, 8:9]  # 0 in a take without a camera, whose head has no place
    place = np.divide(channels[:, 9:], scale * HEAD_LENGTH_M, out=np.zeros((len(take), 2)), where=scale > 0)
    where = np.concatenate([channels[:, :4], place], axis=1)
    if len(where) < 2 * CUT_SIDE + 2:
        return [slice(0, len(where))]
    step = np.linalg.norm(np.diff(where, axis=0), axis=1)  # (T - 1,) before row 1 and on
    beside = np.maximum(np.append(0.0, step[:-1]), np.append(step[1:], 0.0))
    cuts = []
    for row in np.flatnonzero((step > CUT_STEP) & (step > CUT_CONTRAST * beside)) + 1:
        before, after = where[max(row - CUT_SIDE, 0) : row], where[row : row + CUT_SIDE]
        if np.linalg.norm(np.median(after, axis=0) - np.median(before, axis=0)) > 0.5 * step[row - 1]:
            cuts.append(int(row))
    edges = [0, *cuts, len(where)]
    return [slice(first, end) for first, end in zip(edges, edges[1:])]
