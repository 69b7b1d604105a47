"""What a joint's channels do in each of Blender's rotation modes: matrices, and how far a unit of each turns."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..flame.rotations import matrices_from_axis_angle

LEAST_TURN = 0.02  # of a quaternion component: what a unit of it counts for at least, as a share of its most
LEAST_AXIS = 1e-12  # an axis that is none


class RotationMode(NamedTuple):
    """Functions of values (N, n) of the channels: rotation matrices (N, 3, 3); radians per unit (N, n)."""

    matrices: Callable[[np.ndarray], np.ndarray]
    per_unit: Callable[[np.ndarray], np.ndarray]


def rotation_mode(name: str) -> RotationMode:
    """Return what a rotation mode does, by Blender's name: 'QUATERNION', 'AXIS_ANGLE', or an order as in 'XYZ'."""
    if name == 'QUATERNION':
        return RotationMode(quaternion_matrices, quaternion_per_unit)
    if name == 'AXIS_ANGLE':
        return RotationMode(_axis_angle_matrices, _axis_angle_per_unit)
    return RotationMode(lambda angles: euler_matrices(angles, name), np.ones_like)


def quaternion_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Return the rotation matrices (N, 3, 3) of quaternions (N, 4), w x y z, of any length but 0."""
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def quaternion_per_unit(quaternions: np.ndarray) -> np.ndarray:
    """Return how far a unit of each component turns, (N, 4) radians: what lies along the quaternion is lost."""
    return 2 * np.maximum(np.sqrt(np.maximum(1 - quaternions**2, 0.0)), LEAST_TURN)


def euler_matrices(angles: np.ndarray, order: str) -> np.ndarray:
    """Return the rotation matrices (N, 3, 3) of angles (N, 3) about x, y, z, radians; the order's first turns first."""
    done = np.eye(3)
    for axis in order:
        column = "XYZ".index(axis)
        vectors = np.zeros_like(angles)
        vectors[:, column] = angles[:, column]
        done = matrices_from_axis_angle(vectors) @ done
    return done


def _axis_angle_matrices(values: np.ndarray) -> np.ndarray:
    angle, axis = values[:, :1], values[:, 1:]
    return matrices_from_axis_angle(angle * axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), LEAST_AXIS))


def _axis_angle_per_unit(values: np.ndarray) -> np.ndarray:
    turned = np.maximum(np.abs(values[:, :1]), LEAST_TURN)
    return np.concatenate([np.ones_like(turned), np.repeat(turned, 3, axis=1)], axis=1)
