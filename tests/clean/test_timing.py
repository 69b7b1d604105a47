"""Ranges of takes, and takes at another speed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.clean.timing import timed
from smirk_blender.errors import TakeError
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.take.clean_up import Timing
from smirk_blender.take.parts import part_of
from tests.builders import make_take


def assert_same(take, other):
    arrays, others = take.frame_arrays(), other.frame_arrays()
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
        assert array.dtype == others[name].dtype, name


@pytest.fixture
def take():
    """Frames 20 to 59 of a video, with gaps and with everything optional."""
    take = make_take(60, fps=Fraction(30000, 1001))
    take.gap[[30, 45, 46]] = True
    take.landmarks[take.gap] = np.nan
    more = {f"refined_{name}": getattr(take, name) / 2 for name in ("expression", "jaw_pose", "eyelid")}
    more["frame_shape"] = np.outer(np.arange(60), np.ones(10)).astype(np.float32)
    return part_of(replace(take, **more), slice(20, 60))


def test_the_whole_take_at_its_own_speed_is_the_take(take):
    assert timed(take, Timing()) is take
    assert timed(take, Timing(20, 59)) is take
    assert timed(take, Timing(5, 500)) is take


def test_a_range_is_those_frames_of_the_video_to_the_last_bit(take):
    part = timed(take, Timing(25, 50))
    assert (part.first_frame, len(part)) == (25, 26)
    assert_same(part, part_of(take, slice(5, 31)))
    assert timed(part, Timing(25, 50)) is part


def test_one_frame_is_a_range(take):
    one = timed(take, Timing(33, 33, speed=3.0))
    assert (one.first_frame, len(one)) == (33, 1)
    np.testing.assert_array_equal(one.expression[0], take.expression[13])


@pytest.mark.parametrize("frames", [(60, -1), (0, 19), (40, 30), (0, -5)])
def test_a_range_without_a_frame_of_the_take_is_refused(take, frames):
    with pytest.raises(TakeError, match="made_up.mp4 are none of this take, which has 20 to 59. Choose"):
        timed(take, Timing(*frames))


@pytest.mark.parametrize("speed", [0.1, 0.5, 0.7, 1.3, 2.0, 10.0])
def test_speed_changes_how_long_a_take_lasts_and_not_its_rate(take, speed):
    fast = timed(take, Timing(speed=speed))
    assert len(fast) == np.ceil(round(40 / speed, 9))
    assert (fast.fps, fast.first_frame) == (take.fps, 20)
    np.testing.assert_allclose(fast.time_s, (20 + np.arange(len(fast))) / float(take.fps), atol=1e-9)  # seconds
    rows = np.minimum(speed * np.arange(len(fast)), 39)
    expected = np.stack([np.interp(rows, np.arange(40), column) for column in take.expression.T], axis=-1)
    np.testing.assert_allclose(fast.expression, expected, atol=1e-6)


def test_twice_as_fast_is_every_second_frame_to_the_last_bit(take):
    fast = timed(take, Timing(speed=2.0))
    assert_same(replace(fast, time_s=take.time_s[::2]), part_of(take, slice(0, 40, 2)))


def test_half_as_fast_turns_the_head_evenly_and_keeps_every_frame(take):
    slow = timed(take, Timing(speed=0.5))
    np.testing.assert_array_equal(slow.head_pose[::2], take.head_pose)
    matrices = matrices_from_axis_angle(slow.head_pose[:79])
    steps = np.swapaxes(matrices[:-1], 1, 2) @ matrices[1:]
    np.testing.assert_allclose(steps[::2], steps[1::2], atol=1e-6)
    np.testing.assert_allclose(slow.frame_shape[:5, 0], [20, 20.5, 21, 21.5, 22])


def test_gaps_stay_marked_and_without_landmarks(take):
    slow = timed(take, Timing(speed=0.5))
    np.testing.assert_array_equal(np.flatnonzero(slow.gap), [19, 20, 21, 49, 50, 51, 52, 53])
    np.testing.assert_array_equal(np.isnan(slow.landmarks).any(axis=(1, 2)), slow.gap)


def test_footage_of_varying_rate_is_played_by_its_timestamps():
    time_s = np.array([0.0, 0.04, 0.1, 0.12, 0.2])  # frames 0, 1, 2.5, 3 and 5 of 25 a second
    take = make_take(5, fps=Fraction(25), time_s=time_s)
    slow = timed(take, Timing(speed=0.5))
    rows = np.interp(np.minimum(np.arange(12) / 50, 0.2), time_s, np.arange(5))
    expected = np.stack([np.interp(rows, np.arange(5), column) for column in take.expression.T], axis=-1)
    np.testing.assert_allclose(slow.expression, expected, atol=1e-6)
    np.testing.assert_allclose(slow.time_s, np.arange(12) / 25, atol=1e-9)
