"""The parent's side of a worker process: start it, read its messages, stop it. Standard library only.

A thread waits for the worker's lines, since pipes cannot be polled on every system. It touches nothing but this job.
"""

import json
import os
import queue
import secrets
import signal
import subprocess
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import SmirkError
from ..partial import TOKEN_VARIABLE, remove_partial
from .launch import OTHER_PYTHON
from .packed import came_with_packages
from .protocol import ENDINGS, Failed, Message, Stopped, decode_message

LAUNCHER = Path(__file__).with_name("launch.py")
KILL_AFTER_S = 1.8  # from the request to stop; the worker gives itself 1.5
CLOSE_TIMEOUT_S = 2.5  # after which there is something wrong with the system
WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # its threads wait in loops: on a busy machine small solves took ten times as long
    "MALLOC_ARENA_MAX": "2",  # more heaps, one a thread, keep up to 40 MB that nobody uses, differently on every run
    "PYTHONUTF8": "1",
}
# Set for the interpreter that we run in, or by a shell for a third one; the worker's would look for its library there.
FOREIGN_ENVIRONMENT = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
LOGS_FOLDER, BYTECODE_FOLDER = "logs", "bytecode"  # beside each other in the cache
LONGEST_MODULE = 130  # characters: of a wheel's longest file, 97 in MediaPipe, with what Python adds while it writes
WINDOWS_PATH_LIMIT = 259  # characters
BLENDER_OPTIONS = ("--background", "--factory-startup", "--python-exit-code", "1", "--python")
WINDOWS_FLAGS = ("CREATE_NO_WINDOW", "BELOW_NORMAL_PRIORITY_CLASS")
LOG_LINES, LINE_LENGTH = 5, 200  # of the log's end, quoted when a worker dies
LOG_TAIL_BYTES = 20_000  # more than those lines


