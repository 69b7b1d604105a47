"""The loop closed: the sample clip, solved, against the animation that it was rendered from."""

import sys

import cv2
import numpy as np
import pytest

from smirk_blender.capture import solve_video
from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import Done
from smirk_blender.flame import builtin_head
from smirk_blender.sample import SAMPLE_CLIP, sample_take
from smirk_blender.sample.performance import JAW_OPEN_RAD, eased, sample_voice
from smirk_blender.take import load_take
from tests.bench import repeat
from tests.jobs import messages_of


@pytest.fixture(scope="module")
def truth():
    return sample_take(builtin_head())


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.take.npz"
    list(solve_video(SAMPLE_CLIP, path))
    return load_take(path)


def channels(take) -> dict[str, np.ndarray]:
    expression = lambda name: take.expression[:, take.expression_names.index(name)]
    return {
        "jaw": take.jaw_pose[:, 0],
        "smile_L": expression("mouthSmile_L"),
        "smile_R": expression("mouthSmile_R"),
        "blink_L": take.eyelid[:, 0],
        "blink_R": take.eyelid[:, 1],
        "brow_raise": expression("browInnerUp") + expression("browOuterUp_L") + expression("browOuterUp_R"),
        "pucker": expression("mouthPucker"),
    }


def test_the_clip_is_small_and_as_long_as_its_animation(solved, truth):
    assert SAMPLE_CLIP.stat().st_size < 1_000_000  # bytes
    assert len(solved) == len(truth) and solved.fps == truth.fps
    np.testing.assert_allclose(solved.time_s, truth.time_s, atol=1e-3)  # seconds


def test_the_face_is_found_in_every_frame(solved):
    assert not solved.gap.any()


@pytest.mark.parametrize("name", ["jaw", "smile_L", "smile_R", "blink_L", "blink_R", "brow_raise", "pucker"])
def test_the_animation_is_found_again(solved, truth, name, figure):
    correlation = np.corrcoef(channels(solved)[name], channels(truth)[name])[0, 1]
    figure("correlation", correlation)
    assert correlation >= 0.9


@pytest.mark.parametrize(("axis", "least"), [("x", 0.75), ("y", 0.97), ("z", 0.97)])
def test_the_head_turns_as_it_was_turned(solved, truth, axis, least, figure):
    column = "xyz".index(axis)
    correlation = np.corrcoef(solved.head_pose[:, column], truth.head_pose[:, column])[0, 1]
    figure("correlation", correlation)
    assert correlation > least  # nodding is the weakest: an opening mouth looks like a tilt to MediaPipe


def test_the_voice_is_heard_when_the_mouth_is_open():
    voice = np.abs(sample_voice(8000)).reshape(-1, 400).max(axis=1)  # in steps of 50 ms
    openness = eased((np.arange(len(voice)) + 0.5) * 0.05, JAW_OPEN_RAD)
    assert voice[openness > 0.1].min() > 0.1 and voice[openness == 0].max() < 0.01


def test_memory_does_not_grow_with_the_clip(tmp_path, figure, monkeypatch):
    # glibc gives freed arrays back at once: else the peaks of one clip differ by 10 % from run to run, by fragmentation
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    long_clip = repeat(SAMPLE_CLIP, tmp_path / "long.mp4", times=5)
    assert cv2.VideoCapture(str(long_clip)).get(cv2.CAP_PROP_FRAME_COUNT) == 750
    peaks = []
    for video in (SAMPLE_CLIP, long_clip):
        arguments = {"video_path": str(video), "take_path": str(tmp_path / "one.take.npz"), "options": {}}
        job = Job(sys.executable, "capture.worker", arguments, tmp_path / "worker.log")
        try:
            done = list(messages_of(job))[-1]
        finally:
            job.close()
        assert isinstance(done, Done), done
        peaks.append(done.peak_memory_mb)
        figure(f"peak memory of {done.num_frames} frames", done.peak_memory_mb, "MB")
    if not peaks[0]:
        pytest.skip("this system does not tell a process's peak memory")
    assert peaks[1] < 1500  # MB
    assert peaks[1] < 1.05 * peaks[0]
