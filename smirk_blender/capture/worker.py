"""The worker process: `python .../capture/launch.py capture.worker REQUEST.json`.

REQUEST.json holds the arguments of `solve_video`, log_path, and site_packages for the launcher. Messages go to standard
output, one a line; everything that libraries print goes to the log. The parent keeps standard input open: a line
"stop", or its end because the parent has gone, stops the job between two messages, or by force where it does not come
to one; a line "finish" asks a job that knows how to for a result from what it has.
"""

import faulthandler
import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from ..errors import DamagedError, SmirkError, own_modules
from ..partial import own_token, remove_partial
from .launch import missing_package
from .protocol import ENDINGS, Failed, Message, Stopped, encode_message

DONE, FAILED, STOPPED = 0, 1, 3  # exit codes; 2 is Python's own for wrong usage
NICENESS = 10  # of 19: Blender's window comes first where there are too few cores
STOP_GRACE_S = 1.2  # for a job to come to its next message; importing torch or a native call may take longer
LAST_WORD_S = 0.3  # for the message that it was stopped, after which the process ends whether it was sent or not
PARENT_CHECK_S = 0.5


class ParentGone(Exception):
    """Nobody reads the messages."""


class Outbox:
    """The messages' way out: whole lines from any thread, and nothing after an ending."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock, self._ended = stream, threading.Lock(), False

    def send(self, message: Message) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = isinstance(message, ENDINGS)
            try:
                self._stream.write(encode_message(message) + "\n")
                self._stream.flush()
            except OSError as error:
                raise ParentGone from error


def run_job(job: Callable[..., Iterator[Message]], argv: list[str]) -> NoReturn:
    """Run a generator of messages on the arguments in a request file, sending its messages; end the process.

    Exactly one `Done`, `Failed` or `Stopped` is sent. A job with an argument `finish` gets a threading.Event in it, set
    when it should end early with what it has; one with an argument `send` a function that sends a message, for progress
    from within a call that it waits for.
    """
    request = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    arguments = {name: value for name, value in request.items() if name not in ("log_path", "site_packages")}
    inbox, outbox = _claim_stdin(), Outbox(_claim_stdout(request["log_path"]))
    if hasattr(os, "nice"):  # Windows was told by the parent
        os.nice(NICENESS)
    faulthandler.enable()  # a crash in native code leaves its stack in the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then stops us in order
    stop, finish = threading.Event(), threading.Event()

    def stop_soon() -> None:
        stop.set()
        time.sleep(STOP_GRACE_S)
        threading.Timer(LAST_WORD_S, os._exit, (STOPPED,)).start()  # the pipe may be full
        remove_partial(arguments, own_token())
        try:
            outbox.send(Stopped())
        finally:
            os._exit(STOPPED)

    for watch in (lambda: _listen(inbox, finish, stop_soon), lambda: _watch_parent(stop_soon)):
        threading.Thread(target=watch, daemon=True).start()
    try:
        code = _send_all(job, arguments, outbox, stop, finish, request["log_path"])
    except ParentGone:
        code = STOPPED
    if code != DONE:
        remove_partial(arguments, own_token())
    sys.stderr.flush()
    os._exit(code)  # MediaPipe's and torch's own threads may not outlive the job


def _send_all(
    job: Callable[..., Iterator[Message]],
    arguments: dict,
    outbox: Outbox,
    stop: threading.Event,
    finish: threading.Event,
    log_path: str,
) -> int:
    more = {"finish": finish, "send": outbox.send}
    wanted = {name: more[name] for name in more.keys() & inspect.signature(job).parameters.keys()}
    try:
        with own_modules():  # some are imported only now
            messages = job(**arguments, **wanted)
            for message in messages:
                outbox.send(message)
                if stop.is_set() and not isinstance(message, ENDINGS):
                    messages.close()
                    outbox.send(Stopped())
                    return STOPPED
        return DONE
    except SmirkError as error:
        if isinstance(error, DamagedError):
            traceback.print_exc()  # to the log
        outbox.send(Failed(str(error), lacks=error.lacks))
    except ParentGone:
        raise
    except ModuleNotFoundError as error:
        traceback.print_exc()  # to the log
        outbox.send(Failed(*missing_package(error)))
    except Exception as error:
        traceback.print_exc()
        hint = f"The log has the details: {log_path}"
        outbox.send(Failed(f"Stopped by an unexpected error: {type(error).__name__}: {error}", hint))
    return FAILED


def _claim_stdin() -> TextIO:
    """Return the stream of the parent's words; from here on, descriptor 0 is empty.

    On Windows whoever asks what descriptor 0 is, as NumPy does when it is imported, waits while a thread reads from it.
    """
    words = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return words


def _claim_stdout(log_path: str) -> TextIO:
    """Return the stream for messages; from here on, descriptors 1 and 2 lead to the log."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return messages


def _listen(inbox: TextIO, finish: threading.Event, stop_soon: Callable[[], None]) -> None:
    for line in inbox:
        if line.strip() == "finish":
            finish.set()
        elif line.strip() == "stop":
            break
    stop_soon()


def _watch_parent(stop_soon: Callable[[], None]) -> None:
    """Notice a parent that was killed while another process holds our standard input open; Windows does not tell."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    stop_soon()


def _solve(video_path: str, take_path: str, options: dict, finish: threading.Event) -> Iterator[Message]:
    from .solve import SolveOptions, solve_video  # slow imports, whose failure must reach the parent as a message

    yield from solve_video(video_path, take_path, SolveOptions(**options), finish=finish)


if __name__ == "__main__":
    run_job(_solve, sys.argv[1:])
