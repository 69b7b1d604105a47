"""What a batch says: a bar, lines, JSON."""

import io
import json
import os

import pytest

from smirk_blender.batch.progress import Bar, Event, JsonLines, Lines, Tally, display, duration

EVENTS = [
    Event("a", "started", "solve"),
    *(Event("a", "progress", "solve", fraction / 10) for fraction in range(11)),
    Event("a", "done", text="24 frames"),
    Event("b", "kept"),
    Event("c", "waiting", text="process 7 on box is at work on it"),
    Event("c", "failed", "solve", text="No face"),
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(kind, stream):
    what = kind(3, stream)
    for event in EVENTS:
        what.show(event)
    what.close()
    return stream.getvalue()


def test_a_log_gets_plain_lines_and_not_too_many():
    lines = shown(Lines, io.StringIO()).splitlines()
    assert lines[0] == "a: solve 0 %" and lines[-1] == "c: FAILED (3 of 3): No face"
    assert "a: done (1 of 3): 24 frames" in lines and "b: done before (2 of 3)" in lines
    assert sum(line.startswith("a: solve") for line in lines) == 4


def test_a_terminal_gets_a_bar_and_keeps_the_ends():
    text = shown(Bar, Terminal())
    assert "\ra: done: 24 frames" in text and "\rc: FAILED: No face" in text and "[" in text and "3/3" in text
    assert text.endswith("\r") and all(len(part) < 200 for part in text.split("\r"))


def test_a_bar_fits_its_terminal_and_is_gone_in_the_end(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 24)))
    stream = Terminal()
    bar = Bar(4, stream)
    bar.show(Event("日本語の長い名前のクリップ", "progress", "solve", 0.5))
    bar.say("Two lines above")
    drawn = stream.getvalue().split("\r")
    assert any("日本" in part for part in drawn)
    assert all(sum(1 + (letter > "\u2e7f") for letter in part.strip("\n")) <= 29 for part in drawn)
    bar.show(Event("日本語の長い名前のクリップ", "stopped"))
    bar.close()
    bar.say("Stopped")
    assert stream.getvalue().endswith("\rStopped\n") and "0/4" in drawn[-1] and "1/4" not in stream.getvalue()


def test_the_time_that_is_left_is_told_by_clips_that_were_done(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tally = Tally(5)
    tally.add(Event("a", "failed"))
    tally.add(Event("b", "kept"))
    now[0] = 30.0
    assert tally.left_s() is None
    tally.add(Event("c", "done"))
    assert tally.left_s() == pytest.approx(60.0)  # seconds: two more like c
    tally.add(Event("d", "progress", "bake", 0.0))
    assert tally.left_s() == pytest.approx(30.0 / 1.8 * 1.2)


def test_programs_get_every_event_as_json():
    told = [json.loads(line) for line in shown(JsonLines, io.StringIO()).splitlines()]
    assert len(told) == len(EVENTS) and told[6]["fraction"] == 0.5
    assert told[-1] == {
        "event": "clip", "clip": "c", "state": "failed", "step": "solve", "text": "No face", "clips": 3, "ended": 3
    }


def test_the_stream_decides():
    assert isinstance(display(1, stream=Terminal()), Bar) and isinstance(display(1, stream=io.StringIO()), Lines)
    assert isinstance(display(1, as_json=True, stream=Terminal()), JsonLines)


def test_times_are_said_as_people_say_them():
    assert [duration(seconds) for seconds in (4.4, 64, 3720)] == ["4 s", "1 min 04 s", "1 h 02 min"]
