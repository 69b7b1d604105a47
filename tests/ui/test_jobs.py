"""Jobs are polled side by side; what goes wrong with one is no matter to the others."""

import bpy
import pytest

from smirk_blender.capture.protocol import Done, Failed, Loading, Message
from smirk_blender.ui import jobs


class MadeUpJob:
    """A job that hands out these messages, one list a poll."""

    def __init__(self, *polls: list[Message]) -> None:
        self.polls, self.asked = list(polls), []
        self.ended = False

    def poll(self) -> list[Message]:
        messages = self.polls.pop(0) if self.polls else []
        self.ended = any(isinstance(message, (Done, Failed)) for message in messages)
        return messages

    def ask_to_stop(self) -> None:
        self.asked.append("stop")

    def kill(self) -> None:
        self.asked.append("kill")

    def close(self) -> None:
        self.asked.append("close")


@pytest.fixture
def heard():
    return []


def start(job, heard):
    return jobs.start(job, heard.append, lambda ending: heard.append(("end", ending)))


def test_each_message_is_delivered_once_and_then_the_end(heard):
    job = MadeUpJob([Loading("a"), Loading("b")], [], [Loading("c"), Done([])])
    start(job, heard)
    assert jobs.tick() == jobs.TICK_S and heard == [Loading("a"), Loading("b")]
    jobs.tick()
    assert jobs.are_running()
    assert jobs.tick() is None and heard[2:] == [Loading("c"), Done([]), ("end", Done([]))]
    assert job.asked == ["close"] and not jobs.are_running()


def test_a_callback_that_raises_ends_its_own_job_only(heard, capsys):
    def refuse(message):
        raise ZeroDivisionError("by zero")

    bad, good = MadeUpJob([Loading("a")], [Done([])]), MadeUpJob([Loading("b")], [Done([])])
    jobs.start(bad, refuse, lambda ending: heard.append(("bad", ending)))
    start(good, heard)
    jobs.finish_all()
    failed = Failed("Stopped by an unexpected error: ZeroDivisionError: by zero")
    assert heard == [("bad", failed), Loading("b"), Done([]), ("end", Done([]))]
    assert bad.asked == ["kill", "close"] and "Traceback" in capsys.readouterr().err


def test_an_end_that_raises_is_printed(heard, capsys):
    jobs.start(MadeUpJob([Done([])]), heard.append, lambda ending: 1 / 0)
    start(MadeUpJob([Done([])]), heard)
    jobs.finish_all()
    assert heard == [Done([]), Done([]), ("end", Done([]))] and "ZeroDivisionError" in capsys.readouterr().err


def test_a_callback_may_start_the_next_job(heard):
    following = MadeUpJob([Loading("next")], [Done([])])
    jobs.start(MadeUpJob([Done([])]), heard.append, lambda ending: start(following, heard))
    jobs.finish_all()
    assert heard == [Done([]), Loading("next"), Done([]), ("end", Done([]))]


def test_stopping_all_asks_all_before_it_waits_and_calls_nobody(heard):
    asked = []
    made_up = [MadeUpJob([Loading("a")]), MadeUpJob([Loading("b")])]
    for job in made_up:
        job.asked = asked
        start(job, heard)
    jobs.stop_all()
    assert asked == ["stop", "stop", "close", "close"] and heard == []
    assert not jobs.are_running() and not bpy.app.timers.is_registered(jobs.tick)


def test_a_callback_may_stop_all(heard):
    jobs.start(MadeUpJob([Loading("a"), Done([])]), lambda message: jobs.stop_all(), heard.append)
    start(MadeUpJob([Loading("b")]), heard)
    assert jobs.tick() is None and heard == []
