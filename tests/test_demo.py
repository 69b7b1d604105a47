"""The README's first command, run whole on a part of the sample clip."""

import sys
from types import SimpleNamespace

import cv2
import pytest

import build
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take
from tests.conftest import REPOSITORY

NUM_FRAMES = 24


@pytest.fixture
def clip(tmp_path):
    source = cv2.VideoCapture(str(SAMPLE_CLIP))
    path = tmp_path / "Szene #3 {x} été.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (400, 400))
    for _ in range(NUM_FRAMES):
        writer.write(source.read()[1])
    writer.release()
    return path


def test_the_demo_leaves_what_it_says(monkeypatch, capfd, tmp_path, clip):
    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    out = tmp_path / "out"
    code = build.main(["demo", str(clip), "--out", str(out)])
    printed = capfd.readouterr().out
    assert code == 0, printed
    folder, name = out / clip.stem, clip.stem
    expected = {f"{name}.blend", f"{name}.take.npz", f"{name}_preview.mp4", f"{name}_report.png", f"{name}.log"}
    assert {path.name for path in folder.iterdir()} == expected
    take = load_take(folder / f"{name}.take.npz")
    assert len(take) == NUM_FRAMES and take.source.name == clip.name and not take.gap.any()
    preview = cv2.VideoCapture(str(folder / f"{name}_preview.mp4"))
    assert (preview.get(cv2.CAP_PROP_FRAME_COUNT), preview.get(cv2.CAP_PROP_FPS)) == (NUM_FRAMES, 25)
    assert (preview.get(cv2.CAP_PROP_FRAME_WIDTH), preview.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (1440, 480)
    for row in ("frames", "faces found", "fit, frames per second", "peak memory of the solve, MB", "Written:"):
        assert row in printed


def test_a_demo_that_fails_says_why_and_leaves_no_take(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    assert build.main(["demo", str(REPOSITORY / "README.md"), "--out", str(tmp_path)]) == 1
    assert "error: " in (printed := capfd.readouterr().err) and "not a video that can be decoded" in printed
    assert not list(tmp_path.rglob("*.take.npz"))


@pytest.mark.parametrize(("given", "layout"), [([], "beside"), (["--layout", "matched"], "matched")])
def test_the_demo_bakes_in_the_layout_that_is_asked_for(monkeypatch, tmp_path, clip, given, layout):
    commands = []
    monkeypatch.setattr(build, "environment", lambda *arguments: sys.executable)
    monkeypatch.setattr(build, "run_job", lambda *arguments, **more: SimpleNamespace(num_frames=1, fps=1.0))
    monkeypatch.setattr(build, "run", lambda command, failure: commands.append([str(part) for part in command]))
    monkeypatch.setattr(build, "print_table", lambda *rows: None)
    assert build.main(["demo", str(clip), "--out", str(tmp_path / "out"), *given]) == 0
    (bake,) = commands
    assert bake[bake.index("--layout") + 1] == layout
