"""Parameters while the solve still runs: near the finished take, cheap, and of no influence on it."""

import time
from dataclasses import fields

import numpy as np
import pytest

from smirk_blender import encoder
from smirk_blender.capture import SolveOptions, solve_video
from smirk_blender.capture.performer import PER_FRAME
from smirk_blender.capture.protocol import Part
from smirk_blender.capture.solvers import LandmarkSolver, SmirkSolver, Solved
from smirk_blender.flame import builtin_head
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take
from smirk_blender.take.parts import join_parts
from smirk_blender.take.take import FRAME_ARRAYS
from tests.builders import tiny_head

CHUNK_FRAMES = 12


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The sample's solved take: its landmarks and crops are what a solver is given."""
    path = tmp_path_factory.mktemp("live") / "sample.take.npz"
    list(solve_video(SAMPLE_CLIP, path, SolveOptions(solver="landmarks")))
    take = load_take(path)
    assert not take.gap.any()
    return take


def chunks(take, size=CHUNK_FRAMES) -> list[tuple[np.ndarray, np.ndarray]]:
    starts = range(0, len(take), size)
    return [(take.landmarks[at : at + size], take.crop_transform[at : at + size]) for at in starts]


def joined(parts: list[Solved], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts])


def vertices(head, solved, shape) -> np.ndarray:
    """Return (T, V, 3) metres."""
    names = ("eyelid", "jaw_pose", "eye_pose", "head_pose")
    return head.vertices(shape, solved.expression, **{name: getattr(solved, name) for name in names})


def test_live_faces_are_near_the_finished_ones_at_a_fraction_of_the_time(seen, figure):
    head = builtin_head()
    solver = LandmarkSolver(head)
    start = time.process_time()
    parts = [solver.so_far(*chunk) for chunk in chunks(seen)]
    live_s = time.process_time() - start
    start = time.process_time()
    solver.finish(seen.landmarks, seen.crop_transform, lambda num_frames: None)
    fit_s = time.process_time() - start
    live = np.concatenate([vertices(head, part, part.shape) for part in parts])
    away_mm = 1e3 * np.linalg.norm(live - vertices(head, seen, seen.shape), axis=-1)
    figure("rms of vertices, live to finished", np.sqrt((away_mm**2).mean()), "mm")
    figure("time of the live fit", 100 * live_s / fit_s, "% of the fit, meant are 30 at most")
    assert np.sqrt((away_mm**2).mean()) < 3.0  # mm, head motion included


def test_live_faces_do_not_jump_between_two_calls(seen):
    solver = LandmarkSolver(builtin_head())
    parts = [solver.so_far(*chunk) for chunk in chunks(seen)]
    same_identity = [np.array_equal(one.shape, next_.shape) for one, next_ in zip(parts, parts[1:])]
    assert sum(same_identity) >= len(parts) - 3  # asked again at the fifth call, and no more in these 150 frames
    steps_rad = np.abs(np.diff(joined(parts, "head_pose"), axis=0)).max(axis=1)
    finished_rad = np.abs(np.diff(seen.head_pose, axis=0)).max(axis=1)
    between = np.arange(CHUNK_FRAMES - 1, len(steps_rad), CHUNK_FRAMES)[same_identity]
    assert np.all(steps_rad[between] < finished_rad.max() + np.radians(0.5))
    opening = joined(parts, "jaw_pose")[:, 0]
    assert np.corrcoef(opening, seen.jaw_pose[:, 0])[0, 1] > 0.97


@pytest.mark.parametrize("size", [1, 2, 3, 7, 150])
def test_live_frames_come_in_any_number(seen, size):
    solver = LandmarkSolver(builtin_head())
    some = chunks(seen, size)[:6]
    parts = [solver.so_far(*chunk) for chunk in some]
    assert [len(part.expression) for part in parts] == [len(landmarks) for landmarks, _ in some]
    for name in ("shape", *PER_FRAME):
        values = np.stack([part.shape for part in parts]) if name == "shape" else joined(parts, name)
        assert np.isfinite(values).all() and values.dtype == np.float32
    pose = joined(parts, "head_pose")
    np.testing.assert_allclose(pose, seen.head_pose[: len(pose)], atol=0.08)  # radians


def test_looking_at_live_frames_leaves_the_finished_take_as_it_is(seen):
    solver = LandmarkSolver(builtin_head())
    for chunk in chunks(seen):
        solver.so_far(*chunk)
    finished = solver.finish(seen.landmarks, seen.crop_transform, lambda num_frames: None)
    for item in fields(Solved):
        np.testing.assert_array_equal(getattr(finished, item.name), getattr(seen, item.name), err_msg=item.name)


def test_a_solve_with_parts_makes_the_same_take_and_its_parts_tell_of_every_frame(seen, tmp_path):
    options = SolveOptions(solver="landmarks", live_folder=str(tmp_path))
    messages = list(solve_video(SAMPLE_CLIP, tmp_path / "live.take.npz", options))
    take = load_take(tmp_path / "live.take.npz")
    for name in (*FRAME_ARRAYS, "shape"):
        np.testing.assert_array_equal(getattr(take, name), getattr(seen, name), err_msg=name)
    told = join_parts([load_take(message.take_path) for message in messages if isinstance(message, Part)])
    assert len(told) == len(seen) and told.first_frame == 0
    np.testing.assert_allclose(told.head_pose, seen.head_pose, atol=0.1)  # radians
    assert np.sqrt(((told.eye_pose - seen.eye_pose) ** 2).mean()) < np.radians(2.0)


class NumberedEncoder:
    """Gives every crop its number, in every parameter."""

    def __init__(self):
        self._num_crops = 0

    def encode(self, crops):
        numbers = np.arange(self._num_crops, self._num_crops + len(crops), dtype=np.float32)[:, None]
        self._num_crops += len(crops)
        sizes = {"head_pose": 3, "camera": 3, "expression": 50, "eyelid": 2, "jaw_pose": 3}
        values = {name: numbers.repeat(size, axis=1) for name, size in sizes.items()}
        return encoder.EncoderOutput(shape=numbers.repeat(300, axis=1), **values)


def test_smirks_frames_are_told_once_each_in_their_order(monkeypatch):
    monkeypatch.setattr(encoder, "load_encoder", lambda weights, device: NumberedEncoder())
    solver = SmirkSolver("weights.pt", tiny_head(), None)
    told = []
    for num_crops, num_told in ((4, 2), (4, 4), (4, 4), (3, 5), (4, 4)):
        solver.add(np.zeros((num_crops, 224, 224, 3), np.uint8))
        told.append(solver.so_far(np.zeros((num_told, 478, 3)), np.zeros((num_told, 3, 3))))
    np.testing.assert_array_equal(joined(told, "camera")[:, 0], np.arange(19))
    np.testing.assert_array_equal(joined(told, "expression")[:, 49], np.arange(19))
    assert told[0].shape.shape == (300,) and told[0].shape[0] == 1.5  # the median of 0 to 3
    assert told[-1].shape[0] == np.median([0, 1, 2, 3, 15, 16, 17, 18])
    assert all(part.frame_shape is None for part in told)
    finished = solver.finish(np.zeros((19, 478, 3)), np.zeros((19, 3, 3)), print)
    np.testing.assert_array_equal(finished.camera[:, 0], np.arange(19))
