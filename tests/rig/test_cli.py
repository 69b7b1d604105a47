"""The command line inside Blender."""

import os
import subprocess
import sys
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.cli import main
from smirk_blender.flame import save_head
from smirk_blender.take import Source, save_take
from tests.builders import make_take, tiny_head
from tests.conftest import REPOSITORY
from tests.rig.scenes import flame_vertices, played_vertices, write_code_movie

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


def test_bake_without_a_video_still_sets_the_scene(baked_from, tmp_path):
    arguments, _, take = baked_from
    assert main(arguments) == 0
    scene = bpy.context.scene
    assert scene.render.fps / scene.render.fps_base == pytest.approx(float(FPS), rel=1e-7)
    assert (scene.frame_start, scene.frame_end) == (1, len(take))
    assert scene.camera is not None


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
