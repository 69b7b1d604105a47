"""Any file may be named as the worker's Python; the answer is a sentence, and a command that helps."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smirk_blender.capture.interpreter import (
    PACKAGES,
    InterpreterCheck,
    advice,
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


def report(version=(3, 11, 7), bits=64, takes_packages=True, cv2_packages=("opencv-contrib-python",), devices=(), **modules):
    """Return the probe's report where everything is there but for what is named: a version, or "" for none."""
    versions = dict(numpy="1.26.4", scipy="1.17", cv2="4.11", mediapipe="0.10.21", torch="2.13")
    versions |= modules
    return dict(
        version=list(version),
        executable="/usr/bin/python3",
        bits=bits,
        takes_packages=takes_packages,
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
    (tmp_path / "scipy.py").write_text("__version__ = '77.7'")
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
def test_a_closed_check_has_no_process_any_more(tmp_path):
    check = InterpreterCheck(script(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 3600"))
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    check.close()
    with pytest.raises(ProcessLookupError):  # not even one that nobody has waited for
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_look_leaves_no_bytecode_in_the_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "torch.py").write_text("__version__ = '77.7'")
    check = InterpreterCheck(sys.executable, site_packages=[str(tmp_path / "site-packages")])
    assert {line.subject: line.text for line in messages_of(check)[:-1]}["PyTorch"] == "77.7"
    assert [path.name for path in (tmp_path / "site-packages").iterdir()] == ["torch.py"]


def test_folders_come_before_the_interpreters_own_but_for_numpy(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for name in ("numpy", "scipy", "json"):
        (folder / f"{name}.py").write_text("__version__ = '77.7'")
    check = InterpreterCheck(sys.executable, site_packages=[str(folder)])
    told = {line.subject: line.text for line in messages_of(check)[:-1]}
    import numpy

    assert (told["NumPy"], told["SciPy"]) == (numpy.__version__, "77.7")


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
        (dict(torch="", scipy=""), ["scipy", "torch"]),
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


def test_a_package_that_lacks_another_is_installed_again_with_it():
    lacking = report(mediapipe="1.2.2", numpy="2.3")
    lacking["modules"]["mediapipe"]["fault"] = "ModuleNotFoundError: No module named 'certifi'"
    assert missing_requirements(lacking) == ["mediapipe==1.2.2"]
    said = "ModuleNotFoundError: No module named 'certifi'; needed for finding faces"
    assert states(lacking)["MediaPipe"] == ("bad", said)


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


@pytest.mark.parametrize(("own", "takes_packages"), [(True, True), (False, False)], ids=["Blender's own", "guarded"])
def test_a_python_that_is_to_be_left_alone_gets_an_environment_beside_it(monkeypatch, own, takes_packages):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    install, then = advice(report(scipy="", takes_packages=takes_packages), weights=False, own=own)
    inside = "/home/me/smirk-python/bin/python"
    assert install.text == (
        f"/usr/bin/python3 -m venv /home/me/smirk-python && {inside} -m pip install mediapipe==0.10.21 scipy"
    )
    assert then == Checked("Then", "warning", f"Choose {inside} as the Worker Python")


def test_pytorch_is_asked_for_where_there_are_weights():
    lacking = report(torch="")
    assert advice(lacking, weights=False) == []
    (install,) = advice(lacking, weights=True)
    assert install.text == "/usr/bin/python3 -m pip install torch"
    assert states(lacking)["PyTorch"][0] == "warning" and states(lacking, weights=True)["PyTorch"][0] == "bad"
