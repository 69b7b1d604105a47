"""Any file may be named as the worker's Python; the answer is a sentence, and a command that helps."""

import json
import os
import shlex
import subprocess
import sys
import time

import pytest

from smirk_blender.capture.interpreter import (
    PACKAGES,
    InterpreterCheck,
    findings,
    install_command,
    missing_requirements,
    needed_packages,
)
from smirk_blender.capture.probe import look
from smirk_blender.capture.protocol import ENDINGS, Checked, Done, Failed, Stopped

posix_only = pytest.mark.skipif(os.name != "posix", reason="the fake interpreters are shell scripts")
MODULES = [package.module for package in PACKAGES]


def messages_of(check, timeout_s=60.0):
    messages, deadline_s = [], time.monotonic() + timeout_s
    while not check.ended and time.monotonic() < deadline_s:
        messages += check.poll()
        time.sleep(0.01)
    assert messages and isinstance(messages[-1], ENDINGS), f"no ending in {timeout_s:g} s"
    return messages


def script(tmp_path, text, name="python"):
    """Return the path of a shell script that stands for an interpreter."""
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def report(version=(3, 11, 7), bits=64, cv2_packages=("opencv-contrib-python",), devices=(), **modules):
    """Return the probe's report where everything is there but for what is named: a version, or "" for none."""
    versions = dict(numpy="1.26.4", scipy="1.17", cv2="4.11", mediapipe="0.10.21", torch="2.13", matplotlib="3.11")
    versions |= modules
    return dict(
        version=list(version),
        executable="/usr/bin/python3",
        bits=bits,
        modules={name: dict(version=text, fault="" if text else "not installed") for name, text in versions.items()},
        devices=dict(devices),
        cv2_packages=list(cv2_packages),
    )


def states(some_report, **options):
    return {line.subject: (line.state, line.text) for line in findings(some_report, **options)}


def test_this_interpreter_tells_what_it_has():
    messages = messages_of(InterpreterCheck(sys.executable))
    assert isinstance(messages[-1], Done)
    lines = {line.subject: line for line in messages[:-1]}
    assert set(lines) >= {"Python"} | {package.name for package in PACKAGES}
    assert lines["Python"] == Checked("Python", "good", f"{sys.version.split()[0]}, {sys.executable}")
    import numpy

    assert lines["NumPy"].text.startswith(numpy.__version__)


def test_packages_in_further_folders_count(tmp_path):
    (tmp_path / "scipy.py").write_text("__version__ = '77.7'")  # found last, so only where the interpreter has none
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean], check=True, timeout=120)
    python = clean / ("Scripts" if os.name == "nt" else "bin") / "python"
    check = InterpreterCheck(python, site_packages=[str(tmp_path)])
    lines = {line.subject: line for line in messages_of(check)[:-1]}
    assert lines["SciPy"] == Checked("SciPy", "good", "77.7")
    assert lines["NumPy"] == Checked("NumPy", "bad", "not installed; needed for every solve")
    assert install_command(check.report).endswith(" -m pip install mediapipe==0.10.21 torch")


@posix_only
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("exit 3", "ended with code 3, so it is no Python that works: it printed nothing"),
        ("echo no such library >&2; exit 127", "ended with code 127, so it is no Python that works: no such library"),
        ("echo hello", "ended with code 0, so it is no Python that works"),
        ("""echo '{"importing": "torch"}'; kill -ILL $$""", "was ended by SIGILL while it imported torch"),
        ("""echo '{"importing": "cv2"}'; exec sleep 60""", "gave no answer in 0.5 s while it imported cv2"),
        ("exec sleep 60", "gave no answer in 0.5 s; it may be no Python"),
    ],
)
def test_a_broken_interpreter_is_told(tmp_path, text, sentence):
    python = script(tmp_path, text)
    messages = messages_of(InterpreterCheck(python, timeout_s=0.5 if "gave no answer" in sentence else 60.0))
    assert len(messages) == 1 and isinstance(messages[0], Failed)
    assert messages[0].text.startswith(str(python)) and sentence in messages[0].text
    assert "Worker Python" in messages[0].hint


@posix_only
def test_what_is_no_interpreter_at_all_is_told(tmp_path):
    text_file = tmp_path / "notes.txt"
    text_file.write_text("not a program")
    program = tmp_path / "damaged"
    program.write_bytes(b"\x7fELF damaged")
    program.chmod(0o755)
    blender = script(tmp_path, "exit 0", "blender")
    sentences = {
        text_file: "cannot be started as a Python: Permission denied",
        program: "cannot be started as a Python: Exec format error",
        tmp_path / "none": "cannot be started as a Python: No such file",
        tmp_path: "is a folder. Choose the program python in it",
        blender: "is Blender",
    }
    for path, sentence in sentences.items():
        messages = messages_of(InterpreterCheck(path))
        assert len(messages) == 1 and sentence in messages[0].text and str(path) in messages[0].text


