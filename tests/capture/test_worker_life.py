"""How workers start and end: stopped at any moment, killed, orphaned."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from smirk_blender.capture import job as job_module
from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import ENDINGS, Done, Failed, Loading, Progress, Stopped
from smirk_blender.errors import SmirkError
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take
from tests.conftest import REPOSITORY
from tests.jobs import SCRIPT_LIMIT_S, messages_of, posix

GONE_WITHIN_S = 10.0  # on a machine whose cores are taken; meant are 2 for one that is stopped, and 1 for an orphan


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked about does not."""
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def seconds_until_gone(pid: int, timeout_s: float) -> float:
    start = time.monotonic()
    while is_running(pid) and time.monotonic() - start < timeout_s:
        time.sleep(0.02)
    return time.monotonic() - start


DICE = random.Random(4)
MOMENTS = [None, Loading("any"), *(Progress(frame, 150) for frame in sorted(DICE.sample(range(1, 150), 5)))]
MOMENTS += [Progress(150, 150), Progress(1, 150, "fit"), Progress(100, 150, "fit")]


def has_come(message, moment) -> bool:
    if not isinstance(message, Progress) or not isinstance(moment, Progress):
        return type(message) is type(moment)
    return message.stage == moment.stage and message.video_frame >= moment.video_frame


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_solve_stops_at_any_moment_and_leaves_nothing_but_its_log(start, tmp_path, moment, figure):
    job = start()
    if moment is not None:  # else at once: the worker has not even begun
        assert any(has_come(message, moment) for message in messages_of(job))
    asked = time.monotonic()
    job.ask_to_stop()
    assert job.wait(GONE_WITHIN_S)
    figure("until gone", time.monotonic() - asked, "s")
    messages = job.poll()
    assert not is_running(job.pid) and job.ended
    if isinstance(messages[-1], Done):  # it was ready before
        assert sorted(os.listdir(tmp_path)) == ["one.take.npz", "worker.log"]
    else:
        assert messages[-1] == Stopped() and os.listdir(tmp_path) == ["worker.log"]


def test_a_worker_that_imports_torch_stops_in_time(start, tmp_path, shared_folder, figure):
    flame = shared_folder / "flame"
    weights = shared_folder / "reference" / "smirk_like.pt"
    job = start(weights=str(weights), head=str(flame / "generic_model.pkl"), eyelids=str(flame))
    next(message for message in messages_of(job) if isinstance(message, Loading) and "smirk" in message.text)
    asked = time.monotonic()
    job.ask_to_stop()
    assert job.wait(GONE_WITHIN_S)
    figure("until gone", time.monotonic() - asked, "s")
    assert job.poll()[-1] == Stopped() and os.listdir(tmp_path) == ["worker.log"]


def test_messages_come_by_waiting_for_them_too_and_end_with_the_ending(start):
    job = start()
    messages = list(job.messages())
    assert isinstance(messages[-1], Done) and sum(isinstance(message, ENDINGS) for message in messages) == 1
    assert job.poll() == [] and job.wait(GONE_WITHIN_S)


@posix
def test_neither_polling_nor_asking_waits_for_a_worker_that_reads_nothing_and_says_nothing(
    tmp_path, start, monkeypatch
):
    monkeypatch.setattr(job_module, "KILL_AFTER_S", 3600.0)
    program = tmp_path / "deaf"
    program.write_text("#!/bin/sh\nexec sleep 3600")
    program.chmod(0o755)
    job = start(program)
    job.ask_to_finish()
    assert job.poll() == []
    job.ask_to_stop()
    assert job.poll() == [] and is_running(job.pid)
    job.kill()
    assert job.wait(GONE_WITHIN_S) and job.poll() == [Stopped()]


def test_a_solve_that_is_asked_to_finish_makes_a_take_of_the_frames_so_far(start):
    job = start()
    reached = next(message for message in messages_of(job) if has_come(message, Progress(21, 150)))
    job.ask_to_finish()
    done = list(messages_of(job))[-1]
    assert isinstance(done, Done) and reached.video_frame <= done.num_frames < 150
    assert len(load_take(done.paths[0])) == done.num_frames


@posix
def test_a_worker_that_is_killed_fails_once_and_names_the_signal(start, tmp_path):
    job = start()
    next(message for message in messages_of(job) if isinstance(message, Progress))
    (tmp_path / f"one.take.npz.{job.token}.part").write_bytes(b"half")
    os.kill(job.pid, signal.SIGKILL)
    endings = [message for message in messages_of(job) if not isinstance(message, Progress)]
    assert len(endings) == 1 and isinstance(endings[0], Failed)
    assert "was ended by SIGKILL" in endings[0].text and str(tmp_path / "worker.log") in endings[0].hint
    assert os.listdir(tmp_path) == ["worker.log"]


