"""The command line inside Blender."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

import smirk_blender
from smirk_blender.capture.protocol import Checked, Done, Failed
from smirk_blender.cli import _parser, main
from smirk_blender.flame import save_head
from smirk_blender.retarget.head_motion import with_head_motion
from smirk_blender.rig.axes import to_blender
from smirk_blender.take import Source, save_take
from smirk_blender.take.camera import image_points
from smirk_blender.ui import doctor as doctor_module
from smirk_blender.ui import surroundings
from tests.builders import make_take, tiny_head
from tests.conftest import REPOSITORY
from tests.rig.scenes import evaluated_points, flame_vertices, played_vertices, seen_points, write_code_movie

FPS = Fraction(30000, 1001)


@pytest.fixture
def baked_from(tmp_path):
    """The arguments of a bake of a made-up take on a made-up head, and both."""
    head = tiny_head()
    take = make_take(6, head, fps=FPS, source=Source("codes.mp4", 1, "0" * 64, 64, 48))
    save_head(head, tmp_path / "head.npz")
    save_take(take, tmp_path / "codes.take.npz")
    write_code_movie(tmp_path / "codes.mp4", 6, FPS)
    arguments = ["bake", tmp_path / "codes.take.npz", "--head", tmp_path / "head.npz", "--out", tmp_path / "out.blend"]
    return [str(argument) for argument in arguments], head, take


def test_bake_saves_a_blend_that_plays_the_take_beside_its_video(baked_from, tmp_path, capfd):
    arguments, head, take = baked_from
    preview = tmp_path / "preview.mp4"
    arguments += ["--video", str(tmp_path / "codes.mp4"), "--preview", str(tmp_path / "codes.mp4"), str(preview)]
    assert main(arguments) == 0
    printed = capfd.readouterr().out
    assert "Baked 6 frames to codes" in printed and f"Encoded {preview}" in printed and "append frame" not in printed
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert bpy.data.movieclips["codes.mp4"].filepath == "//codes.mp4"
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert bpy.context.scene.frame_current == 1
    played = played_vertices(bpy.data.objects["Head"], 1 + np.arange(6))
    np.testing.assert_allclose(played, flame_vertices(head, take), atol=1e-5)  # metres
    assert bpy.data.movieclips.load(str(preview)).frame_duration == 6


def test_bake_with_fewer_keys_says_how_many_and_what_they_miss(baked_from, tmp_path, capfd):
    arguments, head, take = baked_from
    assert main([*arguments, "--key-tolerance", "0.5"]) == 0
    said = re.search(r"to codes: ([\d,]+) keys -> ([\d,]+), .* ([\d.]+) mm", capfd.readouterr().out)
    before, after, error_mm = said.groups()
    assert int(after.replace(",", "")) < int(before.replace(",", "")) and float(error_mm) <= 0.5
    played = played_vertices(bpy.data.objects["Head"], 1 + np.arange(6))
    distances_mm = 1e3 * np.linalg.norm(played - flame_vertices(head, take), axis=-1)
    assert 0.05 < distances_mm.max() < 0.51
    assert main([*arguments, "--key-tolerance", "0"]) == 2 and "is not a distance in mm" in capfd.readouterr().err


def test_bake_without_a_video_still_sets_the_scene(baked_from, tmp_path):
    arguments, _, take = baked_from
    assert main(arguments) == 0
    scene = bpy.context.scene
    assert scene.render.fps / scene.render.fps_base == pytest.approx(float(FPS), rel=1e-7)
    assert (scene.frame_start, scene.frame_end) == (1, len(take))
    assert scene.camera is not None


@pytest.mark.parametrize(
    ("options", "said", "lens_mm"),
    [
        ([], "Matched an orthographic camera", None),
        (["--camera", "perspective", "--focal", "85"], "Matched a perspective camera of 85 mm\n", 85),
        (["--focal", "estimate"], "of 50 mm, a usual lens: the footage does not tell its own", 50),
        (["--camera", "perspective"], "of 50 mm, a usual lens", 50),
    ],
)
@pytest.mark.parametrize("video", [True, False])
def test_the_matched_layout_lays_the_head_on_the_shot(baked_from, tmp_path, capfd, options, said, lens_mm, video):
    arguments, head, take = baked_from
    arguments += ["--layout", "matched", *options, *(["--video", str(tmp_path / "codes.mp4")] if video else [])]
    assert main(arguments) == 0
    printed = capfd.readouterr().out
    assert "Baked 6 frames to codes" in printed and said in printed
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    scene = bpy.context.scene
    (camera,) = (thing for thing in scene.objects if thing.type == 'CAMERA')
    assert sum(thing.type == 'LIGHT' for thing in scene.objects) == 3 and scene.world is not None
    assert (scene.camera, camera.data.type) == (camera, 'PERSP' if lens_mm else 'ORTHO')
    assert lens_mm is None or camera.data.lens == lens_mm
    assert [tuple(image.offset) for image in camera.data.background_images] == [(0, 0)] * video
    shown = []
    for scene_frame in range(1, 7):
        scene.frame_set(scene_frame)
        shown.append(seen_points(scene, camera, evaluated_points(bpy.data.objects["Head"])))
    vertices = head.vertices(**take.head_parameters())
    apart = shown - image_points(vertices, take.camera, take.crop_transform)[..., :2]
    if lens_mm is None:
        assert np.abs(apart).max() < 0.01  # pixels
    assert np.abs(apart.mean(axis=1)).max() < 3.0  # a head of 150 pixels, as a whole, near as it is to the lens


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--pose-keys", "driven"], lambda take: take),
        (["--identity", "basis", "--identity-keys", "2", "--expression-keys", "3"], lambda take: take),
        (["--identity", "keep"], lambda take: replace(take, shape=0 * take.shape)),
        (["--head-motion", "off"], lambda take: with_head_motion(take, "off")),
        (["--head-motion", "neck"], lambda take: with_head_motion(take, "neck")),
        (["--lids", "exact"], lambda take: take),
    ],
)
def test_the_head_and_the_take_on_it_are_as_asked(baked_from, tmp_path, options, changed):
    arguments, head, take = baked_from
    assert main([*arguments, *options]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    played = played_vertices(bpy.data.objects["Head"], 1 + np.arange(6))
    np.testing.assert_allclose(played, flame_vertices(head, changed(take)), atol=1e-5)  # metres


def test_lids_after_posing_are_the_authors(baked_from, tmp_path):
    arguments, head, take = baked_from
    assert main([*arguments, "--lids", "after-posing"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    expected = to_blender(head.vertices(**take.head_parameters(), eyelid_order="after"))
    np.testing.assert_allclose(played_vertices(bpy.data.objects["Head"], 1 + np.arange(6)), expected, atol=1e-5)


def test_a_head_without_an_armature_is_saved(baked_from, tmp_path):
    arguments, _, _ = baked_from
    assert main([*arguments, "--no-armature"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert not bpy.data.armatures and bpy.data.objects["Head"].animation_data.action is not None


def test_a_take_is_carried_over_from_the_model_it_was_solved_on(baked_from, tmp_path, capfd):
    arguments, head, take = baked_from
    turned = replace(head, expression_directions=head.expression_directions[..., ::-1].copy(), name="newer")
    save_head(turned, tmp_path / "newer.npz")
    arguments[arguments.index("--head") + 1] = str(tmp_path / "newer.npz")
    assert main(arguments) == 1
    assert "was solved on tiny 0, not on newer" in capfd.readouterr().err
    assert main([*arguments, "--solved-on", str(tmp_path / "head.npz")]) == 0
    assert "Carried the take over to newer: 0.00 mm" in capfd.readouterr().out
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    played = played_vertices(bpy.data.objects["Head"], 1 + np.arange(6))
    np.testing.assert_allclose(played, flame_vertices(head, take), atol=2e-5)  # metres


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--camera", "perspective"], "need --layout matched"),
        (["--focal", "50"], "need --layout matched"),
        (["--layout", "matched", "--camera", "orthographic", "--focal", "50"], "needs --camera perspective"),
        (["--layout", "matched", "--focal", "0"], "0 is not a focal length in mm"),
        (["--layout", "matched", "--focal", "long"], "--focal"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(baked_from, capfd, options, message):
    arguments, _, _ = baked_from
    assert main(arguments + options) == 2
    assert message in capfd.readouterr().err


def test_what_is_wrong_is_one_line_and_exit_code_1(baked_from, tmp_path, capfd):
    arguments, _, _ = baked_from
    for position, value, message in (
        (1, "none.npz", "No take at none.npz"),
        (3, str(tmp_path / "none.pkl"), "none.pkl"),
        (5, str(tmp_path / "nowhere" / "out.blend"), "Cannot save"),
    ):
        changed = arguments[:position] + [value] + arguments[position + 1 :]
        assert main(changed) == 1
        lines = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
        assert len(lines) == 1 and message in lines[0]


def test_wrong_usage_is_exit_code_2_and_help_is_0(capfd):
    assert main(["bake"]) == 2
    assert main([]) == 2
    assert main(["--help"]) == 0
    assert "usage: smirk" in capfd.readouterr().out


@pytest.fixture
def quick_check(monkeypatch, tmp_path):
    """Have the worker's check say what a test has it say; return the arguments of every job, and that list."""
    started, said = [], [Checked("Head", "good", "The built-in head"), Done([])]

    class QuickJob:
        def __init__(self, python, module, arguments, log_path, *, site_packages):
            started.append((python, module, arguments))

        def messages(self):
            return iter(said)

        def close(self):
            pass

    monkeypatch.setattr(doctor_module, "Job", QuickJob)
    monkeypatch.setattr(doctor_module, "log_file", lambda name: tmp_path / f"{name}.log")
    monkeypatch.setattr(surroundings, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(surroundings, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(surroundings, "takes_folder", lambda: tmp_path / "takes")
    return started, said


def test_doctor_says_what_works_and_leaves_a_report(quick_check, tmp_path, capfd):
    assert main(["doctor", "--out", str(tmp_path / "report.txt")]) == 0
    printed = capfd.readouterr().out
    subjects = [line[8:32].strip() for line in printed.splitlines() if line.startswith("good")]
    assert subjects[:4] == ["Date", "Add-on", "Blender", "System"] and subjects[-1] == "Head"
    assert {"Data Folder", "Landmark Model File", "Online Access", "Worker Python"} <= set(subjects)
    assert bpy.app.version_string in printed and "0.1.0, source, in " in printed
    assert printed.splitlines()[-1] == "All good"
    assert (tmp_path / "report.txt").read_text() == printed


def test_doctor_ends_with_1_where_something_is_wrong(quick_check, tmp_path, capfd):
    quick_check[1].insert(0, Checked("NumPy", "bad", "not installed; needed for every solve"))
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["summary"] == "1 problem: NumPy"
    quick_check[1][:] = [Failed("/usr/bin/true has gone", "Choose another")]
    assert main(["doctor"]) == 1
    printed = capfd.readouterr().out
    assert "/usr/bin/true has gone. Choose another" in printed and printed.endswith("1 problem: Check\n")
    assert main(["doctor", "--out", str(tmp_path / "nowhere" / "r.txt")]) == 1
    assert "Cannot write" in capfd.readouterr().err
    assert main(["doctor", "--device", "abacus"]) == 2


def test_doctor_checks_what_it_is_given(quick_check, tmp_path, capfd):
    text = tmp_path / "page.task"
    text.write_text("<html>")
    arguments = ["--python", "/opt/python", "--flame", "f.pkl", "--landmark-model", str(text), "--device", "cpu"]
    assert main(["doctor", *arguments]) == 1
    ((python, module, given),) = quick_check[0]
    assert (python, module) == ("/opt/python", "capture.check")
    assert given["options"] == {
        "head": os.path.abspath("f.pkl"),
        "eyelids": None,
        "weights": None,
        "landmark_model": str(text),
        "device": "cpu",
    }
    printed = capfd.readouterr().out
    assert "A web page, not the file" in printed and "2 problems: FLAME Model File, Landmark Model File" in printed


def test_doctor_names_folders_that_cannot_be_written(quick_check, tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(surroundings, "takes_folder", lambda: tmp_path / "file" / "takes")
    monkeypatch.setattr(surroundings, "_write_fault", lambda folder: "Read-only file system" * (folder == tmp_path))
    assert main(["doctor"]) == 1
    printed = capfd.readouterr().out
    assert f"{tmp_path / 'file' / 'takes'} cannot be written: Read-only file system. Choose other folders" in printed


def test_blender_hands_its_command_line_over(monkeypatch, quick_check, capfd):
    known = {}
    monkeypatch.setattr(bpy.utils, "register_cli_command", lambda name, run: known.setdefault(name, run))
    monkeypatch.setattr(bpy.utils, "unregister_cli_command", lambda run: known.pop("smirk"))
    smirk_blender.register()
    try:
        assert known["smirk"](["doctor"]) == 0 and known["smirk"](["bake"]) == 2
    finally:
        smirk_blender.unregister()
    assert known == {} and capfd.readouterr().out.rstrip().endswith("All good")


def test_it_runs_as_a_program(baked_from, tmp_path):
    if bpy.app.binary_path:
        pytest.skip("here bpy is inside Blender; only the bpy module runs as `python -m`")
    arguments, _, _ = baked_from
    program = [sys.executable, "-m", "smirk_blender.cli"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    run = lambda *given: subprocess.run([*program, *given], env=environment, capture_output=True, text=True, timeout=60)
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.blend").is_file()
    assert run("bake", "none.npz", *arguments[2:]).returncode == 1


def test_the_readme_names_options_that_exist_and_all_of_them(capsys):
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"--[a-z][\w-]+", text.partition("## The rig")[2].partition("## What it does not do")[0]))
    assert main(["bake", "--help"]) == 0
    known = set(re.findall(r"^  (--[a-z][\w-]+)", capsys.readouterr().out, re.MULTILINE))
    assert not named - known
    assert known - named <= {"--eyelids", "--preview"}


README = (REPOSITORY / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "line",
    re.findall(r"^(?:\.venv/bin/python -m smirk_blender\.cli|blender -b --command smirk) (.+)$", README, re.M)
    + re.findall(r"`smirk ((?:export|pose) [^`]+)`", README),
)
def test_a_line_of_the_readme_is_understood(line):
    options = _parser().parse_args(shlex.split(line))
    options.check_usage(_parser(), options)
    assert callable(options.command)
