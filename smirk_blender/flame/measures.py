"""Distances on a face that an audience reads, from MediaPipe's landmarks: what solved and measured faces are compared by."""

import numpy as np

from .align import align_similarity

# MediaPipe's indices. "L" is the actor's left.
EYE_CORNERS_L = (263, 362)
EYE_CORNERS_R = (33, 133)
LIDS_L = ((385, 380), (386, 374), (387, 373))
LIDS_R = ((160, 144), (159, 145), (158, 153))
BROW_L = (282, 283, 293, 295, 334)
BROW_R = (52, 53, 63, 65, 105)
INNER_LIPS = ((13, 14), (82, 87), (312, 317))
MOUTH_CORNERS = (61, 291)
LIP_MIDDLE = (0, 17)
# What an audience reads. Each is (landmarks, landmarks), whose means should lie as far apart on one face as on another.
LID_AND_LIP_GAPS = (
    *(((upper,), (lower,)) for upper, lower in ((160, 144), (159, 145), (158, 153), (161, 163), (157, 154))),
    *(((upper,), (lower,)) for upper, lower in ((387, 373), (386, 374), (385, 380), (388, 390), (384, 381))),
    *(((upper,), (lower,)) for upper, lower in ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))),
    *(((right,), (left,)) for right, left in ((61, 291), (78, 308))),
)
BROW_GAPS = (
    *(((brow,), (33, 133)) for brow in (52, 53, 63, 65, 105)),
    *(((brow,), (263, 362)) for brow in (282, 283, 293, 295, 334)),
)
# Points that expressions hardly move, for taking the head's own motion out.
STEADY = (6, 168, 197, 195, 5, 4, 2, 98, 327, 129, 358, *EYE_CORNERS_R, *EYE_CORNERS_L)


def face_measures(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return distances over the outer-eye-corner distance, each (T,).

    Args:
        points: (T, 478, 3), any unit, head motion removed: +x to the actor's left, +y up. Only some of the 478 are read.
    """
    unit = _gap(points, (EYE_CORNERS_L[0], EYE_CORNERS_R[0]))
    corner_height = points[:, MOUTH_CORNERS, 1] - points[:, LIP_MIDDLE, 1].mean(axis=1, keepdims=True)  # right, left
    return {
        "lip_gap": _mean_gap(points, INNER_LIPS) / unit,
        "mouth_width": _gap(points, MOUTH_CORNERS) / unit,
        "lid_L": _mean_gap(points, LIDS_L) / unit,
        "lid_R": _mean_gap(points, LIDS_R) / unit,
        "brow_L": _height(points, BROW_L, EYE_CORNERS_L) / unit,
        "brow_R": _height(points, BROW_R, EYE_CORNERS_R) / unit,
        "smile_L": corner_height[:, 1] / unit,
        "smile_R": corner_height[:, 0] / unit,
    }


def without_head_motion(landmarks: np.ndarray) -> np.ndarray:
    """Return landmarks (T, 478, 3) turned, scaled and shifted so that the steady points lie still."""
    rotation, scale, shift = still_motion(landmarks)
    return scale[:, None, None] * landmarks @ rotation.swapaxes(1, 2) + shift[:, None]


def still_motion(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rotations (T, 3, 3), scales (T,) and shifts (T, 3) that lay every frame's steady points on each other.

    The first pass lays them on the most frontal frame's, the second on the mean of the first.
    """
    steady = landmarks[:, STEADY]
    facing = np.abs(landmarks[:, EYE_CORNERS_L[0], 2] - landmarks[:, EYE_CORNERS_R[0], 2])  # depth between the eyes
    reference = steady[np.argmin(facing)]
    for _ in range(2):
        rotation, scale, shift = align_similarity(steady, np.broadcast_to(reference, steady.shape))
        reference = (scale[:, None, None] * steady @ rotation.swapaxes(1, 2) + shift[:, None]).mean(axis=0)
    return rotation, scale, shift


def eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """Return the distance between the outer eye corners as the picture shows it, (T,): the unit of landmark errors."""
    return np.linalg.norm((landmarks[:, EYE_CORNERS_L[0]] - landmarks[:, EYE_CORNERS_R[0]])[:, :2], axis=-1)


def _gap(points: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    return np.linalg.norm(points[:, pair[0]] - points[:, pair[1]], axis=-1)


def _mean_gap(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    return np.mean([_gap(points, pair) for pair in pairs], axis=0)


def _height(points: np.ndarray, upper: tuple[int, ...], lower: tuple[int, ...]) -> np.ndarray:
    return points[:, upper, 1].mean(axis=1) - points[:, lower, 1].mean(axis=1)
