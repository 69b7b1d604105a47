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


def axis_angle_from_matrices(rotations: np.ndarray) -> np.ndarray:
    """Return rotation vectors, the inverse of `matrices_from_axis_angle`.

    Args:
        rotations: (..., 3, 3) proper rotations, column vectors.
    Returns:
        (..., 3) float64, axis times angle, the angle from 0 to pi radians; at pi the axis's sign is arbitrary.
    Source: Shepperd, "Quaternion from rotation matrix" (1978): of four ways to the quaternion, the one that divides by
        its largest component, so that no angle is ill-conditioned.
    """
    matrices = np.asarray(rotations, dtype=np.float64)
    trace = np.trace(matrices, axis1=-2, axis2=-1)[..., None]
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    # K[i, j] = 4 q_i q_j, of the quaternion w x y z: its row with the largest diagonal is the quaternion, scaled.
    products = np.empty((*matrices.shape[:-2], 4, 4))
    products[..., 0, 0] = 1 + trace[..., 0]
    products[..., 1:, 1:] = matrices + matrices.swapaxes(-1, -2)
    axes = np.arange(1, 4)
    products[..., axes, axes] = 1 - trace + 2 * diagonal
    skew = matrices - matrices.swapaxes(-1, -2)
    products[..., 0, 1:] = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    products[..., 1:, 0] = products[..., 0, 1:]
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    quaternions = np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :]
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    quaternions = np.where(quaternions[..., :1] < 0, -quaternions, quaternions)
    sine = np.linalg.norm(quaternions[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternions[..., :1])
    scale = np.where(sine > SMALL_ANGLE, angle / np.maximum(sine, SMALL_ANGLE), 2.0)
    return scale * quaternions[..., 1:]


def rotations_between(start: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return rotation vectors (N, 3), radians, on the shortest way between two, by a weight (N,), 0 at the start."""
    matrices = matrices_from_axis_angle(start)
    way = axis_angle_from_matrices(np.swapaxes(matrices, -1, -2) @ matrices_from_axis_angle(end))
    return axis_angle_from_matrices(matrices @ matrices_from_axis_angle(weight[:, None] * way))


def continuous_axis_angle(rotation_vectors: np.ndarray) -> np.ndarray:
    """Return the same rotations as vectors that do not jump where the angle passes pi.

    Args:
        rotation_vectors: (T, 3) axis times angle, radians.
    Returns:
        (T, 3) float64; each is the one of the vectors for its rotation (the angle may have any number of full turns
        more or fewer about its axis) that lies nearest to the one before.
    """
    vectors = np.array(rotation_vectors, dtype=np.float64)
    angles = np.linalg.norm(vectors, axis=-1)
    for row in range(1, len(vectors)):
        before = vectors[row - 1]
        if angles[row] > SMALL_ANGLE:
            axis = vectors[row] / angles[row]
        elif np.any(before):
            axis = before / np.linalg.norm(before)  # no turn has no axis: that of the frame before will do
        else:
            continue
        turns = np.round((axis @ before - angles[row]) / (2 * np.pi))
        vectors[row] = axis * (angles[row] + 2 * np.pi * turns)
    return vectors
