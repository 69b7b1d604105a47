"""The skin's colours per vertex: complexion, blush, lips with a soft border, dark lid rims and nostrils."""

import numpy as np

from .brows import BROW_COLOR, brow_curve
from .distance import smoothstep
from .skin import Skin

COMPLEXION = np.array((0.60, 0.345, 0.25))
# Soft patches: centre and radii in millimetres (mirrored), colour, strength.
PATCHES = (
    ((40, -2, 45), (24, 18, 30), (0.60, 0.255, 0.19), 0.55),  # cheeks
    ((0, -5, 80), (15, 12, 16), (0.60, 0.265, 0.20), 0.45),  # tip of the nose
    ((31.5, 20, 55), (17, 8, 16), (0.50, 0.255, 0.20), 0.35),  # under the eyes
    ((0, 80, 60), (60, 30, 40), (0.64, 0.385, 0.28), 0.5),  # forehead
    ((0, -72, 60), (18, 12, 20), (0.60, 0.31, 0.225), 0.3),  # chin
    ((25.6, -38.7, 60.5), (3.4, 2.2, 5.0), (0.20, 0.06, 0.05), 0.75),  # corners of the mouth
    ((6.6, -15.0, 69.5), (3.6, 3.4, 6.0), (0.07, 0.02, 0.016), 1.0),  # nostrils
)
LIPS, LIP_LINE = np.array((0.45, 0.135, 0.12)), np.array((0.12, 0.03, 0.027))
LID_RIM, LASH_LINE, LID_SHADE = (
    np.array((0.50, 0.235, 0.20)),
    np.array((0.05, 0.028, 0.02)),
    np.array((0.47, 0.25, 0.185)),
)
UNDER_BROW = 0.6  # how far the skin under the brows takes their colour
INNER_CORNER = np.array((0.55, 0.22, 0.19))
MOUTH_INSIDE, MOUTH_DEEP = np.array((0.34, 0.09, 0.085)), np.array((0.13, 0.028, 0.028))


def skin_colors(skin: Skin) -> np.ndarray:
    """Return (V, 3) linear RGB."""
    points = skin.points
    folded = np.column_stack([np.abs(points[:, 0]), points[:, 1:]])
    colors = np.tile(COMPLEXION, (len(points), 1))
    for centre, radii, color, strength in PATCHES:
        near = np.exp(-1.5 * (((folded - np.array(centre)) / np.array(radii)) ** 2).sum(axis=1))
        colors = _mix(colors, color, strength * near)

    colors = _mix(colors, BROW_COLOR, UNDER_BROW * _near_brow(folded))

    colors = _mix(colors, LIPS, 0.9 * smoothstep(skin.mouth_ring, 0.7, 1.3))
    colors = _mix(colors, LIP_LINE, smoothstep(skin.mouth_ring, 2.3, 3.0))
    colors = _mix(colors, MOUTH_INSIDE, smoothstep(skin.mouth_ring, 3.2, 4.2))
    colors = _mix(colors, MOUTH_DEEP, smoothstep(skin.mouth_ring, 5.2, 6.6))

    upper_lid = smoothstep(np.sin(skin.eye_angle), -0.05, 0.1)
    ring = skin.eye_ring
    colors = _mix(colors, LID_SHADE, 0.15 * smoothstep(ring, 1.2, 2.2) * upper_lid)
    colors = _mix(colors, LID_RIM, smoothstep(ring, 2.6, 3.0))
    colors = _mix(
        colors,
        LASH_LINE,
        (0.9 * upper_lid + 0.35 * (1 - upper_lid)) * smoothstep(ring, 2.7, 3.0) * (1.0 - smoothstep(ring, 3.4, 3.8)),
    )
    inner_corner = smoothstep(np.cos(skin.eye_angle), 0.9, 1.0)
    colors = _mix(colors, INNER_CORNER, inner_corner * smoothstep(ring, 2.9, 3.3))
    return colors


def _near_brow(points: np.ndarray) -> np.ndarray:
    """Return (V,) 1 on the left brow's line to 0 at its border, for points in front."""
    line, width = brow_curve(40)
    gaps = np.linalg.norm(points[:, None, :2] - line, axis=2)
    nearest = gaps.argmin(axis=1)
    near = smoothstep(gaps[np.arange(len(points)), nearest] / (0.5 * width[nearest] + 0.8), 1.0, 0.35)
    return near * (points[:, 2] > 0.0)


def _mix(colors: np.ndarray, other, share: np.ndarray) -> np.ndarray:
    return colors + (np.asarray(other, float) - colors) * share[:, None]
