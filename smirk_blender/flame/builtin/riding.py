"""Which skin vertices carry a point of another part, so that brows, lashes, ears and hair move with the skin."""

import numpy as np

NUM_CARRIERS = 4
MARGIN = 10.0  # round the part, in its unit: skin farther off is not looked at


def ride(points: np.ndarray, skin_points: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest skin vertices (N, 4) and their shares (N, 4), which sum to 1.

    Args:
        points: (N, 3).
        skin_points: (V, 3), same unit.
        allowed: (V,) bool, the vertices that may carry.
    """
    inside = (skin_points > points.min(axis=0) - MARGIN) & (skin_points < points.max(axis=0) + MARGIN)
    candidates = np.flatnonzero(allowed & inside.all(axis=1))
    places = skin_points[candidates]
    squared = (points**2).sum(axis=1)[:, None] + (places**2).sum(axis=1) - 2.0 * points @ places.T
    nearest = np.argpartition(squared, NUM_CARRIERS, axis=1)[:, :NUM_CARRIERS]
    distance = np.sqrt(np.maximum(np.take_along_axis(squared, nearest, axis=1), 0.0))
    shares = 1.0 / (distance + 0.3)
    return candidates[nearest], shares / shares.sum(axis=1, keepdims=True)
