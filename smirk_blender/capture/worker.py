"""The worker process: `python -m smirk_blender.capture.worker REQUEST.json`.

REQUEST.json holds the arguments of `solve_video` and log_path. Messages go to standard output, one a line; everything
that libraries print goes to the log. The parent keeps standard input open: a line "stop", or its end because the parent
has gone, stops the job between two messages.
"""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from ..errors import SmirkError
from .protocol import Failed, Message, encode_message

DONE, FAILED, STOPPED = 0, 1, 3  # exit codes; 2 is Python's own for wrong usage


def run_job(job: Callable[..., Iterator[Message]], argv: list[str]) -> NoReturn:
    """Run a generator of messages on the arguments in a request file, sending its messages; end the process.

    Exactly one `Done` or `Failed` is sent unless the job is stopped.
    """
    request = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    log_path = request.pop("log_path")
    messages = _claim_stdout(log_path)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        code = _send_all(job(**request), messages, stop, log_path)
    except BrokenPipeError:  # the parent has gone
        code = STOPPED
    sys.stderr.flush()
    os._exit(code)  # MediaPipe's and torch's own threads may not outlive the job


def _send_all(job: Iterator[Message], messages: TextIO, stop: threading.Event, log_path: str) -> int:
    try:
        for message in job:
            _send(messages, message)
            if stop.is_set():
                return STOPPED
        return DONE
    except SmirkError as error:
        _send(messages, Failed(str(error)))
    except BrokenPipeError:
        raise
    except Exception as error:
        traceback.print_exc()  # to the log
        hint = f"The log has the details: {log_path}"
        _send(messages, Failed(f"Stopped by an unexpected error: {type(error).__name__}: {error}", hint))
    finally:
        job.close()
    return FAILED


def _claim_stdout(log_path: str) -> TextIO:
    """Return the stream for messages; from here on, descriptors 1 and 2 lead to the log."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return messages


def _listen(stop: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "stop":
            break
    stop.set()


def _send(messages: TextIO, message: Message) -> None:
    messages.write(encode_message(message) + "\n")
    messages.flush()


def _solve(video_path: str, take_path: str, options: dict) -> Iterator[Message]:
    from .solve import (  # slow imports, whose failure must reach the parent as a message
        SolveOptions,
        solve_video,
    )

    yield from solve_video(video_path, take_path, SolveOptions(**options))


if __name__ == "__main__":
    run_job(_solve, sys.argv[1:])
