"""Rotation vectors, matrices and back."""

import numpy as np
import pytest

from smirk_blender.flame.rotations import axis_angle_from_matrices, continuous_axis_angle, matrices_from_axis_angle


def random_axes(count: int) -> np.ndarray:
    axes = np.random.default_rng(0).normal(size=(count, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


@pytest.mark.parametrize("angle_rad", [0.0, 1e-12, 1e-7, 1e-3, 0.5, 2.0, 3.0, np.pi - 1e-4, np.pi - 1e-8])
def test_a_rotation_vector_comes_back_from_its_matrix(angle_rad):
    vectors = angle_rad * np.concatenate([np.eye(3), -np.eye(3), random_axes(50)])
    np.testing.assert_allclose(axis_angle_from_matrices(matrices_from_axis_angle(vectors)), vectors, atol=1e-10)  # rad


def test_half_a_turn_keeps_its_axis_up_to_its_sign():
    axes = np.concatenate([np.eye(3), random_axes(50)])
    matrices = 2 * axes[:, :, None] * axes[:, None, :] - np.eye(3)
    found = axis_angle_from_matrices(matrices)
    np.testing.assert_allclose(np.abs(np.sum(found * axes, axis=1)), np.pi, atol=1e-10)  # radians
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.pi, atol=1e-10)


def test_stacks_of_any_shape_are_taken():
    vectors = np.random.default_rng(1).normal(size=(2, 4, 3))
    np.testing.assert_allclose(axis_angle_from_matrices(matrices_from_axis_angle(vectors)), vectors, atol=1e-12)
    assert axis_angle_from_matrices(np.eye(3)).tolist() == [0, 0, 0]


def test_a_turn_past_half_a_turn_does_not_jump():
    vectors = np.linspace(-8, 8, 200)[:, None] * np.array([0.6, 0.0, 0.8])
    jumping = axis_angle_from_matrices(matrices_from_axis_angle(vectors))
    assert np.abs(np.diff(jumping, axis=0)).max() > 3  # radians
    smooth = continuous_axis_angle(jumping)
    np.testing.assert_allclose(np.diff(smooth, axis=0), np.diff(vectors, axis=0), atol=1e-9)
    np.testing.assert_allclose(matrices_from_axis_angle(smooth), matrices_from_axis_angle(vectors), atol=1e-9)


def test_a_full_turn_that_stops_at_rest_stays_a_full_turn():
    angles = np.append(np.linspace(3, 2 * np.pi, 20), [2 * np.pi] * 3)
    vectors = angles[:, None] * np.array([0.0, 1.0, 0.0])
    wrapped = axis_angle_from_matrices(matrices_from_axis_angle(vectors))
    wrapped[-3:] = 0
    np.testing.assert_allclose(continuous_axis_angle(wrapped), vectors, atol=1e-9)  # radians
    np.testing.assert_array_equal(continuous_axis_angle(np.zeros((3, 3))), 0)
