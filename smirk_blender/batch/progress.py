"""What a batch says while it works: a bar on a terminal, plain lines in a log, JSON lines for programs."""

import json
import shutil
import sys
import time
import unicodedata
from dataclasses import asdict, dataclass
from typing import Protocol, TextIO

BAR_LENGTH = 24  # characters
REDRAW_S = 0.1
LINE_SHARES = (0.25, 0.5, 0.75)  # of a step, at which a log gets a line
# Of a clip's work, what is behind it when a step begins; measured on clips of some seconds.
STEP_STARTS = {"solve": 0.0, "clean": 0.4, "refine": 0.4, "preview": 0.55, "bake": 0.8, "retarget": 0.9, "export": 0.95}
WORKING, ENDED = ("started", "progress"), ("done", "kept", "failed")
WORDS = {"done": "done", "kept": "done before", "failed": "FAILED", "stopped": "stopped", "waiting": "waiting"}


@dataclass(frozen=True)
class Event:
    """Something that happened to a clip.

    Attributes:
        clip: its name.
        state: "started", "progress", "done", "kept" (it was done before), "failed", "stopped", or "waiting" for another
            process that is at work on it.
        step: what is being done.
        fraction: of that step, 0 to 1; None where it is not known.
        text: a sentence for the user.
    """

    clip: str
    state: str
    step: str = ""
    fraction: float | None = None
    text: str = ""


class Display(Protocol):
    """Shows events; `say` shows a line besides."""

    def show(self, event: Event) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


def display(num_clips: int, *, as_json: bool = False, stream: TextIO | None = None) -> Display:
    """Return what fits the stream: JSON lines where asked for, a bar on a terminal, plain lines elsewhere."""
    stream = stream or sys.stdout
    if as_json:
        return JsonLines(num_clips, stream)
    return Bar(num_clips, stream) if stream.isatty() else Lines(num_clips, stream)


class Tally:
    """How far it all is."""

    def __init__(self, num_clips: int) -> None:
        self.num_clips, self.ended = num_clips, {}
        self.working: dict[str, Event] = {}
        self._start = time.monotonic()

    def add(self, event: Event) -> None:
        if event.state in ENDED:
            self.working.pop(event.clip, None)
            self.ended[event.clip] = event.state
        elif event.state in WORKING:
            self.working[event.clip] = event
        else:
            self.working.pop(event.clip, None)

    def at_work(self) -> float:
        """Return how many clips' worth of work is done of those that are being worked on."""
        return sum(_share(event) for event in self.working.values())

    def left_s(self) -> float | None:
        """Return how many seconds are left, if clips go on as those that were done now; None before there is one."""
        made = list(self.ended.values()).count("done")  # others fail early, or were done before
        left = self.num_clips - len(self.ended) - self.at_work()
        return (time.monotonic() - self._start) / (made + self.at_work()) * left if made else None


class JsonLines:
    """One JSON object a line."""

    def __init__(self, num_clips: int, stream: TextIO) -> None:
        self._tally, self._stream = Tally(num_clips), stream

    def show(self, event: Event) -> None:
        self._tally.add(event)
        said = {name: value for name, value in asdict(event).items() if value not in (None, "")}
        self._write({"event": "clip", **said, "clips": self._tally.num_clips, "ended": len(self._tally.ended)})

    def say(self, text: str) -> None:
        self._write({"event": "text", "text": text})

    def close(self) -> None:
        pass

    def _write(self, content: dict) -> None:
        self._stream.write(json.dumps(content) + "\n")
        self._stream.flush()


class Lines:
    """A line for each clip's beginning and end, and some between."""

    def __init__(self, num_clips: int, stream: TextIO) -> None:
        self._tally, self._stream = Tally(num_clips), stream
        self._said: dict[tuple[str, str], int] = {}  # by clip and step, how many of LINE_SHARES

    def show(self, event: Event) -> None:
        self._tally.add(event)
        if event.state == "progress":
            if event.fraction == 1.0:  # the next line says as much
                return
            passed = sum((event.fraction or 0.0) >= share for share in LINE_SHARES)
            at = event.clip, event.step
            if at in self._said and self._said[at] >= passed:
                return
            self._said[at] = passed
            self.say(f"{event.clip}: {_at_work(event)}")
        elif event.state in WORDS:
            whole = f" ({len(self._tally.ended)} of {self._tally.num_clips})" if event.state in ENDED else ""
            self.say(f"{event.clip}: {WORDS[event.state]}{whole}{f': {event.text}' if event.text else ''}")

    def say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        pass


class Bar:
    """One line that is drawn anew: the whole, and what is being worked on. Ends of clips stay above it."""

    def __init__(self, num_clips: int, stream: TextIO) -> None:
        self._tally, self._stream = Tally(num_clips), stream
        self._drawn_at, self._drawn_columns, self._is_closed = 0.0, 0, False

    def show(self, event: Event) -> None:
        self._tally.add(event)
        if event.state in ("done", "failed", "stopped"):
            self.say(f"{event.clip}: {WORDS[event.state]}{f': {event.text}' if event.text else ''}")
        elif time.monotonic() - self._drawn_at > REDRAW_S:
            self._draw()

    def say(self, text: str) -> None:
        self._write(text)
        self._stream.write("\n")
        self._drawn_columns = 0
        if not self._is_closed:
            self._draw()
        self._stream.flush()

    def close(self) -> None:
        self._write("")
        self._stream.write("\r")
        self._stream.flush()
        self._is_closed = True

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap
        tally, length = self._tally, min(BAR_LENGTH, width // 3)
        filled = round(length * min(1.0, (len(tally.ended) + tally.at_work()) / max(tally.num_clips, 1)))
        left_s = tally.left_s()
        line = f"[{'#' * filled}{'.' * (length - filled)}] {len(tally.ended)}/{tally.num_clips}"
        line += f", {duration(left_s)} left" if left_s is not None else ""
        for event in tally.working.values():
            line += f"  {event.clip} {_at_work(event)}"
        self._write(_cut(line, width))
        self._stream.flush()
        self._drawn_at = time.monotonic()

    def _write(self, text: str) -> None:
        """Write over what the line had."""
        columns = _columns(text)
        self._stream.write("\r" + text + " " * (self._drawn_columns - columns))
        self._drawn_columns = columns


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _share(event: Event) -> float:
    """Return how much of a clip's work is done, about: steps take long in different proportions."""
    shares = [*STEP_STARTS.values(), 1.0]
    index = list(STEP_STARTS).index(event.step) if event.step in STEP_STARTS else len(shares) - 2
    start = shares[index]
    return start + (event.fraction or 0.0) * (next(share for share in shares if share > start) - start)


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes; Chinese and Japanese letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, columns: int) -> str:
    while _columns(text) > columns:
        text = text[:-1]
    return text


def _at_work(event: Event) -> str:
    share = "" if event.fraction is None else f" {100 * event.fraction:.0f} %"
    return f"{event.step}{share}" if event.step else event.text
