"""Crops that do not shake, made some frames later and no later."""

import threading

import numpy as np
import pytest

from smirk_blender.capture.crop import crop_transform
from smirk_blender.capture.decode import Frame
from smirk_blender.capture.steady import MOST_FRAMES, SteadyCrops, framed
from smirk_blender.capture.watch import StageClock, watch
from smirk_blender.take.camera import CROP_SIZE_PX

SIDE_PX = 100.0


def frame_of(video_frame: int) -> Frame:
    return Frame(video_frame, video_frame / 25.0, np.full((48, 64, 3), video_frame, np.uint8))


def face_at(x: float, y: float, size: float = SIDE_PX) -> np.ndarray:
    """Return four landmarks at the corners of a square, pixels."""
    return np.array([[x, y, 0], [x + size, y, 0], [x, y + size, 0], [x + size, y + size, 0]])


def steadied(faces, fps: float = 25.0):
    crops = SteadyCrops(fps)
    found = [one for row, face in enumerate(faces) for one in crops.add(frame_of(row), (face,))]
    return found + list(crops.rest())


def middles(transforms) -> np.ndarray:
    """Return the image points that lie in the crops' middles, (K, 2) pixels."""
    return np.array([((CROP_SIZE_PX - 1) / 2 - transform[:2, 2]) / transform[0, 0] for transform in transforms])


def test_every_frame_comes_back_once_and_in_order():
    found = steadied([face_at(row, 0) for row in range(40)])
    assert [one.frame.video_frame for one in found] == list(range(40))


def test_squares_shake_less_and_come_no_later(figure):
    rng = np.random.default_rng(0)
    path = 200 + 60 * np.sin(np.arange(100) / 12)
    faces = [face_at(x + dx, 50 + dy, SIDE_PX + ds) for x, (dx, dy, ds) in zip(path, 3 * rng.normal(size=(100, 3)))]
    second = lambda values: np.sqrt((np.diff(values, 2, axis=0) ** 2).mean())
    steady = [one.transforms[0] for one in steadied(faces)]
    own = [crop_transform(face) for face in faces]
    figure("second difference of the middle before", second(middles(own)), "px")
    figure("second difference of the middle after", second(middles(steady)), "px")
    assert second(middles(steady)) < 0.2 * second(middles(own))
    x = middles(steady)[:, 0]
    match = [np.corrcoef(path[5:95], x[5 + lag : 95 + lag])[0, 1] for lag in range(-5, 6)]
    assert int(np.argmax(match)) == 5


def test_an_even_movement_keeps_its_face_in_the_middle():
    faces = [face_at(100 + 4 * row, 30) for row in range(20)]
    found = middles([one.transforms[0] for one in steadied(faces)])
    np.testing.assert_allclose(found[:, 0], [face[:, 0].mean() for face in faces], atol=1e-6)  # pixels


def test_neither_a_gap_nor_a_cut_is_averaged_across():
    faces = [face_at(100, 30)] * 10 + [None] * 3 + [face_at(110, 30)] * 10 + [face_at(400, 30)] * 10
    found = [one.transforms[0] for one in steadied(faces)]
    assert found[10:13] == [None] * 3
    seen = [transform for transform in found if transform is not None]
    expected = [face[:, 0].mean() for face in faces if face is not None]
    np.testing.assert_allclose(middles(seen)[:, 0], expected, atol=1e-6)  # pixels


@pytest.mark.parametrize("fps", [10.0, 25.0, 240.0])
def test_few_frames_wait_however_fast_they_come(fps):
    crops = SteadyCrops(fps)
    waiting = 0
    for row in range(60):
        waiting += 1 - len(list(crops.add(frame_of(row), (face_at(0, 0),))))
    assert waiting <= MOST_FRAMES


def test_without_steady_crops_every_frame_has_its_own():
    face = face_at(12.3, 4.5)
    np.testing.assert_array_equal(framed(frame_of(0), (face,)).transforms[0], crop_transform(face))


@pytest.mark.parametrize("steady", [True, False])
def test_what_is_cropped_is_the_frame_s_own_picture(steady):
    frames = iter([frame_of(row) for row in range(30)])
    find = lambda frame: (face_at(10, 5, 20),)
    crops = SteadyCrops(25.0) if steady else None
    sightings = list(watch(frames, find, True, StageClock(), steady=crops))
    assert [sighting.time_s for sighting in sightings] == [row / 25.0 for row in range(30)]
    assert [int(sighting.faces[0].crop[112, 112, 0]) for sighting in sightings] == list(range(30))
    assert not [thread for thread in threading.enumerate() if thread.name == "landmarks"]
