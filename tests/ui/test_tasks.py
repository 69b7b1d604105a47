"""Tasks: one after the other, in slices, and what becomes of those that stop."""

import threading
import time
from itertools import count
from types import SimpleNamespace

import bpy
import pytest

import smirk_blender
from smirk_blender.errors import SmirkError
from smirk_blender.ui import tasks
from smirk_blender.ui.tasks import WAIT, Outcome, Task, elsewhere


class Counting(Task):
    """Notes its number, some times over."""

    def __init__(self, number, notes, times=3, scene_name="Scene"):
        super().__init__(f"Counting {number}", scene_name)
        self._number, self._notes, self._times = number, notes, times
        self.closed = self.told = 0

    def steps(self):
        for _ in range(self._times):
            self._notes.append(self._number)
            yield
            if self.cancelled:
                self.outcome = Outcome("cancelled", "stopped")
                return
        self.outcome = Outcome("done", "counted")

    def close(self):
        self.closed += 1

    def abandoned(self, why):
        self.told += 1
        self.outcome = Outcome("cancelled", why)


class Failing(Counting):
    def __init__(self, error):
        super().__init__(0, [])
        self._error = error

    def steps(self):
        yield
        raise self._error


def test_tasks_run_one_after_the_other():
    notes = []
    queued = [tasks.start(Counting(number, notes)) for number in range(3)]
    assert tasks.tasks() == tuple(queued)
    tasks.run_to_end(queued[-1])
    assert notes == [0, 0, 0, 1, 1, 1, 2, 2, 2] and not tasks.tasks()
    assert [task.closed for task in queued] == [1, 1, 1]
    assert tasks.outcome_of("Scene").text == "counted"


def test_a_tick_ends_when_its_time_is_up(monkeypatch):
    """The clock goes on by a millisecond at each look: a slice of 3 ms ends at the third."""
    looks, notes = count(), []
    clock = SimpleNamespace(perf_counter=lambda: 0.001 * next(looks), sleep=time.sleep)
    task = tasks.start(Counting(0, notes, times=10**9))
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "time", clock)
        patch.setattr(tasks, "SLICE_S", 0.0029)
        for ticks in range(1, 6):
            tasks._advance()
            assert len(notes) == 3 * ticks
    tasks.cancel(task)
    assert tasks.run_to_end(task).state == "cancelled" and len(notes) == 15


def test_a_task_that_waits_is_not_asked_again_in_the_same_tick():
    asked = []

    class Waiting(Counting):
        def steps(self):
            while len(asked) < 3:
                asked.append(0)
                yield WAIT
            self.outcome = Outcome("done", "")

    tasks.start(Waiting(0, []))
    tasks._advance()
    assert len(asked) == 1
    tasks.abandon_all("the test is over")


def test_what_goes_wrong_is_the_outcome_and_the_next_task_has_its_turn(capsys):
    notes = []
    known, unknown, after = Failing(SmirkError("No video")), Failing(KeyError("x")), Counting(1, notes)
    for task in (known, unknown, after):
        tasks.start(task)
    tasks.run_to_end(after)
    assert known.outcome == Outcome("failed", "No video")
    assert unknown.outcome.state == "failed" and "unexpected error: KeyError: 'x'" in unknown.outcome.text
    assert "KeyError" in capsys.readouterr().err  # with its traceback
    assert notes == [1, 1, 1] and known.closed == unknown.closed == 1


def test_a_task_that_has_not_begun_leaves_the_queue_when_it_is_cancelled():
    notes = []
    first, second, third = (tasks.start(Counting(number, notes)) for number in range(3))
    tasks.cancel(second)
    assert tasks.tasks() == (first, third) and second.outcome.state == "cancelled" and second.closed == 1
    tasks.run_to_end(third)
    assert notes == [0, 0, 0, 2, 2, 2]


def test_abandoned_tasks_are_told_why_and_closed():
    notes = []
    first, second = tasks.start(Counting(0, notes, times=10**9)), tasks.start(Counting(1, notes))
    tasks._advance()
    tasks.abandon_all("another file was opened")
    assert not tasks.tasks() and [first.told, second.told] == [1, 1] and [first.closed, second.closed] == [1, 1]
    assert tasks.outcome_of("Scene").text == "another file was opened"


def test_a_function_runs_in_a_thread_and_its_result_or_error_comes_back():
    threads = []

    def work(value):
        threads.append(threading.current_thread())
        if value is None:
            raise SmirkError("nothing")
        return 2 * value

    class Elsewhere(Counting):
        def steps(self):
            self.result = yield from elsewhere(work, 21)
            yield from elsewhere(work, None)

    task = tasks.start(Elsewhere(0, []))
    assert tasks.run_to_end(task) == Outcome("failed", "nothing") and task.result == 42
    assert all(thread is not threading.main_thread() for thread in threads) and len(threads) == 2


def test_switching_the_add_on_off_stops_the_tick():
    tasks.start(Counting(0, [], times=10**9))
    assert bpy.app.timers.is_registered(tasks._tick)
    smirk_blender.unregister()
    smirk_blender.register()
    assert not bpy.app.timers.is_registered(tasks._tick) and not tasks.tasks()


@pytest.fixture(autouse=True)
def no_tasks():
    yield
    tasks.abandon_all("the test is over")
