"""The left half of the lips as curves in the front view, and the rings of vertices from them inwards (millimetres)."""

import numpy as np

from .clay import cast_front

# x, y from the middle to the corner: five knots of a lip and the corner.
UPPER_BORDER = [(0, -33.0), (5.6, -31.7), (12.0, -33.4), (18.0, -35.9), (23.0, -37.9), (26.0, -38.7)]
UPPER_BODY = [(0, -36.4), (5.8, -35.8), (12.0, -36.8), (17.6, -38.0), (22.2, -38.4), (25.2, -38.6)]
SLIT = [(0, -39.4), (6.0, -39.1), (12.0, -39.5), (17.4, -39.6), (21.6, -39.1), (24.4, -38.6)]
LOWER_BODY = [(0, -44.2), (6.2, -44.1), (12.2, -43.2), (17.6, -41.7), (22.0, -39.8), (25.2, -38.6)]
LOWER_BORDER = [(0, -48.8), (6.6, -48.6), (12.8, -47.2), (18.4, -44.4), (23.2, -40.8), (26.0, -38.7)]
SLIT_GAP = 0.06  # half the distance between the closed lips
# Inner rings: shrink of x, depth behind the slit, and half height.
INNER_RINGS = ((0.97, 3.5, 0.25), (0.99, 6.0, 4.5), (1.04, 7.5, 13.0), (1.05, 36.0, 17.0))


def lip_rings() -> list[np.ndarray]:
    """Return the rings (11, 3), outer to inner: border, body, slit, and four more into the mouth."""
    curves = [_ring(UPPER_BORDER, LOWER_BORDER), _ring(UPPER_BODY, LOWER_BODY), _ring(SLIT, SLIT)]
    border, body, slit = cast_front(np.concatenate(curves)).reshape(3, -1, 3)
    slit[:, 2] -= 0.3
    side = np.array([1.0] * 5 + [0.0] + [-1.0] * 5)
    rings = [border, body, slit + np.outer(side, [0, SLIT_GAP, 0])]
    across = slit[:, 0] / slit[:, 0].max()
    rounded = np.sqrt(np.maximum(1.0 - across**2, 0.0))
    for shrink, depth, height in INNER_RINGS:
        ring = slit.copy()
        ring[:, 0] *= shrink
        ring[:, 1] += side * height * rounded
        ring[:, 2] -= depth * (0.45 + 0.55 * rounded)
        rings.append(ring)
    return rings


def _ring(upper: list, lower: list) -> np.ndarray:
    return np.array([*upper, *lower[:-1][::-1]], float)
