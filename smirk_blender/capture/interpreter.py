"""Whether a Python can run the worker, what it lacks, and the command that installs it. Standard library only."""

import json
import os
import queue
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .job import CLOSE_TIMEOUT_S, end_of_process, worker_environment
from .launch import OLDEST_PYTHON, OTHER_PYTHON
from .protocol import ENDINGS, Checked, Done, Failed, Message, Stopped

PROBE = Path(__file__).with_name("probe.py")
TIMEOUT_S = 120.0  # PyTorch from a slow disk, for the first time
# MediaPipe carried its face models until 0.10.2x; 0.10.21 is the version that all of this was measured with. There are
# builds of it for Python 3.12 at most, and it needs NumPy 1. From 0.10.30 on it needs a file, and runs on any Python.
MEDIAPIPE_WITH_MODELS, NEWEST_PYTHON_WITH_MODELS = "mediapipe==0.10.21", (3, 12)
MEDIAPIPE_WITHOUT_MODELS = "mediapipe>=0.10.35"  # brings OpenCV again, which 0.10.30 left out
FIRST_WITHOUT_MODELS = (0, 10, 30)
BROUGHT_BY_MEDIAPIPE = ("mediapipe", "numpy", "cv2")
OPENCV, OPENCV_FOR_NUMPY_1 = "opencv-contrib-python", "opencv-contrib-python<4.12"
NOT_INSTALLED, INCOMPLETE = "not installed", "ModuleNotFoundError"  # the probe's words; of a package that lacks another
INSTALL = "Install"  # the finding whose text is a command
ENVIRONMENT = "smirk-python"  # in the user's own folder, where a Python takes no packages
PLAIN_IN_CMD = re.compile(r"[\w.:\\/=+-]+")  # needs no quotes in Windows' shells


@dataclass(frozen=True)
class Package:
    """A package that the worker imports as `module`; only for something besides solving where it is not `essential`."""

    module: str
    name: str
    purpose: str
    essential: bool = True


PACKAGES = (
    Package("numpy", "NumPy", "every solve"),
    Package("scipy", "SciPy", "every solve"),
    Package("cv2", "OpenCV", "reading footage"),
    Package("mediapipe", "MediaPipe", "finding faces"),
    Package("torch", "PyTorch", "the smirk solver", essential=False),
)


def mediapipe_with_models(version: Sequence[int] = sys.version_info) -> bool:
    """Return whether there is a MediaPipe with face models for a version of Python."""
    return tuple(version[:2]) <= NEWEST_PYTHON_WITH_MODELS


def needed_packages(solver: str) -> tuple[Package, ...]:
    """Return what a solver, "landmarks" or "smirk", imports."""
    return tuple(package for package in PACKAGES if package.essential or (package.module, solver) == ("torch", "smirk"))


def findings(report: dict, *, landmark_model: bool = False, weights: bool = False) -> list[Checked]:
    """Return what a probe's report says to a user, line by line.

    Args:
        report: of `probe.look`, on the modules of PACKAGES.
        landmark_model: whether there is a face_landmarker.task.
        weights: whether there are SMIRK's, for which PyTorch is needed.
    """
    lines = [Checked("Python", *_python_state(report))]
    if lines[0].state == "bad":  # whatever it has is of no use
        return lines
    for package in PACKAGES:
        needed = package.essential or weights
        lines.append(Checked(package.name, *_package_state(package, report, landmark_model, needed=needed)))
    if not report["modules"]["torch"]["fault"]:
        devices = [f"{name} ({what})" for name, what in report["devices"].items()] + ["cpu"]
        lines.append(Checked("Devices", "good", ", ".join(devices)))
    return lines


def lacks_models(report: dict) -> bool:
    """Return whether there is a MediaPipe that works, but brings no face models."""
    return not report["modules"]["mediapipe"]["fault"] and not _carries_models(report)


