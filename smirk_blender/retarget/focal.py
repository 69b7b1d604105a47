"""The focal length that explains a take's measured landmarks, where they tell one.

They seldom do. Solvers see heads orthographically, so that what perspective did to a face has become part of
its solved identity, and fits best without perspective. Letting the identity follow does not help: in trials
with known lenses the result was as good as the guess of how far identities may go, from half to twice the
truth. So this believes a focal length only where perspective explains clearly more than no perspective
does, as for a head whose shape is known otherwise, and says None elsewhere.
"""

import numpy as np

from ..flame.head import Head
from ..flame.rotations import matrices_from_axis_angle
from ..take import Take
from ..take.camera import picture_scale
from .perspective import SENSOR_MM, anchors_of, from_middle, longer_side_px, place

SHORTEST_MM, LONGEST_MM = 15.0, 300.0  # that are looked for; beyond 300 mm a face shows no perspective
NO_PERSPECTIVE_MM = 1e4  # 300 m from the face
MAX_FRAMES = 24  # spread over the take
NUM_COARSE = 9  # focal lengths tried, evenly in their logarithm, before the best one's surroundings are searched
NUM_GOLDEN = 12  # steps there, to 0.2 %
GOLDEN = (5**0.5 - 1) / 2
# Of the landmarks' RMS distance. Heads that were solved orthographically from pictures made with 28, 50 and 85 mm gained
# 0.4 to 1.7 %, real footage the same; the true heads gained 60, 40 and 21 %.
CLEAR_GAIN = 0.1


def estimate_focal(take: Take, head: Head) -> float | None:
    """Return the focal length in mm, 36 mm being the picture's longer side, or None where the landmarks do not tell.

    Args:
        take: T frames; those with a face are looked at, or some of them.
        head: the model that it was solved on.
    """
    frames = np.flatnonzero(~take.gap & np.isfinite(take.landmarks).all(axis=(1, 2)))
    if head.landmarks is None or len(frames) == 0:
        return None
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, min(MAX_FRAMES, len(frames))).astype(int))]
    anchors, _, _ = anchors_of(take, head, frames)
    measured_px = from_middle(take.landmarks[frames][:, head.landmarks.indices].astype(np.float64), take)
    scale, _ = picture_scale(take.camera[frames], take.crop_transform[frames])
    rotation = matrices_from_axis_angle(take.head_pose[frames])

    def distance_px(log_focal_mm: float) -> float:
        focal_px = np.exp(log_focal_mm) / SENSOR_MM * longer_side_px(take)
        placement = place(anchors, measured_px, rotation=rotation, scale=scale, focal_px=focal_px)
        distance = np.linalg.norm(placement.project(anchors, focal_px) - measured_px, axis=-1)
        return float(np.sqrt(np.mean(distance**2)))

    tried = np.linspace(np.log(SHORTEST_MM), np.log(LONGEST_MM), NUM_COARSE)
    best = int(np.argmin([distance_px(log_focal_mm) for log_focal_mm in tried]))
    if best in (0, NUM_COARSE - 1):
        return None
    log_focal_mm = _golden_section(distance_px, tried[best - 1], tried[best + 1])
    without = distance_px(np.log(NO_PERSPECTIVE_MM))
    return float(np.exp(log_focal_mm)) if distance_px(log_focal_mm) < (1 - CLEAR_GAIN) * without else None


def _golden_section(function, low: float, high: float) -> float:
    """Return where a function of one number is least between two, if it has one valley there."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(NUM_GOLDEN):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
