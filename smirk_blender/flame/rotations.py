"""Rotation vectors to matrices and quaternions, in numpy alone, since Blender's Python has no scipy."""

import numpy as np

SMALL_ANGLE = 1e-8  # radians; below it sin(a)/a is 1 to double precision


def matrices_from_axis_angle(rotation_vectors: np.ndarray) -> np.ndarray:
    """Return rotation matrices.

    Args:
        rotation_vectors: (..., 3) axis times angle, radians.
    Returns:
        (..., 3, 3) float64, column vectors: rotated = matrix @ point.
    Source: Rodrigues' formula.
    """
    vectors = np.asarray(rotation_vectors, dtype=np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    safe = np.maximum(angle, SMALL_ANGLE)
    sine = np.where(angle > SMALL_ANGLE, np.sin(angle) / safe, 1.0)
    one_minus_cosine = np.where(angle > SMALL_ANGLE, (1.0 - np.cos(angle)) / safe**2, 0.5)
    cross = cross_matrices(vectors)
    return np.eye(3) + sine * cross + one_minus_cosine * (cross @ cross)


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """Return the (..., 3, 3) matrices for which matrix @ p = cross(vector, p)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape, 3)


def quaternions_from_axis_angle(rotation_vectors: np.ndarray) -> np.ndarray:
    """Return unit quaternions whose signs do not flip from one frame to the next.

    Args:
        rotation_vectors: (T, 3) axis times angle, radians.
    Returns:
        (T, 4) float64, w x y z; each within 90 degrees (on the 4-sphere) of the one before it,
        as F-curves need.
    """
    vectors = np.asarray(rotation_vectors, dtype=np.float64)
    half = 0.5 * np.linalg.norm(vectors, axis=-1, keepdims=True)
    quaternions = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vectors], axis=-1)
    flips = np.sum(quaternions[1:] * quaternions[:-1], axis=-1) < 0
    signs = np.where(np.cumsum(flips) % 2, -1.0, 1.0)
    quaternions[1:] *= signs[:, None]
    return quaternions