@posix_only
def test_what_others_print_is_passed_over(tmp_path):
    answer = shlex.quote(json.dumps({"report": report()}))
    check = InterpreterCheck(script(tmp_path, f"echo hello; echo '[1]'; echo {answer}; echo bye; echo oh dear >&2"))
    assert isinstance(messages_of(check)[-1], Done) and check.report == report()


@posix_only
def test_a_check_can_be_stopped(tmp_path):
    check = InterpreterCheck(script(tmp_path, "exec sleep 3600"))
    check.ask_to_stop()
    assert messages_of(check, timeout_s=10.0) == [Stopped()]


def test_each_solver_names_what_it_needs():
    names = [package.module for package in needed_packages("landmarks")]
    assert names == ["numpy", "scipy", "cv2", "mediapipe"]
    assert [package.module for package in needed_packages("smirk")] == [*names, "torch"]


def test_where_nothing_is_missing_nothing_is_to_be_installed():
    assert missing_requirements(report()) == [] and install_command(report()) == ""
    assert {state for state, _ in states(report()).values()} == {"good"}


@pytest.mark.parametrize(
    ("changes", "requirements"),
    [
        (dict.fromkeys(MODULES, ""), ["mediapipe==0.10.21", "scipy", "torch"]),
        (dict(mediapipe="", version=(3, 13, 1), numpy="2.3"), ["mediapipe>=0.10.35"]),
        (dict(cv2=""), ["opencv-contrib-python<4.12"]),
        (dict(cv2="", mediapipe="0.10.30", numpy="2.3"), ["opencv-contrib-python"]),
        (dict(numpy="2.3"), ["numpy<2"]),
        (dict(numpy="2.3", mediapipe="0.10.35"), []),
        (dict(torch="", matplotlib=""), ["torch", "matplotlib"]),
        (dict(torch="", version=(3, 9, 1)), []),
        (dict(torch="", bits=32), []),
    ],
)
def test_what_is_missing_is_named_as_pip_takes_it(changes, requirements):
    assert missing_requirements(report(**changes)) == requirements


@pytest.mark.parametrize(
    ("changes", "subject", "state", "text"),
    [
        (dict(version=(3, 9, 1)), "Python", "bad", "3.9.1 is too old. Choose one from 3.10 on"),
        (dict(version=(2, 7, 18)), "Python", "bad", "2.7.18 is too old. Choose one from 3.10 on"),
        (dict(bits=32), "Python", "bad", "3.11.7 has 32 bits, for which the packages are not made. Choose one with 64"),
        (dict(mediapipe=""), "MediaPipe", "bad", "not installed; needed for finding faces"),
        (dict(torch=""), "PyTorch", "warning", "not installed; needed for the smirk solver"),
        (dict(numpy="2.3"), "NumPy", "bad", "2.3, but mediapipe==0.10.21 needs one below 2"),
        (
            dict(mediapipe="0.10.35"),
            "MediaPipe",
            "bad",
            "0.10.35 brings no face models. Set the landmark model, face_landmarker.task",
        ),
        (
            dict(cv2_packages=("opencv-python", "opencv-contrib-python")),
            "OpenCV",
            "warning",
            "4.11, from opencv-python and opencv-contrib-python at once. Uninstall all but one",
        ),
        (dict(devices=dict(cuda="H100")), "Devices", "good", "cuda (H100), cpu"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(changes, subject, state, text):
    assert states(report(**changes))[subject] == (state, text)


def test_of_a_python_that_is_too_old_nothing_else_is_told():
    assert list(states(report(version=(3, 6, 15), torch=""))) == ["Python"]


def test_a_landmark_model_makes_up_for_a_newer_mediapipe():
    assert states(report(mediapipe="0.10.35"), landmark_model=True)["MediaPipe"] == ("good", "0.10.35")


def test_the_command_is_quoted_for_its_shell():
    lacking = report(numpy="2.3") | {"executable": "/home/a b/python"}
    assert install_command(lacking, windows=False) == "'/home/a b/python' -m pip install 'numpy<2'"
    lacking["executable"] = r"C:\Program Files\python.exe"
    assert install_command(lacking, windows=True) == r'"C:\Program Files\python.exe" -m pip install "numpy<2"'
    lacking["executable"] = r"C:\py\python.exe"
    assert install_command(lacking, windows=True) == r'C:\py\python.exe -m pip install "numpy<2"'


def test_a_module_that_fails_is_told_from_one_that_is_absent(tmp_path, monkeypatch):
    (tmp_path / "fails_one.py").write_text("import no_such_module")
    (tmp_path / "fails_two.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = look(["no_such_module", "fails_one", "fails_two"])["modules"]
    assert modules["no_such_module"]["fault"] == "not installed"
    assert modules["fails_one"]["fault"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert modules["fails_two"]["fault"] == "ZeroDivisionError: division by zero"