def missing_requirements(report: dict, *, weights: bool = True) -> list[str]:
    """Return what pip must install, as pip takes it; nothing where the Python is bad.

    Args:
        weights: whether for the smirk solver too.
    """
    if _python_state(report)[0] == "bad":
        return []
    asked = [package.module for package in PACKAGES if package.essential or weights]
    lacks = [name for name in asked if report["modules"][name]["fault"] == NOT_INSTALLED]
    wanted, with_models = [], _carries_models(report)
    if "mediapipe" in lacks:
        wanted.append(MEDIAPIPE_WITH_MODELS if with_models else MEDIAPIPE_WITHOUT_MODELS)
        lacks = [name for name in lacks if name not in BROUGHT_BY_MEDIAPIPE]
    for name, module in report["modules"].items():
        if module["fault"].startswith(INCOMPLETE) and module["version"]:
            wanted.append(f"{name}=={module['version']}")  # pip looks for what it needs, too
    names = {"cv2": OPENCV_FOR_NUMPY_1 if with_models else OPENCV, "numpy": "numpy<2" if with_models else "numpy"}
    wanted += [names.get(name, name) for name in lacks]
    if _wrong_numpy(report) and "numpy<2" not in wanted:
        wanted.append("numpy<2")
    return wanted


def advice(report: dict, *, weights: bool = True, own: bool = False) -> list[Checked]:
    """Return the finding INSTALL with the command that installs what is missing; nothing if nothing is.

    Args:
        weights: whether for the smirk solver too.
        own: whether it is Blender's own Python. That one is left alone, as is one that the system guards: the command
            makes an environment then, with everything, and another finding says to choose that.
    """
    if not missing_requirements(report, weights=weights):
        return []
    if not own and report["takes_packages"]:
        return [Checked(INSTALL, "warning", install_command(report, weights=weights))]
    place = Path.home() / ENVIRONMENT
    inside = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    bare = {name: {"version": "", "fault": NOT_INSTALLED} for name in report["modules"]}
    fill = install_command(report | {"modules": bare, "executable": str(inside)}, weights=weights)
    make = _for_shell([report["executable"], "-m", "venv", str(place)])
    return [
        Checked(INSTALL, "warning", f"{make} && {fill}"),
        Checked("Then", "warning", f"Choose {inside} as the Worker Python"),
    ]


def install_command(report: dict, *, weights: bool = True, windows: bool = sys.platform == "win32") -> str:
    """Return pip's command that installs what is missing, for the system's shell; "" if nothing is."""
    requirements = missing_requirements(report, weights=weights)
    arguments = [report["executable"], "-m", "pip", "install", *requirements]
    return _for_shell(arguments, windows) if requirements else ""


def _for_shell(arguments: Sequence[str], windows: bool = sys.platform == "win32") -> str:
    if windows:  # where < outside quotes would redirect
        return " ".join(text if PLAIN_IN_CMD.fullmatch(text) else f'"{text}"' for text in arguments)
    return shlex.join(arguments)


