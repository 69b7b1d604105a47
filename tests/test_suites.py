"""What a log ends with, where tests failed in one of several environments."""

import sys

import pytest

from tests.suites import Suites


@pytest.fixture
def run(tmp_path, capfd):
    """Return a function that runs files of tests, given as texts by name; what was said at the end, and the code."""

    def run(**files: str) -> tuple[str, int]:
        with Suites() as suites:
            for name, text in files.items():
                (tmp_path / f"test_{name}.py").write_text(text)
                suites.run(name, sys.executable, [str(tmp_path / f"test_{name}.py"), "-q", f"--rootdir={tmp_path}"])
            capfd.readouterr()
            suites.say_failures()
            return capfd.readouterr().out, suites.code

    return run


GOOD = "def test_good():\n    pass\n"


def test_a_failure_of_an_earlier_run_is_said_again_at_the_end(run):
    said, code = run(good=GOOD, bad=f"{GOOD}\ndef test_bad():\n    x = 3\n    assert x == 4\n", late=GOOD)
    assert code == 1
    assert "=== bad: failed twice" in said and "--- test_bad::test_bad" in said and "assert 3 == 4" in said
    assert "test_good" not in said and "late" not in said


def test_what_passes_the_second_time_is_no_failure_but_is_said(run, tmp_path):
    mark = tmp_path / "mark"
    text = (
        f"from pathlib import Path\n\nMARK = Path({str(mark)!r})\n\n"
        "def test_unsteady():\n    seen = MARK.exists()\n    MARK.touch()\n    assert seen, 'not seen before'\n"
    )
    said, code = run(unsteady=text)
    assert code == 0
    assert "=== unsteady: UNSTEADY, passed the second time (exit code 1)" in said and "not seen before" in said


def test_what_is_unsteady_in_many_places_is_a_failure(run, tmp_path):
    text = (
        f"from pathlib import Path\n\nimport pytest\n\nFOLDER = Path({str(tmp_path)!r})\n\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_unsteady(number):\n    mark = FOLDER / f'mark{number}'\n    seen = mark.exists()\n    mark.touch()\n"
        "    assert seen\n"
    )
    said, code = run(unsteady=text)
    assert code == 1 and "UNSTEADY in too many places" in said


def test_a_run_that_dies_is_named(run):
    said, code = run(dies="import os\n\ndef test_dies():\n    os._exit(7)\n")
    assert code == 7
    assert "=== dies: failed twice (exit code 7)\nit ended without a report" in said


def test_all_well_says_nothing(run):
    assert run(good=GOOD) == ("", 0)
