"""Runs of pytest, one an environment; at the end every failure once more, since a log's end is what people see.

What fails is run a second time. Up to UNSTEADY_LIMIT tests of a run that pass then are reported as unsteady, with what
went wrong, and are no failure: whole Blenders and solves run here, and one in two thousand may be late.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
TAIL_LINES = 40  # of a failure's report
NO_TESTS = 5  # pytest's exit code
UNSTEADY_LIMIT = 2  # tests of a run


class Suites:
    """Runs that follow each other, whether the ones before failed or not.

    Attributes:
        code: the exit code of the first run that failed twice; 0 for none.
    """

    def __init__(self) -> None:
        self.code = 0
        self._said: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="smirk_suites_")

    def __enter__(self) -> "Suites":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, name: str, python: Path, arguments: list[str], given: Mapping[str, str] = {}) -> None:
        """Run pytest with a Python.

        Args:
            name: of the run, for the reader.
            given: added to the environment.
        """
        folder = Path(self._folder.name) / name
        command = [python, "-m", "pytest", *arguments, "-o", f"cache_dir={folder / 'cache'}"]
        environment = os.environ | given
        start = lambda report, *more: subprocess.run(
            [*command, *more, f"--junitxml={report}"], cwd=ROOT, env=environment
        ).returncode
        first, second = folder / "first.xml", folder / "second.xml"
        code = start(first)
        if code in (0, NO_TESTS):
            self.code = self.code or code
            return
        print(f"{name}: what failed once more", flush=True)
        again = start(second, "--last-failed")
        state = "failed twice" if again else "UNSTEADY, passed the second time"
        if not again and len(_problems_of(first)) > UNSTEADY_LIMIT:
            again, state = code, "UNSTEADY in too many places, passed the second time"
        self.code = self.code or again
        self._said += _lines_of(name, state, first, code)

    def say_failures(self) -> None:
        """Print what failed in every run, whether it passed the second time or not."""
        for line in self._said:
            print(line, flush=True)


def _lines_of(name: str, state: str, report: Path, code: int) -> list[str]:
    """Return lines on what failed in a run, by its JUnit report."""
    lines = [f"=== {name}: {state} (exit code {code})"]
    if not report.is_file():
        return [*lines, "it ended without a report; its output is above"]
    for test, told in _problems_of(report):
        lines += [f"--- {test}", *told.splitlines()[-TAIL_LINES:]]
    return lines


def _problems_of(report: Path) -> list[tuple[str, str]]:
    """Return each failure in a JUnit report: the test, and what was said of it; none where there is no report."""
    cases = ElementTree.parse(report).getroot().iter("testcase") if report.is_file() else ()
    return [
        (f"{case.get('classname')}::{case.get('name')}", problem.text or problem.get("message", ""))
        for case in cases
        for problem in (*case.findall("failure"), *case.findall("error"))
    ]
