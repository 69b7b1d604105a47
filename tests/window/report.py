"""What a scenario found, as lines of JSON that are on the disk at once: Blender may be killed at any moment.

Written inside Blender, read by `run`; standard library only.
"""

import json
import os
import signal
from pathlib import Path


class Report:
    """The report of one scenario.

    Attributes:
        settings: what the scenario was started with: paths, the worker's Python.
    """

    def __init__(self, path: Path, settings: dict[str, str]) -> None:
        self._path, self.settings = path, settings

    def check(self, what: str, passed: bool, figure: str = "") -> None:
        """Note whether something holds, and the figure it hangs on."""
        self._write(kind="check", what=what, passed=bool(passed), figure=figure)

    def at_most(self, what: str, value: float, bar: float, unit: str) -> None:
        """Note a figure that must not be above a bar."""
        self.check(what, value <= bar, f"{value:.3g} {unit}, at most {bar:g}")

    def end(self) -> None:
        """Note that the scenario came to its end."""
        self._write(kind="end")

    def fail(self, text: str) -> None:
        """Note the error that ended the scenario."""
        self._write(kind="error", text=text)

    def end_by_kill(self) -> None:
        """End the scenario, and Blender as if the system had killed it; `run` sees to what it leaves behind."""
        self.end()
        os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, **line: object) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_report(path: Path) -> list[dict]:
    """Return the lines of a report; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
