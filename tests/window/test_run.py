"""The window test itself: when it is skipped, and that nothing that goes wrong in it passes."""

import ast
import json
import os
import subprocess
import sys
import time

import pytest

from tests.window import run
from tests.window.package import WindowError, install, measure_enabling
from tests.window.processes import marked_processes
from tests.window.report import Report, read_report
from tests.window.scenarios import SCENARIOS, Scenario

FAKE_BLENDER = """
import json, os, signal, subprocess, sys, time
settings = json.load(open(sys.argv[-1]))
report = lambda **line: print(json.dumps(line), file=open(settings["report"], "a"))
print("Blender 0.0")
"""
CHILD = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep({})'], start_new_session={})"
PASSED = 'report(kind="check", what="a", passed=True, figure="1 s"); report(kind="end")'


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Return a function that plays a scenario in a Blender which is a few lines of Python."""
    monkeypatch.setattr(run, "OUT", tmp_path / "out")
    run.OUT.mkdir()

    def act(code: str, limit_s: float = 20) -> list:
        fake = tmp_path / "blender.py"
        fake.write_text(FAKE_BLENDER + code)
        return run.play(Scenario("head", "scene", limit_s), [sys.executable, str(fake)], dict(os.environ), tmp_path, tmp_path / "package.zip")

    return act


def test_without_a_blender_it_is_skipped_aloud(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("BLENDER", raising=False)
    monkeypatch.setenv("SMIRK_SHARED", str(tmp_path))
    assert run.main([]) == 0
    assert capsys.readouterr().out.startswith("skipped: the window test; no Blender with a window: set BLENDER")


def test_a_blender_that_cannot_be_shown_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setenv("BLENDER", "blender")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(run.shutil, "which", lambda name: None if name == "xdotool" else f"/usr/bin/{name}")
    assert "it needs xdotool" in run.find_blender()[1]
    monkeypatch.setattr(run.shutil, "which", lambda name: None if name == "xvfb-run" else f"/usr/bin/{name}")
    assert "no screen" in run.find_blender()[1]
    monkeypatch.setattr(run.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert run.find_blender()[0][0] == "xvfb-run"
    monkeypatch.setenv("DISPLAY", ":0")
    assert run.find_blender() == (["/usr/bin/blender"], "")
    monkeypatch.setenv("BLENDER", "tools/real-blender --suite trixie")
    assert run.find_blender() == (["tools/real-blender", "--suite", "trixie"], "")


def test_a_named_blender_that_cannot_be_run_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("BLENDER", "/nowhere/blender")
    assert run.main([]) == 1
    assert "error: $BLENDER is /nowhere/blender, which cannot be run" in capsys.readouterr().err


def test_every_scenario_of_the_list_is_written():
    folder = run.REPOSITORY / "tests" / "window" / "scenarios"
    for scenario in SCENARIOS:
        tree = ast.parse((folder / f"{scenario.module}.py").read_text(encoding="utf-8"))
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert [argument.arg for argument in functions[scenario.name].args.args] == ["user", "report"]
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_an_unknown_scenario_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        run.main(["nothing"])
    assert "no scenario nothing; there are installed_by_mouse" in capsys.readouterr().err


def test_what_a_scenario_checked_is_told(play):
    assert play(PASSED)[:-1] == [("scene", "a", True, "1 s")]
    assert (run.OUT / "scene.log").read_text() == "Blender 0.0\n"


def test_a_failed_check_fails_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "OUT", tmp_path / "out")
    monkeypatch.setattr(run, "find_blender", lambda: (["blender"], ""))
    monkeypatch.setattr(run, "install", lambda *arguments: ("package.zip", {}))
    monkeypatch.setattr(run, "fresh", lambda *arguments: {})
    for passed, heavy, expected in ((True, [], 0), (False, [], 1), (True, ["torch"], 1)):
        monkeypatch.setattr(run, "measure_enabling", lambda *arguments: (0.1, heavy))
        monkeypatch.setattr(run, "play", lambda scenario, *rest: [(scenario.name, "a", passed, "")])
        assert run.main([]) == expected


def test_a_slow_enabling_is_tried_again_before_it_fails(monkeypatch):
    for took_s, passed, runs in (([0.3, 0.1], True, 2), ([0.3] * run.ENABLE_RUNS, False, run.ENABLE_RUNS)):
        left = iter(took_s)
        monkeypatch.setattr(run, "measure_enabling", lambda *arguments: (next(left), []))
        (_, _, held, figure), _ = run.check_enabling([], {})
        assert held == passed and f"{min(took_s):.3f} s, the fastest of {runs}," in figure and next(left, None) is None


def test_a_blender_that_ends_early_is_a_failure(play):
    _, what, passed, figure = play("sys.exit(0)")[0]
    assert (what, passed) == ("came to its end", False) and "ended early" in figure


def test_a_blender_that_hangs_is_ended_with_all_it_started(play, tmp_path):
    rows = play(f"{CHILD.format(60, False)}; time.sleep(60)", limit_s=2)
    assert [(what, passed) for _, what, passed, _ in rows] == [("came to its end", False), ("no process is left", True)]
    assert rows[0][3] == "stopped after 2 s; see scene.log"
    assert not marked_processes(str(tmp_path / "scene.jsonl"))


def test_an_error_in_a_scenario_is_shown_with_its_last_line(play, capsys):
    _, what, passed, figure = play('report(kind="error", text="Traceback\\nValueError: no\\n")')[0]
    assert (what, passed, figure) == ("came to its end", False, "ValueError: no")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("sleeps_s", "gone"), [(0.5, True), (60, False)])
def test_a_process_that_outlives_blender_is_noticed_and_ended(play, monkeypatch, tmp_path, sleeps_s, gone):
    limit_s = 30.0 if gone else 1.0
    monkeypatch.setattr(run, "GONE_WITHIN_S", limit_s)
    (_, what, passed, figure) = play(f'{CHILD.format(sleeps_s, True)}; report(kind="end"); os.kill(os.getpid(), 9)')[-1]
    assert (what, passed) == ("no process is left", gone)
    assert f"s after Blender, at most {limit_s:g}" in figure if gone else "time.sleep(60)" in figure
    time.sleep(0.1)
    assert not marked_processes(str(tmp_path / "scene.jsonl"))


def test_a_report_is_read_as_it_was_written(tmp_path):
    report = Report(tmp_path / "report.jsonl", {})
    report.at_most("longest gap", 0.31, 0.25, "s")
    report.end()
    assert read_report(tmp_path / "report.jsonl") == [
        {"kind": "check", "what": "longest gap", "passed": False, "figure": "0.31 s, at most 0.25"},
        {"kind": "end"},
    ]
    assert read_report(tmp_path / "none.jsonl") == []


def test_the_package_is_validated_and_installed_into_a_user_folder_of_its_own(tmp_path):
    fake = tmp_path / "blender.py"
    fake.write_text("import sys\nopen('calls.txt', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n")
    here = f"import os; os.chdir({str(tmp_path)!r}); exec(open('blender.py').read())"
    installed_from, environment = install([sys.executable, "-c", here], tmp_path)
    assert environment["BLENDER_USER_RESOURCES"] == str(tmp_path / "user") and (tmp_path / "user").is_dir()
    validated, installed = (tmp_path / "calls.txt").read_text().splitlines()
    (package,) = tmp_path.rglob("*.zip")
    assert package == installed_from
    assert validated == f"--command extension validate {package}"
    assert installed == f"--command extension install-file -r user_default -e {package}"


def test_a_blender_that_does_not_enable_the_add_on_is_quoted(tmp_path):
    fake = tmp_path / "blender.py"
    for code, expected in (
        ("print('no module')", "did not get as far"),
        ("print('enabled: [false, 0.1, []]')", "could not be enabled"),
        ("print('bad'); raise SystemExit(3)", r"failed \(3\)"),
    ):
        fake.write_text(code)
        with pytest.raises(WindowError, match=expected):
            measure_enabling([sys.executable, str(fake)], dict(os.environ))
    fake.write_text("print('enabled: ' + '" + json.dumps([True, 0.12, ["torch"]]) + "')")
    assert measure_enabling([sys.executable, str(fake)], dict(os.environ)) == (0.12, ["torch"])


def test_the_outer_half_needs_only_the_standard_library():
    code = "import sys; sys.modules['bpy'] = sys.modules['numpy'] = None; import tests.window.run"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=run.REPOSITORY, timeout=120)
