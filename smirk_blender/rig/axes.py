"""FLAME's axes in Blender's: +Y up and +Z out of the face become +Z up and -Y out of the face."""

import numpy as np

from ..flame.placement import Placement

BLENDER_FROM_FLAME = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # a rotation, so poses turn with it
UPRIGHT = Placement(BLENDER_FROM_FLAME)  # metres, at the origin: where `build_head` puts a head


def to_blender(vectors: np.ndarray) -> np.ndarray:
    """Return FLAME vectors (..., 3), points or rotation vectors, in Blender's axes: (x, y, z) -> (x, -z, y)."""
    return np.stack([vectors[..., 0], -vectors[..., 2], vectors[..., 1]], axis=-1)
