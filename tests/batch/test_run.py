"""Clips in processes of their own, made up here: short scripts that say what a clip's process says."""

import sys
import threading
import time

import pytest

from smirk_blender.batch.progress import Event
from smirk_blender.batch.run import BUSY, Runner
from smirk_blender.errors import BatchError
from tests.jobs import posix

SAY = "import json, sys, time\nsay = lambda **content: print(json.dumps({'event': 'clip', **content}), flush=True)\n"
DONE = "say(clip=name, state='started', step='solve'); print('Blender says hello'); say(clip=name, state='done')"
FAIL = "say(clip=name, state='failed', step='solve', text='No face'); sys.exit(1)"
WAIT = "say(clip=name, state='progress', step='solve', fraction=0.5); sys.stdin.read(); sys.exit(130)"


@pytest.fixture
def run():
    """Run scripts by clip; return the outcomes' states and all events."""

    def run(scripts, **options):
        events = []
        command_of = lambda name: [sys.executable, "-c", f"{SAY}name = {name!r}\n{scripts[name]}"]
        outcomes = Runner(list(scripts), command_of, **{"num_jobs": 2, "hear": events.append} | options).run()
        return {name: event.state for name, event in outcomes.items()}, events

    return run


def test_every_clip_comes_to_its_end_and_says_so(run):
    states, events = run({"a": DONE, "b": FAIL, "c": DONE})
    assert states == {"a": "done", "b": "failed", "c": "done"}
    assert Event("b", "failed", "solve", text="No face") in events and Event("a", "started", "solve") in events


def test_no_more_are_started_than_asked_for(run, tmp_path):
    busy = tmp_path / "busy"
    alone = f"import os; os.mkdir({str(busy)!r}); time.sleep(0.1); os.rmdir({str(busy)!r}); {DONE}"
    states, _ = run(dict.fromkeys("abcd", alone), num_jobs=1)
    assert set(states.values()) == {"done"} and len(states) == 4


def test_fail_fast_starts_no_more(run):
    states, _ = run({"a": FAIL, "b": DONE, "c": DONE}, num_jobs=1, fail_fast=True)
    assert states == {"a": "failed"}


def test_a_death_without_a_result_is_a_failure_with_what_was_printed(run):
    states, events = run({"a": "print('out of luck'); sys.exit(7)", "b": "say(clip=name, state='done'); sys.exit(1)"})
    assert states == {"a": "failed", "b": "failed"}
    assert "ended with code 7 and no result: out of luck" in next(event.text for event in events if event.clip == "a")


@posix
def test_a_clip_whose_process_is_killed_is_tried_once_more(run, monkeypatch, tmp_path):
    monkeypatch.setattr("smirk_blender.batch.run.RETRY_S", 0.05)
    flag = str(tmp_path / "flag")
    die = "import os; os.kill(os.getpid(), 9)\n"
    once = f"import os\nif not os.path.exists({flag!r}):\n  os.mkdir({flag!r}); {die}"
    states, events = run({"a": once + DONE, "b": die, "c": DONE}, num_jobs=1)
    assert states == {"a": "done", "b": "failed", "c": "done"}
    told = next(event.text for event in events if event.clip == "a")
    assert told == "Its process was ended by SIGKILL and no result. It is tried again"
    assert "fewer --jobs" in next(event.text for event in events if event.clip == "b" and event.state == "failed")


@posix
def test_what_a_killed_process_leaves_running_holds_nobody_up(run, monkeypatch):
    monkeypatch.setattr("smirk_blender.batch.run.RETRY_S", 0.05)
    monkeypatch.setattr("smirk_blender.batch.run.READ_S", 0.2)
    leave = "import os, subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])\n"
    start = time.monotonic()
    states, _ = run({"left": f"{leave}os.kill(os.getpid(), 9)"})
    assert states == {"left": "failed"} and time.monotonic() - start < 7


def test_a_clip_that_others_are_at_work_on_comes_later(run, monkeypatch):
    monkeypatch.setattr("smirk_blender.batch.run.BUSY_AGAIN_S", 0.05)
    told = {"a": [Event("a", "waiting"), Event("a", "waiting"), Event("a", "kept")], "b": [Event("b", "failed")]}
    look = lambda name: told[name].pop(0) if told.get(name) else None
    states, events = run({"a": FAIL, "b": DONE, "c": DONE}, look=look)
    assert states == {"a": "kept", "b": "failed", "c": "done"}
    assert [event.state for event in events if event.clip == "a"] == ["waiting", "kept"]


def test_a_process_that_finds_it_taken_is_asked_again(run, monkeypatch, tmp_path):
    monkeypatch.setattr("smirk_blender.batch.run.BUSY_AGAIN_S", 0.05)
    flag = str(tmp_path / "flag")
    busy_once = f"import os\nif not os.path.exists({flag!r}):\n  os.mkdir({flag!r}); sys.exit({BUSY})\n"
    states, _ = run({"a": busy_once + DONE})
    assert states == {"a": "done"}


def test_an_interruption_stops_the_processes_in_order():
    events = []
    command = [sys.executable, "-c", f"{SAY}name = 'a'\n{WAIT}"]

    def interrupt(event):
        events.append(event)
        if event.state == "progress":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(["a", "b"], lambda name: command, num_jobs=1, hear=interrupt).run()
    assert events == [Event("a", "progress", "solve", 0.5), Event("a", "stopped")]
    assert not [thread for thread in threading.enumerate() if thread.name == "smirk a"]


def test_a_program_that_is_not_there_is_named():
    runner = Runner(["a"], lambda name: ["/nowhere/blender"], num_jobs=1, hear=lambda event: None)
    with pytest.raises(BatchError, match="Cannot start /nowhere/blender"):
        runner.run()
