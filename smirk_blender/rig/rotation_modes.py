"""Rotations as Blender keys them, in whatever rotation mode a bone or an object has."""

from collections.abc import Sequence

import numpy as np
from mathutils import Quaternion

from .rest import rotation_property

STILL = 1e-9  # of an axis' length; what turns less has no axis


def rotation_values(
    mode: str, quaternions: np.ndarray, locked: Sequence[bool] = (False, False, False)
) -> tuple[str, np.ndarray]:
    """Return the property that turns something, and its values, (T, 3 or 4), which go on without a jump.

    Args:
        mode: 'QUATERNION', 'AXIS_ANGLE', or an order of Euler angles.
        quaternions: (T, 4) w x y z, sign-continuous.
        locked: of the axes x, y and z, which do not turn.
    """
    if any(locked) and mode in ('QUATERNION', 'AXIS_ANGLE'):
        eulers = _eulers('XYZ', quaternions) * np.where(locked, 0.0, 1.0)
        quaternions = _continuous(np.array([_quaternion(euler) for euler in eulers]))
    if mode == 'QUATERNION':
        return rotation_property(mode), quaternions
    if mode == 'AXIS_ANGLE':
        half = np.linalg.norm(quaternions[:, 1:], axis=1, keepdims=True)
        axis = np.where(half > STILL, quaternions[:, 1:], [0.0, 1.0, 0.0]) / np.where(half > STILL, half, 1.0)
        return rotation_property(mode), np.concatenate([2 * np.arctan2(half, quaternions[:, :1]), axis], axis=1)
    return rotation_property(mode), _eulers(mode, quaternions)


def quaternion_product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return first * second, w x y z: what turns by the second, then by the first; both (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    times = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return np.einsum("ij...,...j->...i", times, second)


def _eulers(order: str, quaternions: np.ndarray) -> np.ndarray:
    eulers = []
    for quaternion in quaternions:
        before = eulers[-1:]  # no jump by a whole turn from one frame to the next
        eulers.append(Quaternion(quaternion).to_euler(order, *before))
    return np.array(eulers, np.float64).reshape(-1, 3)


def _quaternion(euler: np.ndarray) -> tuple[float, ...]:
    cosine, sine = np.cos(euler / 2), np.sin(euler / 2)
    turn = Quaternion((1, 0, 0, 0))
    for axis in (2, 1, 0):  # x first, then y, then z
        parts = [cosine[axis], 0.0, 0.0, 0.0]
        parts[1 + axis] = sine[axis]
        turn = turn @ Quaternion(parts)
    return tuple(turn)


def _continuous(quaternions: np.ndarray) -> np.ndarray:
    signs = np.where(np.einsum("tk,tk->t", quaternions[1:], quaternions[:-1]) < 0, -1.0, 1.0)
    return quaternions * np.append(1.0, np.cumprod(signs))[:, None]
