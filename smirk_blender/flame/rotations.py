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


def axis_angle_from_matrices(matrices: np.ndarray) -> np.ndarray:
    """Return rotation vectors, axis times angle, radians: the inverse of `matrices_from_axis_angle`.

    Args:
        matrices: (..., 3, 3) proper rotations.
    Returns:
        (..., 3) float64, no longer than pi; half a turn may come out about either of its two axes.
    Source: Shepperd, "Quaternion from rotation matrix" (1978): the largest component is taken from the diagonal, so that
        no angle is badly conditioned.
    """
    matrices = np.asarray(matrices, dtype=np.float64)
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    trace = diagonal.sum(axis=-1, keepdims=True)
    # Four multiples of the same quaternion (w, x, y, z): each has 4 times the square of its own component on its place.
    turned = np.stack([matrices[..., 2, 1], matrices[..., 0, 2], matrices[..., 1, 0]], axis=-1)
    back = np.stack([matrices[..., 1, 2], matrices[..., 2, 0], matrices[..., 0, 1]], axis=-1)
    candidates = np.empty((*matrices.shape[:-2], 4, 4))
    candidates[..., 1:, 1:] = matrices + np.swapaxes(matrices, -1, -2)
    candidates[..., 0, 0] = 1.0 + trace[..., 0]
    candidates[..., 0, 1:] = candidates[..., 1:, 0] = turned - back
    for axis in range(3):
        candidates[..., axis + 1, axis + 1] = 1.0 - trace[..., 0] + 2.0 * diagonal[..., axis]
    largest = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), axis=-1)
    quaternions = np.take_along_axis(candidates, largest[..., None, None], axis=-2)[..., 0, :]
    quaternions = quaternions * np.where(quaternions[..., :1] < 0, -1.0, 1.0)
    sine = np.linalg.norm(quaternions[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternions[..., :1])
    size = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return quaternions[..., 1:] * np.where(sine > SMALL_ANGLE * size, angle / np.maximum(sine, SMALL_ANGLE * size), 2.0 / size)
