"""Clips in processes of their own, several at once; each says how far it is on its standard output."""

import json
import os
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..capture.job import end_of_process
from ..errors import BatchError
from .progress import Event

POLL_S = 0.1
BUSY_AGAIN_S = 1.0  # until a clip that others are at work on is looked at again
STOP_S = 12.0  # for a clip's process to end in order; it gives itself 8
READ_S = 10.0  # for what a process that has ended said; one that it started may live on, and hold its output open
RETRY_S = 5.0  # until a clip whose process was killed is tried again
LOG_LINES = 5  # of what a process printed, quoted when it dies
KILLED = 9  # the signal that a system out of memory sends
OUT_OF_MEMORY = "A system out of memory does that: give it more, or fewer --jobs"
DONE, FAILED, BUSY, STOPPED = 0, 1, 75, 130  # exit codes of `smirk clip`


@dataclass
class Child:
    """A clip's process."""

    clip: str
    process: subprocess.Popen
    reader: threading.Thread
    ended: Event | None = None
    printed: deque = field(default_factory=lambda: deque(maxlen=LOG_LINES))


class Runner:
    """Does clips, some at once.

    Attributes:
        outcomes: by clip, the event of its end.
    """

    def __init__(
        self,
        clips: Sequence[str],
        command_of: Callable[[str], list[str]],
        *,
        num_jobs: int,
        hear: Callable[[Event], None],
        fail_fast: bool = False,
        environment: Mapping[str, str] | None = None,
        look: Callable[[str], Event | None] = lambda name: None,
    ) -> None:
        """Get ready.

        Args:
            command_of: gives the command that does a clip: JSON lines out, and one of the exit codes above.
            num_jobs: how many at once.
            hear: gets events as they come.
            fail_fast: whether a clip that fails keeps others from being started.
            look: tells what others have made of a clip, before it is started: None for nothing, an event of its end, or
                "waiting" where they are at work on it, and it comes later.
        """
        self.outcomes: dict[str, Event] = {}
        self._waiting: deque[str] = deque(clips)
        self._not_before: dict[str, float] = {}
        self._command_of, self._num_jobs, self._hear, self._look = command_of, num_jobs, hear, look
        self._fail_fast, self._environment = fail_fast, environment
        self._children: list[Child] = []
        self._said: queue.SimpleQueue[tuple[Child, Event]] = queue.SimpleQueue()
        self._told_waiting: set[str] = set()
        self._died: set[str] = set()

    def run(self) -> dict[str, Event]:
        """Do all clips; return how each ended.

        Raises:
            KeyboardInterrupt: once the processes have ended.
            BatchError: a process cannot be started.
        """
        try:
            while self._waiting or self._children:
                self._start_some()
                self._listen()
                for child in [child for child in self._children if child.process.poll() is not None]:
                    self._end(child)
                time.sleep(POLL_S)
        finally:
            self._stop_all()
        return self.outcomes

    def _start_some(self) -> None:
        for _ in range(len(self._waiting)):
            if len(self._children) >= self._num_jobs:
                return
            name = self._waiting.popleft()
            if time.monotonic() < self._not_before.get(name, 0.0):
                self._waiting.append(name)
            elif (found := self._look(name)) is None:
                self._children.append(self._start(name))
            elif found.state == "waiting":
                self._later(name, found.text)
            else:
                self._note(found)

    def _later(self, name: str, text: str = "another process is at work on it") -> None:
        self._waiting.append(name)
        self._not_before[name] = time.monotonic() + BUSY_AGAIN_S
        if name not in self._told_waiting:
            self._told_waiting.add(name)
            self._hear(Event(name, "waiting", text=text))

    def _start(self, name: str) -> Child:
        command = self._command_of(name)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else {**os.environ, **self._environment},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows
            )
        except OSError as error:
            raise BatchError(f"Cannot start {command[0]}: {error.strerror or error}. Check the path") from error
        child = Child(name, process, None)
        child.reader = threading.Thread(target=self._read, args=(child,), name=f"smirk {name}", daemon=True)
        child.reader.start()
        return child

    def _read(self, child: Child) -> None:
        with child.process.stdout as pipe:
            for line in pipe:
                event = _event_of(line)
                if event is None:
                    child.printed.append(line.decode(errors="replace").rstrip())
                else:
                    self._said.put((child, event))

    def _listen(self) -> None:
        with suppress(queue.Empty):
            while True:
                child, event = self._said.get_nowait()
                if event.state in ("started", "progress", "waiting"):
                    self._hear(event)
                else:
                    child.ended = event

    def _end(self, child: Child) -> None:
        child.reader.join(READ_S)
        self._listen()
        self._children.remove(child)
        with suppress(OSError):
            child.process.stdin.close()
        code = child.process.returncode
        if code == BUSY:
            self._later(child.clip)
            return
        ended = child.ended
        if ended is None or (ended.state in ("done", "kept")) != (code == DONE):
            printed = ": " + "\n".join(child.printed) if child.printed else ""
            text = f"Its process {end_of_process(code)} and no result{printed}"
            if code < 0 and child.clip not in self._died:
                self._try_again(child.clip, text)
                return
            hint = f". {OUT_OF_MEMORY}" if -code == KILLED else ""
            ended = Event(child.clip, "failed", text=text + hint)
        self._note(ended)

    def _try_again(self, name: str, text: str) -> None:
        """Have a clip done once more, after the others: memory that several shared may be enough for it then."""
        self._died.add(name)
        self._waiting.append(name)
        self._not_before[name] = time.monotonic() + RETRY_S
        self._hear(Event(name, "waiting", text=f"{text}. It is tried again"))

    def _note(self, ended: Event) -> None:
        self.outcomes[ended.clip] = ended
        self._hear(ended)
        if ended.state == "failed" and self._fail_fast:
            self._waiting.clear()

    def _stop_all(self) -> None:
        """Have the processes end in order, and by force where they do not; immediate where there are none."""
        for child in self._children:
            with suppress(OSError):  # it has gone
                child.process.stdin.close()
        until = time.monotonic() + STOP_S
        for child in self._children:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            child.reader.join(READ_S)
            self._hear(Event(child.clip, "stopped"))
        self._children.clear()


def _event_of(line: bytes) -> Event | None:
    """Return the event in a line that a clip's process printed; None for what Blender prints."""
    try:
        content = json.loads(line)
        known = {name: content[name] for name in ("clip", "state", "step", "fraction", "text") if name in content}
        return Event(**known) if content.get("event") == "clip" else None
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
