"""Takes between their frames, and in step with what a strip shows."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.retarget.resample import FrameMap, resample_take, time_take
from smirk_blender.take.camera import picture_scale
from smirk_blender.take.parts import part_of
from smirk_blender.take.take import FRAME_ARRAYS, are_no_landmarks, no_landmarks
from tests.builders import make_take

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60000, 1001)]


def cropped_take(num_frames, **replacements):
    """A take whose camera and crop move, each its own way."""
    rng = np.random.default_rng(5)
    crop = np.tile(np.eye(3), (num_frames, 1, 1))
    crop[:, 0, 0] = crop[:, 1, 1] = rng.uniform(0.4, 1.2, num_frames)
    crop[:, :2, 2] = rng.uniform(-200, 50, (num_frames, 2))
    camera = np.column_stack([rng.uniform(4, 9, num_frames), rng.uniform(-0.1, 0.1, (num_frames, 2))])
    return make_take(num_frames, camera=camera, crop_transform=crop, **replacements)


def assert_same(take, other):
    for name in FRAME_ARRAYS:
        np.testing.assert_array_equal(getattr(take, name), getattr(other, name))


def test_whole_rows_are_as_they_were_to_the_last_bit():
    take = cropped_take(9, gap=[0, 0, 1, 0, 0, 0, 0, 0, 0])
    take.landmarks[2] = np.nan
    assert_same(resample_take(take, np.arange(9), fps=take.fps), take)
    assert_same(resample_take(take, [2, 4 + 1e-12], fps=take.fps), part_of(take, slice(2, 6, 2)))


def test_values_go_straight_from_row_to_row():
    take = cropped_take(9)
    between = resample_take(take, [3.25], fps=Fraction(24))
    for name in ("expression", "eyelid", "landmarks", "confidence", "time_s"):
        low, high = getattr(take, name)[3:5].astype(np.float64)
        np.testing.assert_allclose(getattr(between, name)[0], 0.75 * low + 0.25 * high, rtol=1e-6, atol=1e-7)
    assert between.fps == 24


def test_rotations_turn_evenly_about_one_axis():
    turns = np.array([[0.3, 0.0, 0.1], [3.0, 0.4, -0.2], [0.0, -3.1, 0.3]])  # radians; the last ones far apart
    take = make_take(3, head_pose=turns, jaw_pose=turns, neck_pose=turns, eye_pose=np.tile(turns, 2))
    quarters = resample_take(take, np.arange(0, 2.25, 0.25), fps=take.fps)
    for poses in (quarters.head_pose, quarters.jaw_pose, quarters.neck_pose, *np.split(quarters.eye_pose, 2, axis=1)):
        matrices = matrices_from_axis_angle(poses)
        steps = np.swapaxes(matrices[:-1], 1, 2) @ matrices[1:]
        for row in (0, 4):
            np.testing.assert_allclose(steps[row : row + 4], steps[row : row + 1].repeat(4, axis=0), atol=1e-5)
        np.testing.assert_allclose(matrices[::4], matrices_from_axis_angle(turns), atol=1e-6)


def test_the_camera_grows_and_moves_evenly_in_the_picture():
    take = cropped_take(6)
    rows = np.array([0.0, 0.5, 1.25, 4.9, 5.0])
    between = resample_take(take, rows, fps=take.fps)
    found = picture_scale(between.camera, between.crop_transform)
    for values, known in zip(found, picture_scale(take.camera, take.crop_transform)):
        columns = known.reshape(6, -1).T
        expected = np.stack([np.interp(rows, np.arange(6), column) for column in columns], axis=-1)
        np.testing.assert_allclose(values.reshape(5, -1), expected, rtol=1e-5, atol=1e-3)  # pixels


def test_landmarks_that_were_not_read_take_no_memory_at_another_rate_either():
    take = cropped_take(5, gap=[0, 0, 1, 0, 0])
    take = replace(take, landmarks=no_landmarks(5))
    assert are_no_landmarks(resample_take(take, [0.5, 1.0, 3.5], fps=take.fps).landmarks)


def test_what_lies_beside_a_gap_is_a_gap_and_has_no_landmarks():
    take = cropped_take(5, gap=[0, 0, 1, 0, 0])
    take.landmarks[2] = np.nan
    between = resample_take(take, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0], fps=take.fps)
    np.testing.assert_array_equal(between.gap, [False, False, True, True, True, False])
    np.testing.assert_array_equal(np.isnan(between.landmarks).any(axis=(1, 2)), between.gap)


@pytest.mark.parametrize("scene_fps", RATES)
@pytest.mark.parametrize("video_fps", RATES)
@pytest.mark.parametrize("first_frame", [0, 7])
def test_a_resampled_take_is_where_its_time_is(scene_fps, video_fps, first_frame):
    whole = make_take(60, fps=video_fps)
    take = part_of(whole, slice(first_frame, 50))
    timed, start = time_take(take, timing="resample", scene_fps=scene_fps, scene_frame_start=101)
    assert start == 101 and timed.fps == scene_fps
    seconds = np.arange(len(timed)) / float(scene_fps)
    rows = np.minimum(seconds * float(video_fps), len(take) - 1)
    assert abs(len(timed) - len(take) * float(scene_fps / video_fps)) <= 1  # scene frames
    expected = np.stack([np.interp(rows, np.arange(len(take)), column) for column in take.expression.T], axis=-1)
    np.testing.assert_allclose(timed.expression, expected, atol=1e-6)
    np.testing.assert_allclose(np.diff(timed.time_s) * float(scene_fps), 1.0, atol=1e-9)


def test_a_strip_decides_where_the_take_lies():
    take = part_of(make_take(40, fps=Fraction(30000, 1001)), slice(5, 40))
    frame_map = FrameMap(start=12.0, step=24 / 29.97003, fps=29.97003)
    timed, start = time_take(take, timing="resample", scene_fps=Fraction(24), frame_map=frame_map)
    assert start == 16  # 12 + 5 * 0.8008 = 16.004, whose frame is the nearest to 16
    positions = (start + np.arange(len(timed)) - 12.0) / frame_map.step - 5
    assert 33.5 < positions[-1] < 34.5
    rows = np.clip(positions, 0, 34)
    expected = np.stack([np.interp(rows, np.arange(35), column) for column in take.expression.T], axis=-1)
    np.testing.assert_allclose(timed.expression, expected, atol=1e-6)


def test_a_strip_of_one_scene_frame_a_video_frame_leaves_every_row_as_it_is():
    take = part_of(make_take(40, fps=Fraction(30000, 1001)), slice(5, 40))
    timed, start = time_take(take, timing="resample", scene_fps=Fraction(24), frame_map=FrameMap(12.0, 1.0, 29.97003))
    assert (start, len(timed), timed.fps) == (17, 35, 24)
    np.testing.assert_array_equal(timed.expression, take.expression)
    np.testing.assert_allclose(np.diff(timed.time_s) * 24, 1.0, atol=1e-9)


def test_a_scene_of_the_takes_rate_plays_it_as_it_is():
    take = make_take(20, fps=Fraction(25))
    assert time_take(take, timing="set", scene_fps=Fraction(25), scene_frame_start=9) == (take, 9)
    assert time_take(take, timing="resample", scene_fps=Fraction(25), scene_frame_start=9)[0] is take
    timed, start = time_take(take, timing="set", scene_fps=Fraction(25), frame_map=FrameMap(3.0, 0.5, 25.0))
    assert (start, len(timed)) == (3, 10)  # a strip at double speed
    np.testing.assert_array_equal(timed.expression, take.expression[::2])


def test_footage_of_varying_rate_is_resampled_by_its_timestamps():
    time_s = np.array([0.0, 0.04, 0.1, 0.12, 0.2])
    take = make_take(5, fps=Fraction(25), time_s=time_s)
    timed, start = time_take(take, timing="resample", scene_fps=Fraction(50), scene_frame_start=1)
    rows = np.interp(np.minimum(np.arange(len(timed)) / 50, 0.2), time_s, np.arange(5))
    assert start == 1 and len(timed) == 12
    expected = np.stack([np.interp(rows, np.arange(5), column) for column in take.expression.T], axis=-1)
    np.testing.assert_allclose(timed.expression, expected, atol=1e-6)


def test_another_timing_is_refused():
    with pytest.raises(ValueError, match="'set' or 'resample', not 'both'"):
        time_take(make_take(2), timing="both", scene_fps=Fraction(24))
