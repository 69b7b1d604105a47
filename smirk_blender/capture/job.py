"""The parent's side of a worker process: start it, read its messages, stop it. Standard library only."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .protocol import Done, Failed, Message, decode_message

PACKAGE = __name__.split(".capture.")[0]
PACKAGE_PARENT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 5.0  # after which a worker that was asked to stop is killed
WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # its threads wait in loops: on a busy machine small solves took ten times as long
    "MALLOC_ARENA_MAX": "2",  # more heaps, one a thread, keep up to 40 MB that nobody uses, differently on every run
}
LOG_LINES = 5  # of the log's end, quoted when a worker dies


class Job:
    """A worker process at work.

    Attributes:
        log_path: everything that the worker's libraries print.
    """

    def __init__(self, python: str | os.PathLike, module: str, arguments: dict, log_path: str | os.PathLike) -> None:
        """Start `python -m smirk_blender.MODULE` on these arguments.

        Args:
            python: the interpreter; it needs the module's packages.
            module: below this package, with a `run_job` at its end: "capture.worker", "capture.review".
            arguments: of the module's job; what JSON can hold. Paths must be absolute: the worker runs elsewhere.
        """
        self.log_path = Path(log_path).absolute()
        self._name = module
        self._folder = tempfile.TemporaryDirectory(prefix="smirk_")
        request = Path(self._folder.name) / "request.json"
        request.write_text(json.dumps(arguments | {"log_path": str(self.log_path)}), encoding="utf-8")
        with open(self.log_path, "ab") as log:  # for what comes before the worker opens its log itself
            self._process = subprocess.Popen(
                [str(python), "-m", f"{PACKAGE}.{module}", str(request)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=PACKAGE_PARENT,
                env=os.environ | WORKER_ENVIRONMENT,
                text=True,
                encoding="utf-8",
            )

    def messages(self) -> Iterator[Message]:
        """Yield the worker's messages until it ends; a death without an ending is itself a `Failed`."""
        ended = False
        for line in self._process.stdout:
            message = decode_message(line)
            ended = ended or isinstance(message, (Done, Failed))
            yield message
        code = self._process.wait()
        if not ended:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            last = "\n".join(lines[-LOG_LINES:])
            yield Failed(
                f"The worker {self._name} ended with code {code} and no result:\n{last}", f"Its log: {self.log_path}"
            )

    def stop(self) -> None:
        """Ask the worker to stop, kill it if it does not; harmless when it has ended."""
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Stop the worker and let go of its pipes."""
        self.stop()
        self._process.stdout.close()
        self._folder.cleanup()
