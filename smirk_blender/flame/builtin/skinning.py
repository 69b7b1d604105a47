"""Joint weights of the skin, and where FLAME's five joints lie as averages of vertices."""

import numpy as np

from .distance import smoothstep
from .skin import Skin

ROOT, NECK, JAW = 0, 1, 2
JAW_JOINT_SPOT = np.array([66.0, 4.0, -14.0])  # just before the ear
NECK_JOINT_HEIGHT, ROOT_JOINT_HEIGHT = -84.0, -132.0
SOFTEN_ROUNDS = 12


def skin_weights(skin: Skin) -> np.ndarray:
    """Return (V, 5) joint weights; the eyeballs' columns are zero."""
    x, y, z = skin.points.T
    in_mouth = skin.mouth_ring > 0
    below = 1.0 - smoothstep(skin.upper, 0.0, 1.0)
    corner = 0.5 * np.clip((np.abs(x) - 8.0) / 17.0, 0.0, 1.0) ** 2.5  # late, so that the mouth opens round
    lips = below * (1.0 - corner) + (1.0 - below) * corner
    cheek = below * smoothstep(z, -26.0, 22.0)
    throat = smoothstep(skin.row, 16.6, 14.2)
    jaw = np.where(in_mouth, lips, cheek * throat)
    jaw = _softened(jaw, skin, fixed=in_mouth & (skin.mouth_ring >= 1.0))
    root = smoothstep(y, -104.0, -146.0)
    weights = np.zeros((len(skin.points), 5))
    weights[:, JAW] = jaw * (1.0 - root)
    weights[:, ROOT] = root
    weights[:, NECK] = 1.0 - weights[:, JAW] - root
    return weights


def joint_rows(skin: Skin, num_vertices: int, equators: list[np.ndarray]) -> np.ndarray:
    """Return the regressor (5, num_vertices), each row the mean of a ring or a spot of vertices.

    Args:
        equators: indices of the left and the right eyeball's vertices whose mean is its centre.
    """
    y = skin.points[:, 1]
    folded = np.column_stack([np.abs(skin.points[:, 0]), skin.points[:, 1:]])
    chosen = (
        np.flatnonzero(np.abs(y - ROOT_JOINT_HEIGHT) < 4.0),
        np.flatnonzero(skin.row == 16.0),
        np.flatnonzero(np.linalg.norm(folded - JAW_JOINT_SPOT, axis=1) < 12.0),
        *equators,
    )
    rows = np.zeros((5, num_vertices))
    for row, vertices in zip(rows, chosen):
        row[vertices] = 1.0 / len(vertices)
    return rows


def _softened(values: np.ndarray, skin: Skin, *, fixed: np.ndarray) -> np.ndarray:
    """Return values averaged with their neighbours a few times; fixed vertices keep theirs."""
    start = skin.quads.ravel()
    end = np.roll(skin.quads, -1, axis=1).ravel()
    count = np.bincount(start, minlength=len(values)) + np.bincount(end, minlength=len(values))
    for _ in range(SOFTEN_ROUNDS):
        total = np.bincount(start, values[end], len(values)) + np.bincount(end, values[start], len(values))
        values = np.where(fixed, values, 0.4 * values + 0.6 * total / count)
    return values