class InterpreterCheck:
    """A look at an interpreter, to be polled as a `Job` is: a `Checked` for each finding, at last `Done` or `Failed`.

    Attributes:
        report: the probe's, once there is one.
        ended: whether the ending was handed out.
    """

    def __init__(
        self,
        python: str | os.PathLike,
        *,
        site_packages: Sequence[str] = (),
        landmark_model: bool = False,
        weights: bool = False,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Start to look at an interpreter, which need not be one.

        Args:
            site_packages: folders where it looks for packages before its own.
            landmark_model: whether there is a face_landmarker.task.
            weights: whether there are SMIRK's.
            timeout_s: after which it is taken to hang.
        """
        self.report: dict | None = None
        self.ended = False
        self._python = str(python)
        self._landmark_model, self._weights, self._timeout_s = landmark_model, weights, timeout_s
        self._own = bool(site_packages)
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._stopped = False
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        fault = self._start(site_packages)
        if fault:
            self._messages.put(Failed(fault, OTHER_PYTHON))
        else:
            self._reader = threading.Thread(target=self._read, name="smirk interpreter", daemon=True)
            self._reader.start()

    def poll(self) -> list[Message]:
        """Return all messages since the last call, without waiting."""
        messages = []
        with suppress(queue.Empty):
            while not self.ended:
                messages.append(self._messages.get_nowait())
                self.ended = isinstance(messages[-1], ENDINGS)
        return messages

    def ask_to_stop(self) -> None:
        self.kill()

    def kill(self) -> None:
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process and wait for it: while it lives, Windows lets nobody remove libraries that it has open."""
        self.kill()
        if self._reader is not None:
            self._reader.join(CLOSE_TIMEOUT_S)

    def _start(self, site_packages: Sequence[str]) -> str:
        """Start the probe; return what is wrong if that is known at once."""
        path = Path(self._python)
        if path.is_dir():
            return f"{path} is a folder. Choose the program python in it"
        if path.stem.lower().startswith("blender"):  # it would open its window
            return f"{path} is Blender. Choose a Python: Blender's own lies in its folder, under python/bin"
        modules = ",".join(package.module for package in PACKAGES)
        try:
            self._process = subprocess.Popen(
                [self._python, str(PROBE), modules, *site_packages],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment(site_packages),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            return f"{self._python} cannot be started as a Python: {error.strerror or error}"
        return ""

    def _read(self) -> None:
        """Wait for the probe and put what it found on the queue; in the thread."""
        output, errors, hangs = "", "", False
        try:
            output, errors = self._process.communicate(timeout=self._timeout_s)
        except subprocess.TimeoutExpired as error:
            output, hangs = (error.stdout or b"").decode(errors="replace"), True
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process.stderr.close()
        lines = [content for content in map(_json_object, output.splitlines()) if content]
        self.report = next((content["report"] for content in lines if "report" in content), None)
        importing = [f" while it imported {content['importing']}" for content in lines if "importing" in content][-1:]
        if self._stopped:
            self._messages.put(Stopped())
        elif self.report is not None:
            lines = findings(self.report, landmark_model=self._landmark_model, weights=self._weights)
            for line in lines + advice(self.report, weights=self._weights, own=self._own):
                self._messages.put(line)
            self._messages.put(Done([]))
        elif hangs:
            what = "".join(importing) or "; it may be no Python"
            self._messages.put(Failed(f"{self._python} gave no answer in {self._timeout_s:g} s{what}", OTHER_PYTHON))
        else:
            said = errors.strip().splitlines()[-1:] or ["it printed nothing"]
            what = "".join(importing) or ", so it is no Python that works"
            ending = end_of_process(self._process.returncode)
            self._messages.put(Failed(f"{self._python} {ending}{what}: {said[0]}", OTHER_PYTHON))


def _python_state(report: dict) -> tuple[str, str]:
    version = ".".join(map(str, report["version"]))
    if tuple(report["version"]) < OLDEST_PYTHON:
        return "bad", f"{version} is too old. Choose one from {'.'.join(map(str, OLDEST_PYTHON))} on"
    if report["bits"] != 64:
        return "bad", f"{version} has {report['bits']} bits, for which the packages are not made. Choose one with 64"
    return "good", f"{version}, {report['executable']}"


def _package_state(package: Package, report: dict, landmark_model: bool, *, needed: bool) -> tuple[str, str]:
    module = report["modules"][package.module]
    text = module["version"] or "there"
    if package.module == "numpy" and _wrong_numpy(report):
        return "bad", f"{text}, but {MEDIAPIPE_WITH_MODELS} needs one below 2"
    if module["fault"]:
        state = "bad" if needed else "warning"
        return state, f"{module['fault'].splitlines()[0]}; needed for {package.purpose}"
    if package.module == "mediapipe" and not _carries_models(report) and not landmark_model:
        return "bad", f"{text} brings no face models. Set the landmark model, face_landmarker.task"
    if package.module == "cv2" and len(report["cv2_packages"]) > 1:
        return "warning", f"{text}, from {' and '.join(report['cv2_packages'])} at once. Uninstall all but one"
    return "good", text


def _carries_models(report: dict) -> bool:
    """Return whether the MediaPipe that is there, or would be installed, brings face models, and so needs NumPy 1."""
    version = report["modules"]["mediapipe"]["version"]
    return _numbers(version) < FIRST_WITHOUT_MODELS if version else mediapipe_with_models(report["version"])


def _wrong_numpy(report: dict) -> bool:
    numpy, mediapipe = (report["modules"][name]["version"] for name in ("numpy", "mediapipe"))
    return bool(mediapipe) and _carries_models(report) and _numbers(numpy) >= (2,)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _json_object(line: str) -> dict | None:
    """Return what the probe printed, None for what somebody else did."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