PARENT = """
import os, sys, time
from smirk_blender.capture import job as job_module
from smirk_blender.capture import launch
from smirk_blender.capture.job import Job
arguments = {{"video_path": {video!r}, "take_path": {take!r}, "options": {{}}}}
job = Job(sys.executable, "capture.worker", arguments, {log!r})
print("worker", job.pid, flush=True)
if {forks} and (child := os.fork()) == 0:
    time.sleep(60)  # holds a copy of the worker's standard input
    os._exit(0)
print("child", child if {forks} else 0, flush=True)
for message in job.messages():
    print(type(message).__name__, getattr(message, "stage", ""), flush=True)
"""


@posix
@pytest.mark.parametrize(
    ("phase", "forks"),
    [
        ("child", False),
        ("Loading", False),
        ("Progress solve", False),
        ("Progress fit", False),
        ("Loading", True),
        ("Progress solve", True),
    ],
)
def test_a_worker_ends_when_its_parent_was_killed(tmp_path, phase, forks, figure):
    take, log = tmp_path / "one.take.npz", tmp_path / "worker.log"
    script = PARENT.format(video=str(SAMPLE_CLIP), take=str(take), log=str(log), forks=forks)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    limit = threading.Timer(SCRIPT_LIMIT_S, parent.kill)
    limit.start()
    try:
        said = {}
        for line in parent.stdout:
            word, _, rest = line.strip().partition(" ")
            said[word] = rest
            if line.strip().startswith(phase):
                break
        worker, child = int(said["worker"]), int(said["child"])
        assert is_running(worker)
        parent.kill()
        seconds = seconds_until_gone(worker, GONE_WITHIN_S)
        if child:
            assert is_running(child)
            os.kill(child, signal.SIGKILL)
    finally:
        limit.cancel()
        parent.kill()
        parent.wait()
        parent.stdout.close()
    figure("until gone", seconds, "s")
    assert seconds < GONE_WITHIN_S
    assert os.listdir(tmp_path) == ["worker.log"]


@pytest.fixture
def start_made_up(tmp_path, monkeypatch):
    """Return a function that starts a job of the given source, in a copy of what every worker needs."""
    package, files = tmp_path / "package", tmp_path / "files"
    (package / "capture").mkdir(parents=True)
    for path in (REPOSITORY / "smirk_blender").glob("*.py"):
        shutil.copy(path, package)
    for path in (REPOSITORY / "smirk_blender" / "capture").glob("*.py"):
        shutil.copy(path, package / "capture")
    files.mkdir()
    monkeypatch.setattr(job_module, "LAUNCHER", package / "capture" / "launch.py")
    jobs = []

    def start_job(source):
        (package / "capture" / "made_up.py").write_text(MADE_UP.format(source=textwrap.indent(source, "    ")))
        arguments = {"options": {"take_path": str(files / "one.take.npz")}}
        jobs.append(Job(sys.executable, "capture.made_up", arguments, files / "worker.log"))
        return jobs[-1]

    yield start_job
    for job in jobs:
        job.close()


MADE_UP = """
import os, re, stat, sys, time
from pathlib import Path
from ..partial import partial_path
from .protocol import Done, Failed, Progress
from .worker import run_job

def job(options):
{source}

run_job(job, sys.argv[1:])
"""
WRITING = "partial_path(Path(options['take_path'])).touch()\nyield Progress(1, 2)\n"
HANGS = "Path(__file__).with_name('hangs').touch()\n"


