"""The worker process and its parent: messages over a pipe, stopping, dying."""

import os
import signal
import sys

import pytest

from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import (
    Checked,
    Done,
    Failed,
    Loading,
    Part,
    Progress,
    Seen,
    Stopped,
    Warned,
    decode_message,
    encode_message,
)
from smirk_blender.take import load_take
from tests.capture.videos import write_code_video
from tests.conftest import REPOSITORY
from tests.jobs import messages_of

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
        Stopped(),
        Part("a", 0, 12, 1),
        Seen(0, 30, 33, [0.1, 0.2, 0.3, 0.4], "a.png"),
        Checked("torch", "good", "2.13"),
        Done(["a"], 1, 1, 2.5, {"fit": 1.5}, 3.5),
    ],
)
def test_messages_cross_a_pipe_unchanged(message):
    line = encode_message(message)
    assert "\n" not in line and decode_message(line) == message


@pytest.mark.parametrize(
    "line",
    ["", "hello", "[]", "{}", '{"kind": "Other"}', '{"kind": []}', '{"kind": null}', '{"kind": "Done", "wrong": 1}'],
)
def test_other_lines_are_not_messages(line):
    with pytest.raises(ValueError):
        decode_message(line)


def test_a_worker_solves_the_sample_clip(start, tmp_path):
    messages = list(messages_of(start(SAMPLE)))
    assert isinstance(messages[-1], Done) and len(load_take(messages[-1].paths[0])) == messages[-1].num_frames
    assert {type(message) for message in messages} <= {Loading, Progress, Warned, Done}
    assert 50 < messages[-1].peak_memory_mb < 1500 or sys.platform == "win32"


def test_bad_input_ends_in_one_failed_message(start, tmp_path):
    messages = list(messages_of(start(tmp_path / "none.mp4")))
    assert messages == [Failed(f"No video at {tmp_path / 'none.mp4'}. Check the path")]


def test_an_unexpected_error_points_to_the_log(start, tmp_path):
    messages = list(messages_of(start(write_code_video(tmp_path / "codes.mp4", 3), no_such_option=1)))
    assert len(messages) == 1 and "no_such_option" in messages[0].text
    assert messages[0].hint == f"The log has the details: {tmp_path / 'worker.log'}"
    assert "Traceback" in (tmp_path / "worker.log").read_text()


def test_a_worker_stops_when_asked_and_leaves_no_take(start, tmp_path):
    job = start(SAMPLE)
    next(message for message in messages_of(job) if isinstance(message, Progress))
    job.ask_to_stop()
    assert list(messages_of(job))[-1] == Stopped() and job.ended
    assert job.wait(10.0)  # seconds
    assert os.listdir(tmp_path) == ["worker.log"]


def test_a_worker_that_dies_is_reported_with_its_log(start, tmp_path):
    job = start(SAMPLE)
    messages = messages_of(job)
    next(messages)
    os.kill(job._process.pid, signal.SIGKILL)
    last = list(messages)[-1]
    assert isinstance(last, Failed) and "was ended by SIGKILL" in last.text


def test_an_interpreter_without_the_packages_is_reported(tmp_path):
    job = Job(sys.executable, "capture.no_such_module", {}, tmp_path / "worker.log")
    messages = list(messages_of(job))
    job.close()
    assert len(messages) == 1 and "No module named" in messages[0].text
