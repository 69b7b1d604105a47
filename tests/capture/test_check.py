"""Check Installation says what works, and goes on after what does not."""

import json
import os
import subprocess
import sys

import pytest

from smirk_blender.capture import check, probe
from smirk_blender.capture.check import check_installation
from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import Checked, Done, Loading
from tests.conftest import REPOSITORY
from tests.jobs import messages_of


def checked(messages):
    """Return the findings by subject, having looked that the check came to its end."""
    assert messages[-1] == Done([]) and {type(message) for message in messages} <= {Loading, Checked, Done}
    return {message.subject: message for message in messages if isinstance(message, Checked)}


def test_a_worker_that_works_is_said_to_work(tmp_path):
    job = Job(sys.executable, "capture.check", {"options": {}}, tmp_path / "check.log")
    lines = checked(list(messages_of(job)))
    job.close()
    needed = ("Python", "NumPy", "SciPy", "OpenCV", "MediaPipe", "Landmark Model", "Head", "Solver landmarks")
    assert {lines[subject].state for subject in needed} == {"good"}
    assert lines["Solver landmarks"].text.startswith("8 frames, 8 with a face; frames per second: ")
    assert "Solver smirk" not in lines  # no weights were named


HIDE = """
import sys
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
LOOK_AND_SOLVE = HIDE + """
import json, os
from smirk_blender.capture.check import check_installation
from smirk_blender.capture.protocol import Checked

lines = [message for message in check_installation({}) if isinstance(message, Checked)]
left = [name for name in sys.modules if name.startswith("matplotlib")]
told = {line.subject: [line.state, line.text] for line in lines}
print(json.dumps([told, left, [os.environ.get(name) for name in ("https_proxy", "no_proxy", "NO_PROXY")]]))
"""


def test_mediapipe_needs_no_matplotlib_and_no_network():
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "no_proxy": "*"}
    program = [sys.executable, "-c", LOOK_AND_SOLVE]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told, left, proxies = json.loads(done.stdout.splitlines()[-1])
    assert told["MediaPipe"] == ["good", "0.10.21"]
    assert told["Solver landmarks"][1].startswith("8 frames, 8 with a face")
    assert left == [] and proxies == [probe.NOWHERE, None, None]


def test_files_of_every_kind_are_opened(shared_folder, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(check, "_solve", lambda options, num_frames: f"{options['solver']} {num_frames}")
    options = dict(
        head=str(shared_folder / "flame" / "generic_model.pkl"),
        weights=str(shared_folder / "reference" / "smirk_like.pt"),
        landmark_model=str(shared_folder / "models" / "face_landmarker.task"),
        device="cpu",
    )
    lines = checked(list(check_installation(options)))
    assert lines["Head"] == Checked("Head", "good", f"Opened {options['head']}: 5023 vertices, SMIRK's eyelids")
    assert lines["SMIRK Weights"].text == f"Loaded {options['weights']} on cpu"
    assert lines["Landmark Model"].text == f"Opened {options['landmark_model']}"
    assert [lines[f"Solver {name}"].text for name in ("landmarks", "smirk")] == ["landmarks 8", "smirk 8"]


def test_the_check_goes_on_after_a_failure(tmp_path, capsys):
    nowhere = str(tmp_path / "nowhere")
    lines = checked(list(check_installation(dict(head=nowhere, weights=nowhere, landmark_model=nowhere))))
    for subject in ("Landmark Model", "Head", "SMIRK Weights", "Solver landmarks", "Solver smirk"):
        assert lines[subject].state == "bad" and nowhere in lines[subject].text


def test_an_unexpected_error_is_a_finding(monkeypatch, capsys):
    def solve(options, num_frames):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(check, "_solve", solve)
    line = checked(list(check_installation({})))["Solver landmarks"]
    assert line.state == "bad" and line.text.startswith("ZeroDivisionError: by zero")
    assert "Traceback" in capsys.readouterr().err  # the log


def test_packages_that_came_along_are_not_installed_by_pip(monkeypatch):
    found = probe.look([])
    versions = {package.module: {"version": "0.10.21", "fault": ""} for package in check.PACKAGES}
    lacking = {name: {"version": "", "fault": "not installed"} for name in ("scipy", "torch")}
    monkeypatch.setattr(probe, "look", lambda names: found | {"modules": versions | lacking, "cv2_packages": []})
    monkeypatch.setattr(check, "came_along", lambda folders: True)
    messages = list(check_installation({}))
    told = [(line.state, line.text) for line in messages if isinstance(line, Checked) and line.subject == "Packages"]
    advice = "PyTorch: Install the full package of this add-on, or choose a Worker Python that has what is missing"
    assert told == [("bad", "SciPy: Install the extension again"), ("warning", advice)]
    assert "Install" not in checked(messages)


def test_missing_packages_come_with_the_command_that_installs_them(monkeypatch):
    found = probe.look([])
    missing = {package.module: {"version": "", "fault": "not installed"} for package in check.PACKAGES}
    monkeypatch.setattr(probe, "look", lambda names: found | {"modules": missing, "cv2_packages": []})
    lines = checked(list(check_installation({})))
    assert " -m pip install mediapipe" in lines["Install"].text and lines["Install"].text.endswith(" scipy")
    assert lines["Solve"].state == "bad" and "Head" not in lines
