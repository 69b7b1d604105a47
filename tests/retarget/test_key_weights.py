"""Key weights by geometry: what reproduces a motion of the surface, on made-up keys and on a real character."""

import numpy as np
import pytest

from smirk_blender.retarget.key_weights import (
    finished_weights,
    key_bounds,
    missed_motion,
    offsets_at,
    solve_key_weights,
    solving_limits,
)
from smirk_blender.retarget.profile import KeySettings, RetargetProfile
from tests.retarget.facecap import facecap, known_performance, own_performance, shuffled

LEAST_CORRELATION, MOST_MISSED_PERCENT = 0.95, 3.0
MOVING = 0.01  # standard deviation of a key that moves


def made_up_keys(num_keys: int = 6, num_points: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(num_keys, num_points, 3))


def motion(weights: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.einsum("tk,kpi->tpi", weights, offsets)


def unit_limits(num_keys: int) -> np.ndarray:
    return np.tile([0.0, 1.0], (num_keys, 1))


def bumps(num_frames: int, num_keys: int) -> np.ndarray:
    """Return smooth weights (T, K), one key after the other."""
    middle = np.linspace(0, num_frames, num_keys + 2)[1:-1]
    return 0.8 * np.exp(-0.5 * ((np.arange(num_frames)[:, None] - middle) / 5.0) ** 2)


def assert_comes_back(character, landmarks, wanted, figure) -> None:
    """The loop: known weights, the landmarks' exact motion, and weights again."""
    offsets = offsets_at(character, landmarks.corners, landmarks.weights)
    found = solve_key_weights(motion(wanted, offsets), offsets, character.key_limits)
    effective = np.abs(character.key_offsets).max(axis=(1, 2)) > 0
    moving = np.flatnonzero(effective & (wanted.std(axis=0) > MOVING))
    correlation = np.array([np.corrcoef(wanted[:, key], found[:, key])[0, 1] for key in moving])
    face_width = np.ptp(landmarks.points(character.vertices[None])[0][:, 0])
    missed = np.empty((len(wanted), len(character.vertices)), np.float32)
    for start in range(0, len(wanted), 100):
        apart = (found - wanted)[start : start + 100].astype(np.float32)
        moved = (apart @ character.key_offsets.reshape(len(effective), -1)).reshape(len(apart), -1, 3)
        missed[start : start + 100] = np.linalg.norm(moved, axis=-1)
    percent = 100 * np.percentile(missed, 95) / face_width
    figure("least correlation of a key", correlation.min())
    figure("surface missed, 95th percentile", percent, "% of the face's width")
    assert correlation.min() >= LEAST_CORRELATION
    assert percent <= MOST_MISSED_PERCENT
    assert np.all(found >= character.key_limits[:, 0]) and np.all(found <= character.key_limits[:, 1])
    resting = np.abs(wanted).max(axis=1) == 0
    assert not np.any(found[resting])


def test_known_curves_on_a_character_come_back(shared_folder, figure):
    character, landmarks = facecap(shared_folder)
    assert_comes_back(character, landmarks, known_performance(character), figure)


def test_keys_with_other_names_in_another_order_come_back_too(shared_folder, figure):
    character, landmarks = facecap(shared_folder)
    renamed, order = shuffled(character)
    assert_comes_back(renamed, landmarks, known_performance(character)[:, order], figure)


def test_the_animation_that_comes_with_a_character_comes_back(shared_folder, figure):
    character, landmarks = facecap(shared_folder)
    assert_comes_back(character, landmarks, own_performance(shared_folder), figure)


def test_values_stay_within_limits_that_are_not_zero_to_one():
    offsets = made_up_keys(4)
    limits = np.array([[-1.0, 1.0], [0.0, 0.3], [-2.0, -0.5], [0.25, 3.0]])
    wanted = np.array([[-0.7, 0.9, 0.4, 0.0], [0.5, 0.1, -1.2, 2.0]])
    found = solve_key_weights(motion(wanted, offsets), offsets, limits, smoothness=0.0, sparsity=0.0)
    np.testing.assert_allclose(found[1], wanted[1], atol=2e-3)  # of a key's value
    low, high = limits.T.astype(np.float32)
    assert np.all(found >= low) and np.all(found <= high)
    assert found[0, 0] < -0.5
    np.testing.assert_allclose(found[0, 1:3], [0.3, -0.5], atol=1e-6)  # at the limits that are in their way


def test_keys_rest_where_nothing_moves_even_where_zero_is_not_allowed():
    offsets = made_up_keys(3)
    limits = np.array([[0.0, 1.0], [0.2, 1.0], [-1.0, -0.1]])
    found = solve_key_weights(np.zeros((5, offsets.shape[1], 3)), offsets, limits)
    np.testing.assert_array_equal(found, np.tile(np.float32([0.0, 0.2, -0.1]), (5, 1)))


def test_keys_that_move_next_to_nothing_stay_at_rest():
    offsets = made_up_keys(5)
    offsets[1] = 0.0
    offsets[3] *= 1e-3
    wanted = bumps(60, 5)
    found = solve_key_weights(motion(wanted, offsets), offsets, unit_limits(5))
    assert not np.any(found[:, [1, 3]])
    np.testing.assert_allclose(found[:, [0, 2, 4]], wanted[:, [0, 2, 4]], atol=0.03)


@pytest.mark.parametrize(("num_frames", "num_keys"), [(0, 3), (1, 3), (2, 1), (4, 0)])
def test_short_takes_and_few_keys_are_solved(num_frames, num_keys):
    offsets = made_up_keys(num_keys)
    wanted = np.full((num_frames, num_keys), 0.5)
    found = solve_key_weights(motion(wanted, offsets), offsets, unit_limits(num_keys))
    assert found.shape == (num_frames, num_keys) and found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_two_keys_that_do_the_same_share_it_and_do_not_fight():
    offsets = made_up_keys(3)
    offsets[1] = offsets[0]
    wanted = np.tile([0.6, 0.0, 0.3], (20, 1))
    limits = np.tile([-1.0, 1.0], (3, 1))
    found = solve_key_weights(motion(wanted, offsets), offsets, limits)
    np.testing.assert_allclose(found[:, 0] + found[:, 1], 0.6, atol=0.02)
    assert found.min() >= 0.0


def test_a_blink_keeps_its_height_and_its_moment_at_the_greatest_smoothness():
    offsets = made_up_keys(4)
    wanted = np.zeros((60, 4))
    wanted[28:35, 2] = [0.2, 0.7, 1.0, 1.0, 0.8, 0.4, 0.1]
    wanted[:, 0] = np.linspace(0.1, 0.6, 60)
    found = solve_key_weights(motion(wanted, offsets), offsets, unit_limits(4), smoothness=1.0)
    assert found[:, 2].max() > 0.97
    assert abs(np.argmax(np.correlate(found[:, 2], wanted[:, 2], "full")) - 59) == 0  # frames
    assert not np.any(found[:26, 2])


def test_smoothness_takes_tremble_away():
    offsets = made_up_keys(6)
    rng = np.random.default_rng(1)
    shaking = motion(np.full((200, 6), 0.4), offsets) + 0.3 * rng.normal(size=(200, 40, 3))
    tremble = [
        np.diff(solve_key_weights(shaking, offsets, unit_limits(6), smoothness=smoothness), axis=0).std()
        for smoothness in (0.0, 1.0)
    ]
    assert tremble[1] < 0.6 * tremble[0]


def test_sparsity_moves_fewer_keys():
    rng = np.random.default_rng(2)
    offsets = rng.normal(size=(1, 40, 3)) + 0.5 * rng.normal(size=(20, 40, 3))
    targets = motion(np.tile(np.eye(20)[0] * 0.7, (10, 1)), offsets) + 0.2 * rng.normal(size=(10, 40, 3))
    solved = [solve_key_weights(targets, offsets, unit_limits(20), sparsity=sparsity) for sparsity in (0.0, 1.0)]
    few, many = ((weights > 0.005).sum() for weights in reversed(solved))
    assert few < many


def test_gain_neutral_and_bounds_come_after_the_solve():
    names, limits = ("a", "b", "c"), np.array([[0.0, 1.0], [-1.0, 1.0], [0.0, 1.0]])
    profile = RetargetProfile(
        keys={
            "a": KeySettings(gain=2.0, high=0.7),
            "b": KeySettings(neutral=0.25, gain=0.5, low=-0.1),
            "c": KeySettings(enabled=False, neutral=0.1),
        }
    )
    weights = np.array([[0.2, -1.0, 0.9], [0.5, 1.0, 0.0]])
    expected = np.float32([[0.4, -0.1, 0.1], [0.7, 0.75, 0.1]])
    np.testing.assert_allclose(finished_weights(weights, names, limits, profile), expected, atol=1e-6)
    np.testing.assert_allclose(key_bounds(names, limits, profile), [[0.0, 0.7], [-0.1, 1.0], [0.0, 1.0]])


def test_a_key_that_is_not_enabled_leaves_its_work_to_others():
    offsets = made_up_keys(3)
    offsets[1] = 0.9 * offsets[0] + 0.1 * offsets[1]
    names, wanted = ("a", "b", "c"), np.tile([0.5, 0.0, 0.3], (4, 1))
    profile = RetargetProfile(keys={"a": KeySettings(enabled=False)})
    limits = solving_limits(names, unit_limits(3), profile)
    found = solve_key_weights(motion(wanted, offsets), offsets, limits)
    assert not np.any(found[:, 0])
    np.testing.assert_allclose(found[:, 1], 0.5, atol=0.1)


def test_what_is_missed_is_told_in_the_points_unit():
    offsets = made_up_keys(3)
    wanted = bumps(10, 3)
    targets = motion(wanted, offsets) + [0.0, 0.3, 0.4]
    np.testing.assert_allclose(missed_motion(wanted, targets, offsets), 0.5, rtol=1e-5)
