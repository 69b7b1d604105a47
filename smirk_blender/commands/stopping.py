"""Commands that end in order: on Ctrl-C, when a farm ends them, and when who started them has gone."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STOPPED = 130  # exit code, as shells have it
GRACE_S = 8.0  # from the request to stop; what is in Blender's own code may take longer, and is cut short


@contextmanager
def stoppable(*, watched: bool = False) -> Iterator[None]:
    """Have KeyboardInterrupt raised when this process is asked to stop.

    Args:
        watched: whether whoever started it holds its standard input open: a line "stop" or its end stops it, by force
            where it does not come to it. Nothing else reads the input then.
    """
    signals = [signal.SIGINT, signal.SIGTERM] if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, _interrupt) for number in signals}  # Blender's own would go on
    if watched:
        threading.Thread(target=_watch, args=(_claimed_stdin(),), name="smirk starter", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def output_to(log_path: str | os.PathLike) -> Iterator[object]:
    """Send everything that is printed meanwhile to a log, Blender's own lines too; give the stream it went to."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield stream
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with suppress(OSError):  # nobody reads it any more
            stream.close()
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _claimed_stdin() -> object:
    """Return the stream of the starter's words; descriptor 0 is empty from here on, as for workers."""
    words = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return words


def _watch(words: object) -> None:
    for line in words:
        if line.strip() == "stop":
            break
    force = threading.Timer(GRACE_S, os._exit, (STOPPED,))
    force.daemon = True
    force.start()
    signal.raise_signal(signal.SIGINT)