class Job:
    """A worker process at work.

    Attributes:
        log_path: everything that the worker's libraries print.
        ended: whether the job's ending, `Done`, `Failed` or `Stopped`, was handed out; nothing comes after it.
        pid: of the process that was started; on Windows it may be a launcher, which ends with the worker.
        token: in the names of the files that the worker is writing.
    """

    def __init__(
        self,
        python: str | os.PathLike,
        module: str,
        arguments: dict,
        log_path: str | os.PathLike,
        *,
        site_packages: Sequence[str | os.PathLike] = (),
        in_blender: bool = False,
    ) -> None:
        """Start a module of this package on these arguments.

        Args:
            python: the interpreter; it needs the module's packages.
            module: below this package, with a `run_job` at its end: "capture.worker", "capture.review".
            arguments: of the module's job; what JSON can hold. Paths must be absolute: the worker runs elsewhere. Those
                named ..._path or ..._folder are where a worker that was cut short is cleaned up after.
            site_packages: folders where the worker looks for packages before its interpreter's own.
            in_blender: whether `python` is a Blender, which is to run the module without a window.
        Raises:
            SmirkError: the interpreter cannot be started, or the log cannot be written.
        """
        self.log_path = Path(log_path).absolute()
        self.ended = False
        self._python = os.path.abspath(python) if os.path.dirname(python) else str(python)  # or a name on the PATH
        self._name, self._arguments = module, arguments
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._asked_to_stop = False
        self.token = secrets.token_hex(6)
        try:
            log = open(self.log_path, "ab")  # for what comes before the worker opens it itself
        except OSError as error:
            raise SmirkError(
                f"Cannot write the worker's log {self.log_path}: {error.strerror or error}. Choose another folder"
            ) from error
        with log:
            self._log_start = log.tell()
            self._process = self._start(log, site_packages, in_blender)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name="smirk worker", daemon=True)
        self._reader.start()

    def _start(
        self, log: BinaryIO, site_packages: Sequence[str | os.PathLike], in_blender: bool
    ) -> subprocess.Popen:
        more = {"log_path": str(self.log_path), "site_packages": [str(folder) for folder in site_packages]}
        descriptor, path = tempfile.mkstemp(prefix="smirk_", suffix=".json")
        self._request = Path(path)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._arguments | more, file)
        options, end_of_options = (BLENDER_OPTIONS, ("--",)) if in_blender else ((), ())
        try:
            return subprocess.Popen(
                [self._python, *options, str(LAUNCHER), *end_of_options, self._name, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # a buffer would be locked by the thread that waits for it
                cwd=self._request.parent,  # not the package's folder: Windows would keep it from being updated
                env=worker_environment(site_packages, self.log_path) | {TOKEN_VARIABLE: self.token},
                creationflags=sum(getattr(subprocess, name, 0) for name in WINDOWS_FLAGS),
            )
        except OSError as error:
            self._remove_request()
            raise SmirkError(
                f"Cannot start the worker's Python {self._python}: {error.strerror or error}. {OTHER_PYTHON}"
            ) from error

    def poll(self) -> list[Message]:
        """Return all messages since the last call, without waiting; a death without an ending is itself a `Failed`."""
        messages = []
        with suppress(queue.Empty):
            while not self.ended:
                messages.append(self._handed_out(self._messages.get_nowait()))
        return messages

    def messages(self) -> Iterator[Message]:
        """Yield the messages as they come, waiting for them, until the ending."""
        while not self.ended:
            yield self._handed_out(self._messages.get())

    def ask_to_stop(self) -> None:
        """Have the job end soon without a result, by force if it must be; return at once."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self._write("stop")
            with suppress(OSError):  # it has gone
                self._process.stdin.close()
            force = threading.Timer(KILL_AFTER_S, self.kill)
            force.daemon = True
            force.start()

    def ask_to_finish(self) -> None:
        """Have a solve take no more frames and end with what it has; return at once. Other jobs go on."""
        if not self._asked_to_stop:
            self._write("finish")

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        self._asked_to_stop = True
        self._process.kill()

    def wait(self, timeout_s: float) -> bool:
        """Return whether the process has gone, waiting for it this long."""
        self._reader.join(timeout_s)
        return not self._reader.is_alive()

    def close(self) -> None:
        """Stop the job and wait for its process to go; immediate where it has gone."""
        if self._reader.is_alive():
            self.ask_to_stop()
            self.wait(CLOSE_TIMEOUT_S)
        with suppress(OSError):
            self._process.stdin.close()

    def _write(self, line: str) -> None:
        with suppress(OSError):  # it has gone
            self._process.stdin.write(line.encode() + b"\n")

    def _handed_out(self, message: Message) -> Message:
        self.ended = isinstance(message, ENDINGS)
        return message

    def _read(self) -> None:
        """Put the worker's messages on the queue, and an ending in any case; in the thread."""
        try:
            self._read_to_the_end()
        except Exception as error:  # whoever waits for the ending would wait for ever
            self._process.kill()
            self._process.wait()
            remove_partial(self._arguments, self.token)
            self._note(traceback.format_exc().encode())
            text = f"Stopped by an unexpected error: {type(error).__name__}: {error}"
            self._messages.put(Failed(text, f"The log has the details: {self.log_path}"))

    def _read_to_the_end(self) -> None:
        ended, rest = False, b""
        with self._process.stdout as pipe:
            while chunk := pipe.read(1 << 16):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    ended = self._take_line(line) or ended
        if rest:
            self._note(rest)
        code = self._process.wait()
        self._remove_request()
        if not ended:
            remove_partial(self._arguments, self.token)
            self._messages.put(Stopped() if self._asked_to_stop else self._death(code))

    def _take_line(self, line: bytes) -> bool:
        """Put the message in a line on the queue and return whether it is an ending; log a line of another kind."""
        try:
            message = decode_message(line.decode())
        except ValueError:
            self._note(line)
            return False
        self._messages.put(message)
        self._remove_request()  # now that it was read
        return isinstance(message, ENDINGS)

    def _remove_request(self) -> None:
        with suppress(OSError):  # it has gone, or a virus scanner has it open; then it is tried again at the end
            self._request.unlink()

    def _note(self, line: bytes) -> None:
        with suppress(OSError), open(self.log_path, "ab") as log:  # a full disk is no reason to hear no more messages
            log.write(line.rstrip() + b"\n")

    def _death(self, code: int) -> Failed:
        lines = [line[:LINE_LENGTH] for line in self._log_tail().splitlines()[-LOG_LINES:]]
        how = f"The worker {self._name} {end_of_process(code)} and no result"
        if not lines:
            return Failed(f"{how}, and it printed nothing", f"Is {self._python} a Python? {OTHER_PYTHON} if not")
        return Failed("\n".join([f"{how}:", *lines]), f"Its log: {self.log_path}")

    def _log_tail(self) -> str:
        """Return what this worker's log ends with."""
        try:
            with open(self.log_path, "rb") as log:
                log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return log.read().decode(errors="replace").strip()
        except OSError as error:
            return f"(its log {self.log_path} cannot be read: {error.strerror or error})"


def worker_environment(
    site_packages: Sequence[str | os.PathLike] = (), log_path: Path | None = None, *, windows: bool = os.name == "nt"
) -> dict[str, str]:
    """Return the environment of a process that runs a worker's Python.

    What Python compiles of the packages in Blender's folders goes into the cache, if the log lies there, or nowhere:
    Blender, which unpacked them, leaves behind what it has not put there.

    Args:
        site_packages: folders where the process finds packages besides its interpreter's.
        log_path: absolute.
    """
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN_ENVIRONMENT}
    if site_packages:
        folder = bytecode_folder(site_packages, log_path, windows=windows)
        environment |= {"PYTHONPYCACHEPREFIX": str(folder)} if folder else {"PYTHONDONTWRITEBYTECODE": "1"}
        # Where none came along, the user's own folder is where pip installs for a Blender that cannot be written to.
        if came_with_packages():
            environment["PYTHONNOUSERSITE"] = "1"
    return environment | WORKER_ENVIRONMENT


def bytecode_folder(
    site_packages: Sequence[str | os.PathLike], log_path: Path | None, *, windows: bool = os.name == "nt"
) -> Path | None:
    """Return where bytecode goes; None where there is no cache, or where Windows could not open the paths.

    Python repeats a source's whole path below the folder.
    """
    if log_path is None or log_path.parent.name != LOGS_FOLDER:
        return None
    folder = log_path.parents[1] / BYTECODE_FOLDER
    longest = max(len(str(each)) for each in site_packages) + len(str(folder)) + LONGEST_MODULE
    return None if windows and longest > WINDOWS_PATH_LIMIT else folder


def end_of_process(code: int) -> str:
    """Return how a process ended, from its exit code: "ended with code 1", "was ended by SIGKILL"."""
    if code < 0:
        names = {int(number): number.name for number in signal.Signals}
        return f"was ended by {names.get(-code, f'signal {-code}')}"
    return f"ended with code {code if code < 256 else hex(code)}"  # Windows' own codes are known in hexadecimal
