"""The worker process and its parent: messages over a pipe, stopping, dying."""

import os
import signal
import sys
import time

import pytest

from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import (
    Done,
    Failed,
    Loading,
    Progress,
    Warned,
    decode_message,
    encode_message,
)
from smirk_blender.take import load_take
from tests.capture.videos import write_code_video
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "smirk_blender" / "sample" / "sample.mp4"


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a solve; every job is closed at the end."""
    jobs = []

    def start_job(video, **options):
        arguments = {"video_path": str(video), "take_path": str(tmp_path / "one.take.npz"), "options": options}
        jobs.append(Job(sys.executable, "capture.worker", arguments, tmp_path / "worker.log"))
        return jobs[-1]

    yield start_job
    for job in jobs:
        job.close()


@pytest.mark.parametrize(
    "message",
    [
        Loading("a model"),
        Progress(3, 9, "fit"),
        Warned("No face in frames 1-2 of \u00e9t\u00e9.mp4"),
        Failed("x", "y"),
        Done("a", 1, 1, 2.5, {"fit": 1.5}, 3.5),
    ],
)
def test_messages_cross_a_pipe_unchanged(message):
    line = encode_message(message)
    assert "\n" not in line and decode_message(line) == message


@pytest.mark.parametrize("line", ["", "hello", "[]", '{"kind": "Other"}', '{"kind": "Done", "wrong": 1}'])
def test_other_lines_are_not_messages(line):
    with pytest.raises(ValueError):
        decode_message(line)


def test_a_worker_solves_the_sample_clip(start, tmp_path):
    messages = list(start(SAMPLE).messages())
    assert isinstance(messages[-1], Done) and len(load_take(messages[-1].take_path)) == messages[-1].num_frames
    assert {type(message) for message in messages} <= {Loading, Progress, Warned, Done}
    assert 50 < messages[-1].peak_memory_mb < 1500 or sys.platform == "win32"


def test_bad_input_ends_in_one_failed_message(start, tmp_path):
    messages = list(start(tmp_path / "none.mp4").messages())
    assert messages == [Failed(f"No video at {tmp_path / 'none.mp4'}. Check the path")]


def test_an_unexpected_error_points_to_the_log(start, tmp_path):
    messages = list(start(write_code_video(tmp_path / "codes.mp4", 3), no_such_option=1).messages())
    assert len(messages) == 1 and "no_such_option" in messages[0].text
    assert messages[0].hint == f"The log has the details: {tmp_path / 'worker.log'}"
    assert "Traceback" in (tmp_path / "worker.log").read_text()


def test_a_worker_stops_when_asked_and_leaves_no_take(start, tmp_path):
    job = start(SAMPLE)
    next(message for message in job.messages() if isinstance(message, Progress))
    asked = time.monotonic()
    job.stop()
    assert time.monotonic() - asked < 4.0  # seconds: it was not killed
    assert job._process.returncode == 3
    assert not (tmp_path / "one.take.npz").exists()


def test_a_worker_that_dies_is_reported_with_its_log(start, tmp_path):
    job = start(SAMPLE)
    messages = job.messages()
    next(messages)
    os.kill(job._process.pid, signal.SIGKILL)
    last = list(messages)[-1]
    assert isinstance(last, Failed) and "ended with code -9" in last.text and str(tmp_path / "worker.log") in last.hint


def test_an_interpreter_without_the_packages_is_reported(tmp_path):
    job = Job(sys.executable, "capture.no_such_module", {}, tmp_path / "worker.log")
    messages = list(job.messages())
    job.close()
    assert len(messages) == 1 and "No module named" in messages[0].text
