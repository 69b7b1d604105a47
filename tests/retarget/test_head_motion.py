"""The head's motion: kept, moved onto the neck, or left out."""

import numpy as np
import pytest

from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.retarget.head_motion import with_head_motion
from tests.builders import make_take, tiny_head


def test_kept_motion_is_the_take_itself():
    take = make_take(5)
    assert with_head_motion(take, "keep") is take


def test_a_head_that_stays_still_moves_neither_root_nor_neck():
    take = make_take(5)
    still = with_head_motion(take, "off")
    assert not still.head_pose.any() and not still.neck_pose.any()
    np.testing.assert_array_equal(still.jaw_pose, take.jaw_pose)
    np.testing.assert_array_equal(still.eye_pose, take.eye_pose)


def test_what_hangs_on_the_neck_turns_as_head_and_neck_did():
    weights = np.eye(5, dtype=np.float32)[np.arange(50) % 5]
    head = tiny_head(skinning_weights=weights, pose_directions=np.zeros((50, 3, 36), np.float32))
    take = make_take(9, head)
    moved = with_head_motion(take, "neck")
    assert not moved.head_pose.any()
    hanging = np.flatnonzero(np.arange(50) % 5 != 0)
    before, after = (head.vertices(**each.head_parameters())[:, hanging] for each in (take, moved))
    centered = lambda points: points - points.mean(axis=1, keepdims=True)  # the joint that it turns about is another
    np.testing.assert_allclose(centered(after), centered(before), atol=1e-6)  # metres


def test_a_turn_on_the_neck_does_not_jump_past_half_a_turn():
    turn = np.linspace(2.5, 4.0, 40)[:, None] * [0.0, 1.0, 0.0]
    take = make_take(40, head_pose=turn, neck_pose=np.tile([0.1, 0.0, 0.0], (40, 1)))
    moved = with_head_motion(take, "neck")
    assert np.abs(np.diff(moved.neck_pose, axis=0)).max() < 0.1  # radians
    expected = matrices_from_axis_angle(take.head_pose) @ matrices_from_axis_angle(take.neck_pose)
    np.testing.assert_allclose(matrices_from_axis_angle(moved.neck_pose), expected, atol=1e-6)


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="not 'both'"):
        with_head_motion(make_take(2), "both")
