"""How far to trust each frame's landmarks, from the landmarks alone."""

import numpy as np

from ..flame.measures import STEADY, eye_distance, without_head_motion

RESIDUAL_SCALE = 0.05  # of the eye distance; a residual of this size leaves a confidence of 0.37


def landmark_confidence(landmarks: np.ndarray) -> np.ndarray:
    """Return (T,) float32, 1 where the face's rigid points moved as a rigid body, near 0 where they did not.

    MediaPipe gives no score of its own for a found face; points that are guessed behind a hand, or that jump to
    something else, no longer fit the shape that they have over the rest of the take.
    Args:
        landmarks: (T, 478, 3) pixels, no gaps.
    """
    still = without_head_motion(landmarks)
    steady = still[:, STEADY]
    residual = np.sqrt(((steady - np.median(steady, axis=0)) ** 2).sum(axis=-1).mean(axis=1))
    unit = np.median(eye_distance(still))
    return np.exp(-((residual / unit / RESIDUAL_SCALE) ** 2)).astype(np.float32)
