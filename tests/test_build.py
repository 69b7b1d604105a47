"""build.py: what it says when it cannot go on, and what it leaves."""

import ast
import subprocess
import sys
import types
from pathlib import Path

import pytest

import build
from tests.conftest import REPOSITORY
from wheels import BuildError


def test_another_python_is_told_which_one_to_use(monkeypatch, capsys):
    monkeypatch.setattr(build.sys, "version_info", (3, 13, 0))
    assert build.main(["demo"]) == 2
    assert "build.py needs Python 3.11; this is" in capsys.readouterr().err


def test_build_needs_only_the_standard_library():
    code = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; import build; build.parser()"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}"]
    subprocess.run(command, check=True, timeout=120)


def test_a_missing_video_is_named_before_anything_is_installed(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(build, "environment", lambda *arguments: pytest.fail("made an environment"))
    assert build.main(["demo", str(tmp_path / "none.mp4")]) == 1
    assert "No video at" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_made_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    video = tmp_path / "clip.mp4"
    video.write_text("")
    assert build.main(["demo", str(video), "--out", str(video)]) == 1
    assert f"Cannot write to the folder {video}" in capsys.readouterr().err


def test_an_output_folder_that_is_read_only_is_named(monkeypatch, capsys, tmp_path):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    monkeypatch.setattr(build.tempfile, "TemporaryFile", refuse)
    video = tmp_path / "clip.mp4"
    video.write_text("")
    assert build.main(["demo", str(video), "--out", str(tmp_path)]) == 1
    assert "Cannot write to the folder" in capsys.readouterr().err and not (tmp_path / "clip" / "clip.log").exists()


def test_an_older_python_gets_as_far_as_the_line_that_says_so():
    tree = ast.parse((REPOSITORY / "build.py").read_text(encoding="utf-8"))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


def test_an_environment_is_made_once_and_again_when_its_packages_change(monkeypatch, tmp_path):
    commands = []

    def run(command, failure):
        commands.append([str(part) for part in command])
        if command[1:3] == ["-m", "venv"]:
            command[3].mkdir()

    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "run", run)
    for packages in ((), (), ("one==1", "torch==2"), ("one==1", "torch==2")):
        build.environment(".venv", "4.5.15", packages)
    assert [command[2] for command in commands] == ["venv", "pip", "venv", "pip", "pip"]
    assert "bpy==4.5.15" in commands[1] and "one==1" in commands[3] and "--no-deps" in commands[1]
    assert commands[4][-1] == "torch==2" and "--no-deps" not in commands[4]  # with the libraries it is linked against


def test_every_package_is_pinned():
    packages = (*build.BLENDER_PACKAGES, *build.TEST_PACKAGES, *build.WORKER_PACKAGES)
    assert all(package.count("==") == 1 for package in packages)
    names = [package.split("==")[0].lower() for package in packages]
    assert len(names) == len(set(names))


def test_the_tests_run_in_every_blender(monkeypatch):
    made, ran = [], []
    monkeypatch.setattr(build, "environment", lambda folder, blender, packages: made.append(blender) or folder)
    monkeypatch.setattr(build, "package", lambda options: (options.out / "package.zip").touch())

    def run(command, cwd, env):
        ran.append(command[: command.index("-o")])
        if len(ran) > 1:
            assert Path(env["SMIRK_PACKAGE"]).is_file() and env["SMIRK_WORKER_PYTHON"] == ".venv"
        return types.SimpleNamespace(returncode=int("bpy-5" in command[0]))

    monkeypatch.setattr(build.subprocess, "run", run)
    assert build.main(["test", "--all"]) == 1  # the one that failed
    assert made == [build.MAIN_BLENDER, build.MAIN_BLENDER, *build.OTHER_BLENDERS]
    others = ["tests/rig", "tests/ui", "tests/install"]
    once = [["tests", "--ignore=tests/install"], ["tests/install"], others]
    assert [command[3:] for command in ran] == [*once, others, others]  # the last one twice: it fails


def test_without_a_package_the_other_tests_run_and_it_is_a_failure(monkeypatch, capsys):
    given = []

    def no_package(options):
        raise BuildError("the index is not there")

    def run(command, cwd, env):
        given.append((command[3], "SMIRK_PACKAGE" in env))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.delenv("SMIRK_PACKAGE", raising=False)
    monkeypatch.setattr(build, "environment", lambda folder, blender, packages: folder)
    monkeypatch.setattr(build, "package", no_package)
    monkeypatch.setattr(build.subprocess, "run", run)
    assert build.main(["test", "--all"]) == 1
    assert given == [("tests", False), ("tests/install", False), ("tests/rig", False), ("tests/rig", False)]
    assert "no full package to test: the index is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["package", "--check", "a.zip", "--out", "x"], "--out does nothing beside --check"),
        (["package", "--check", "a.zip", "--relock"], "--relock does nothing beside --check"),
        (["package", "--relock", "--size", "full", "--torch", "2"], "--size, --torch does nothing beside --relock"),
        (["package", "--size", "light", "--torch-index", "x"], "--torch-index does nothing beside --size light"),
        (["package", "--size", "light", "--platform", "all"], "--platform does nothing beside --size light"),
        (["package", "--size", "landmarks", "--torch-index", "x"], "--torch-index does nothing beside --size land"),
        (["package", "--torch", "2.13.0+cu130"], "Name that with --torch-index"),
        (["test", "--window", "--all"], "--all does nothing beside --window"),
    ],
)
def test_options_that_do_nothing_together_are_refused(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(build, "environment", lambda *arguments: pytest.fail("made an environment"))
    monkeypatch.setattr(build, "make_folder", lambda folder: pytest.fail("made a folder"))
    assert build.main(arguments) == 1 and says in capsys.readouterr().err


def test_checking_a_package_makes_no_folder(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    monkeypatch.setattr(build, "make_folder", lambda folder: pytest.fail("made a folder"))
    assert build.main(["package", "--check", str(tmp_path / "none.zip")]) == 1
    assert "No package at" in capsys.readouterr().err


def test_the_window_test_runs_instead_of_the_others(monkeypatch):
    ran = []
    monkeypatch.setattr(build, "environment", lambda *arguments: "python")
    monkeypatch.setattr(
        build.subprocess, "run", lambda command, cwd: ran.append(command) or types.SimpleNamespace(returncode=3)
    )
    assert build.main(["test", "--window", "head_by_mouse"]) == 3
    assert ran == [["python", "-m", "tests.window.run", "head_by_mouse"]]


def test_the_light_package_needs_no_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "environment", lambda *arguments: pytest.fail("made an environment"))
    assert build.pack(tmp_path).name.endswith("-light.zip")