@pytest.mark.parametrize(
    "hanging",
    [
        "time.sleep(60)",
        "re.match('(a+)+b', 40 * 'a')  # native code that lets no other thread run",
        "while True: yield Progress(1, 2)",
    ],
    ids=["waits", "holds the interpreter", "talks"],
)
def test_a_worker_that_hangs_is_stopped_in_time_and_cleaned_up_after(start_made_up, hanging, figure):
    job = start_made_up(f"{WRITING}{HANGS}{hanging}\nyield Done([])")
    next(messages_of(job))
    hangs, until_s = job_module.LAUNCHER.with_name("hangs"), time.monotonic() + GONE_WITHIN_S
    while not hangs.exists() and time.monotonic() < until_s:
        job.poll()
        time.sleep(0.01)
    assert hangs.exists()
    assert len(os.listdir(job.log_path.parent)) == 2
    asked = time.monotonic()
    job.ask_to_stop()
    assert job.wait(GONE_WITHIN_S)
    figure("until gone", time.monotonic() - asked, "s")
    assert job.poll()[-1] == Stopped() and os.listdir(job.log_path.parent) == ["worker.log"]


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        ("yield Done([])\nraise ValueError('afterwards')", Done([])),
        ("yield Failed('x')\nyield Done([])", Failed("x")),
        ("import no_such_thing\nyield", f"{sys.executable} lacks no_such_thing, which the worker needs"),
        ("from .none import x\nyield", "The add-on in "),
        ("yield 1 / 0", "Stopped by an unexpected error: ZeroDivisionError: division by zero"),
        ("yield Progress(1, 2)\nos._exit(0)", "The worker capture.made_up ended with code 0 and no result"),
        ("print('last words')\nyield os.abort()", "The worker capture.made_up was ended by SIGABRT and no result"),
    ],
    ids=["error after the end", "two endings", "missing package", "missing module", "error", "exit", "abort"],
)
def test_a_job_has_one_ending_whatever_happens(start_made_up, source, ending):
    job = start_made_up(source)
    messages = list(messages_of(job))
    assert job.wait(GONE_WITHIN_S) and job.poll() == []
    if isinstance(ending, str):
        assert isinstance(messages[-1], Failed) and messages[-1].text.startswith(ending)
    else:
        assert messages[-1] == ending
    assert not any(isinstance(message, ENDINGS) for message in messages[:-1])


def test_descriptor_0_is_empty_in_a_job_which_hears_its_parent_all_the_same(start_made_up):
    piped = "str(stat.S_ISFIFO(os.fstat(0).st_mode))"
    job = start_made_up(f"yield Done([{piped}, os.read(0, 1).decode(), sys.stdin.read()])")
    assert list(messages_of(job)) == [Done(["False", "", ""])]


def test_files_are_told_apart_by_the_job_and_not_by_the_process(start_made_up):
    jobs = [start_made_up(f"{WRITING}yield Done([str(partial_path(Path('x')))])") for _ in range(2)]
    names = [list(messages_of(job))[-1].paths[0] for job in jobs]
    assert names == [f"x.{job.token}.part" for job in jobs] and names[0] != names[1]


def test_a_job_goes_on_where_its_request_cannot_be_removed(start_made_up, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("held by a virus scanner, as on Windows")

    job = start_made_up("yield Progress(1, 2)\nyield Done([])")
    with monkeypatch.context() as patch:
        patch.setattr(type(job._request), "unlink", refuse)
        assert list(messages_of(job)) == [Progress(1, 2), Done([])] and job.wait(GONE_WITHIN_S)
    assert job._request.is_file()
    job._remove_request()


def test_a_job_ends_where_reading_its_messages_goes_wrong(start_made_up, monkeypatch):
    def fail(*_):
        raise RecursionError("too deep")

    monkeypatch.setattr(job_module, "decode_message", fail)
    job = start_made_up("yield Progress(1, 2)\ntime.sleep(60)")
    text = "Stopped by an unexpected error: RecursionError: too deep"
    assert list(messages_of(job)) == [Failed(text, f"The log has the details: {job.log_path}")]
    assert job.wait(GONE_WITHIN_S) and not is_running(job.pid) and "Traceback" in job.log_path.read_text()


@posix
def test_what_others_print_goes_to_the_log(tmp_path, start):
    program = tmp_path / "chatty"
    program.write_text('#!/bin/sh\necho Blender 5.2\necho \'{"kind": "Done", "paths": []}\'\nprintf more')
    program.chmod(0o755)
    job = start(program)
    assert list(messages_of(job)) == [Done([])] and job.wait(GONE_WITHIN_S)
    assert (tmp_path / "worker.log").read_text() == "Blender 5.2\nmore\n"


def test_a_program_ends_while_its_job_runs_and_the_job_with_it(tmp_path):
    script = PARENT.format(video=str(SAMPLE_CLIP), take=str(tmp_path / "a"), log=str(tmp_path / "log"), forks=False)
    script = script.replace("for message in job.messages():", "for message in (next(job.messages()),):")
    command = [sys.executable, "-X", "dev", "-W", "ignore:subprocess:ResourceWarning", "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=SCRIPT_LIMIT_S)
    assert run.returncode == 0 and "Loading" in run.stdout and run.stderr == ""
    assert seconds_until_gone(int(run.stdout.split()[1]), GONE_WITHIN_S) < GONE_WITHIN_S


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(SmirkError, match="Cannot write the worker's log .*none.*Choose another folder"):
        Job(sys.executable, "capture.worker", {}, tmp_path / "none" / "worker.log")
