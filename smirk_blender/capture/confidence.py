"""How far to trust each frame's landmarks, from the landmarks alone."""

import numpy as np

from ..flame.measures import STEADY, eye_distance, still_motion

RESIDUAL_SCALE = 0.05  # of the eye distance; a residual of this size leaves a confidence of 0.37


def landmark_confidence(landmarks: np.ndarray) -> np.ndarray:
    """Return (T,) float32, 1 where the face's rigid points moved as a rigid body, near 0 where they did not.

    MediaPipe gives no score of its own for a found face; points that are guessed behind a hand, or that jump to
    something else, no longer fit the shape that they have over the rest of the take.
    Args:
        landmarks: (T, 478, 3) pixels, no gaps.
    """
    rotation, scale, shift = still_motion(landmarks)
    steady = scale[:, None, None] * landmarks[:, STEADY] @ rotation.swapaxes(1, 2) + shift[:, None]
    residual = np.sqrt(((steady - np.median(steady, axis=0)) ** 2).sum(axis=-1).mean(axis=1))
    unit = np.median(scale * eye_distance(landmarks))
    return np.exp(-((residual / unit / RESIDUAL_SCALE) ** 2)).astype(np.float32)
