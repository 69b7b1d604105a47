"""`smirk solve` and `smirk preview`, with a real worker."""

import os
import sys
from importlib.util import find_spec

import bpy
import numpy as np
import pytest

from smirk_blender.cli import main
from smirk_blender.take import load_take
from tests.conftest import REPOSITORY

CLIP = REPOSITORY / "tests" / "clean" / "closed_loop.mp4"
WORKER = os.environ.get("SMIRK_WORKER_PYTHON", sys.executable)  # of the main environment, where this is another


@pytest.fixture
def smirk(tmp_path, capfd):
    """Run a command; return what it printed."""
    if WORKER == sys.executable and not all(find_spec(name) for name in ("cv2", "mediapipe", "scipy")):
        pytest.skip("no Python with the worker's packages; name one in SMIRK_WORKER_PYTHON")

    def run(*arguments, code=0):
        assert main([*map(str, arguments), "--python", WORKER]) == code, capfd.readouterr().err
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return run


def test_a_range_is_solved_refined_and_shown(smirk, tmp_path):
    take_path, movie = tmp_path / "part.take.npz", tmp_path / "part.mp4"
    printed = smirk("solve", CLIP, "--out", take_path, "--range", "4-11", "--face", "1", "--refine")
    take = load_take(take_path)
    assert (len(take), take.first_frame, take.solver) == (8, 4, "landmarks") and not take.gap.any()
    assert take.refined_jaw_pose.shape == (8, 3) and np.isfinite(take.expression).all() and take.clean_up is None
    assert f"Saved {take_path}" in printed and "8 frames at" in printed
    smirk("preview", take_path, CLIP, "--out", movie, "--range", "4-11")
    clip = bpy.data.movieclips.load(str(movie))
    assert (clip.frame_duration, *clip.size) == (8, 1440, 480)


def test_what_cannot_be_solved_is_said(smirk, tmp_path):
    out = tmp_path / "x.take.npz"
    said = {
        ("--range", "0-7", "--face", "3"): "There is no face 3 in closed_loop.mp4",
        ("--range", "900-901"): "Frames 900-901 do not lie in closed_loop.mp4",
        ("--solver", "smirk"): "Name the file SMIRK_em1.pt",
    }
    for given, text in said.items():
        assert text in smirk("solve", CLIP, "--out", out, *given, code=1)
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--range", "9-3"], "9-3 ends before it starts"),
        (["--range", "x"], "x is no range of frames"),
        (["--face", "0"], "0 is no face: they count from 1"),
        (["--solver", "eyes"], "invalid choice"),
        (["--out", "x.txt"], "a take's name ends in .take.npz"),
    ],
)
def test_wrong_usage_is_said(capfd, given, said):
    assert main(["solve", "x.mp4", "--out", "x.take.npz", *given]) == 2
    assert said in capfd.readouterr().err


def test_a_preview_of_another_kind_is_refused_before_any_work(capfd):
    assert main(["preview", "x.npz", "x.mp4", "--out", "x.avi"]) == 1
    assert "x.avi does not end in .mp4" in capfd.readouterr().err
    assert main(["preview", "x.npz", "x.mp4", "--out", "nowhere/x.mp4"]) == 1
    assert "No folder " in capfd.readouterr().err
