"""Which interpreter a worker gets, and the folder that it runs from."""

import ast
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from smirk_blender.capture import job, launch
from smirk_blender.capture.protocol import Failed, decode_message
from smirk_blender.errors import SmirkError
from tests.conftest import REPOSITORY
from tests.jobs import SCRIPT_LIMIT_S, messages_of, posix


def test_a_worker_runs_from_an_extensions_folder_and_sees_none_of_its_neighbours(tmp_path):
    folder = tmp_path / "user_default" / "smirk_for_blender"
    shutil.copytree(REPOSITORY / "smirk_blender", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for decoy in ("numpy.py", "cv2.py", "crop.py", "smirk_blender.py"):
        (folder.parent / decoy).write_text("raise ImportError('a neighbour was imported')")
    extra = tmp_path / "site"
    (extra / "only_there").mkdir(parents=True)
    (extra / "only_there" / "__init__.py").touch()
    (folder / "capture" / "look.py").write_text(
        textwrap.dedent("""
            import sys
            from .worker import run_job
            from .protocol import Done

            def look():
                import importlib.util
                import numpy, only_there
                crop = importlib.util.find_spec("crop")
                yield Done([str(crop), numpy.__version__, __package__, only_there.__file__])

            run_job(look, sys.argv[1:])
        """)
    )
    script = textwrap.dedent(f"""
        import importlib.util, sys
        places = {{
            "bl_ext": {str(folder.parents[1])!r},
            "bl_ext.user_default": {str(folder.parent)!r},
            "bl_ext.user_default.us": {str(folder)!r},
        }}
        for name, place in places.items():
            spec = importlib.util.spec_from_loader(name, None, is_package=True)
            sys.modules[name] = importlib.util.module_from_spec(spec)
            sys.modules[name].__path__ = [place]
        from bl_ext.user_default.us.capture.job import Job
        job = Job(sys.executable, "capture.look", {{}}, {str(tmp_path / "log")!r}, site_packages=[{str(extra)!r}])
        print(list(job.messages())[-1])
        job.close()
    """)
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=SCRIPT_LIMIT_S)
    assert run.stdout.startswith("Done(paths=['None', '"), run.stdout
    assert f"'smirk_blender.capture', '{extra / 'only_there' / '__init__.py'}'" in run.stdout


@posix
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_text("hello"), "Permission denied"),
        (lambda path: (path.write_text("hello"), path.chmod(0o755)), "Exec format error"),
        (lambda path: path.mkdir(), "Permission denied"),
    ],
)
def test_what_is_no_program_is_named_with_the_preference_to_change(start, tmp_path, make, reason):
    python = tmp_path / "python"
    make(python)
    with pytest.raises(SmirkError) as raised:
        start(python)
    assert str(raised.value) == (
        f"Cannot start the worker's Python {python}: {reason}. "
        "Choose another Worker Python in the add-on's preferences"
    )


@posix
@pytest.mark.parametrize("program", ["false", "true"])
def test_a_program_that_is_no_python_is_named(start, program):
    path = shutil.which(program)
    ending = list(messages_of(start(path)))[-1]
    assert isinstance(ending, Failed) and "capture.worker ended with code" in ending.text
    assert path in ending.text + ending.hint and "Worker Python" in ending.hint


def test_a_python_without_our_packages_is_told_which(start, tmp_path):
    command = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"]
    subprocess.run(command, check=True, timeout=SCRIPT_LIMIT_S)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for module in ("capture.worker", "capture.review"):
        ending = list(messages_of(start(python, module)))[-1]
        assert isinstance(ending, Failed)
        assert ending.text == f"{python} lacks NumPy, SciPy, OpenCV, MediaPipe, which the worker needs"
        assert ending.hint == "The add-on's preferences have the command that installs what is missing"


def test_an_old_python_says_so(monkeypatch, capsys):
    monkeypatch.setattr(launch.sys, "version_info", (3, 9, 1, "final", 0))
    assert launch.main("capture.worker", "request.json") == 1
    assert decode_message(capsys.readouterr().out) == Failed(
        f"{sys.executable} is Python 3.9.1; the worker needs 3.10 or newer",
        "Choose another Worker Python in the add-on's preferences",
    )


@pytest.mark.parametrize(
    ("member", "name", "held"),
    [
        ("typing_extensions.py", "typing_extensions", True),
        ("google/protobuf/message.py", "google.protobuf", True),
        ("native.cpython-311-x86_64-linux-gnu.so", "native", True),
        ("native.cp311-win_amd64.pyd", "native", True),
        ("scipy.libs/scipy.so", "scipy", False),
        ("scipy-1.17.dist-info/METADATA", "scipy", False),
        ("other/six.py", "six", False),
    ],
)
def test_what_a_wheel_brings_is_known_by_its_files(tmp_path, monkeypatch, member, name, held):
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "a-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(member, "")
    monkeypatch.setattr(launch, "package_folder", lambda: str(tmp_path))
    monkeypatch.setenv(launch.FOLDERS_VARIABLE, "/a/folder/of/its/own")
    error = ModuleNotFoundError(f"No module named {name!r}", name=name)
    assert launch.missing_package(error)[1].startswith(launch.INSTALL_AGAIN if held else "The add-on's preferences have")
    monkeypatch.setenv(launch.FOLDERS_VARIABLE, "")  # a Python of the user's
    assert launch.missing_package(error)[1].startswith("The add-on's preferences have")


def test_the_users_own_packages_are_left_out_where_packages_came_along(monkeypatch):
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    for along in (True, False):
        monkeypatch.setattr(job, "came_with_packages", lambda: along)
        assert ("PYTHONNOUSERSITE" in job.worker_environment(["/a/site-packages"])) == along
        assert "PYTHONNOUSERSITE" not in job.worker_environment()


@pytest.mark.parametrize("disabled", [True, False])
def test_a_folder_of_the_users_own_that_blender_knows_counts_only_where_it_is_not_disabled(tmp_path, disabled):
    own = subprocess.run(
        [sys.executable, "-c", "import site; print(site.getusersitepackages())"],
        env=os.environ | {"PYTHONUSERBASE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    Path(own).mkdir(parents=True)
    (Path(own) / "scipy.py").write_text("__version__ = '77.7'")
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
    code += f"from smirk_blender.capture.probe import search_first; search_first([{own!r}]); import scipy\n"
    command = [sys.executable, *["-s"] * disabled, "-c", f"{code}print(scipy.__version__ == '77.7')"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONNOUSERSITE"}
    environment["PYTHONUSERBASE"] = str(tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(not disabled)


def test_bytecode_goes_into_the_cache_or_nowhere(tmp_path, monkeypatch):
    for name in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    cache, site = tmp_path / "c", str(tmp_path / "site-packages")
    log = cache / "logs" / "solve.log"
    for site_packages, log_path, windows, expected in (
        ([], log, False, (None, None)),
        ([site], log, False, (str(cache / "bytecode"), None)),
        ([site], tmp_path / "elsewhere" / "solve.log", False, (None, "1")),
        ([site], None, False, (None, "1")),
        (["C:/site-packages"], Path("/c/logs/solve.log"), True, (str(Path("/c/bytecode")), None)),
        (["C:/" + "long/" * 25], Path("/c/logs/solve.log"), True, (None, "1")),
    ):
        environment = job.worker_environment(site_packages, log_path, windows=windows)
        kept = tuple(environment.get(name) for name in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"))
        assert kept == expected, (site_packages, log_path, windows)


def test_the_launcher_is_written_for_python_3_8():
    source = Path(launch.__file__).read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 8)).body  # else a SyntaxError that names the line
