"""Texture coordinates of the skin: unrolled about the vertical axis, the mouth's inside on its own island."""

import numpy as np

from .parts import corner_uv
from .skin import Skin

SKIN_BOX = (0.0, 0.0, 1.0, 0.74)  # left, bottom, right, top; the other parts lie above
MOUTH_BOX = (0.01, 0.77, 0.12, 0.99)
AXIS_Z = -25.0
TOP_CENTRE_Y = 45.0  # above it the head is unrolled as a sphere


def skin_uv(skin: Skin) -> np.ndarray:
    """Return (F, 4, 2) within 0 to 1."""
    inside = (skin.mouth_ring[skin.quads] >= 3.0).all(axis=1)
    uv = np.empty((*skin.quads.shape, 2))
    uv[~inside] = _unrolled(skin, skin.quads[~inside])
    used, local = np.unique(skin.quads[inside], return_inverse=True)
    flat = skin.points[used][:, [0, 1]] * (1.0 + 0.02 * (skin.mouth_ring[used] - 3.0))[:, None]
    uv[inside] = corner_uv(flat, local.reshape(-1, 4), MOUTH_BOX)
    return uv


def _unrolled(skin: Skin, quads: np.ndarray) -> np.ndarray:
    points = skin.points
    azimuth = np.arctan2(points[:, 0], points[:, 2] - AXIS_Z)[quads]
    middle = points[quads].mean(axis=1)
    side = np.sign(middle[:, :1])
    azimuth = np.where((np.abs(azimuth) > 2.5) & (np.sign(azimuth) != side), azimuth + 2.0 * np.pi * side, azimuth)
    across = np.hypot(points[:, 0], points[:, 2] - AXIS_Z)
    rise = np.arctan2(points[:, 1] - TOP_CENTRE_Y, across)
    height = np.where(points[:, 1] > TOP_CENTRE_Y, TOP_CENTRE_Y + 90.0 * rise, points[:, 1])[quads]
    low, high = height.min(), height.max()
    left, bottom, right, top = SKIN_BOX
    u = left + (right - left) * np.clip(azimuth / (2.0 * np.pi) + 0.5, 0.0, 1.0)
    return np.stack([u, bottom + (top - bottom) * (height - low) / (high - low)], axis=-1)
