"""Image sequences on the command line: solved, in batches, previewed and baked."""

import json
import os
import re
import sys
from importlib.util import find_spec

import bpy
import numpy as np
import pytest

from smirk_blender import api
from smirk_blender.cli import main
from smirk_blender.errors import VideoError
from smirk_blender.flame import save_head
from smirk_blender.rig import compat
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take
from tests.batch.made_up_worker import write_worker
from tests.builders import tiny_head
from tests.conftest import REPOSITORY
from tests.jobs import posix
from tests.rig.scenes import strip_range

NUM_IMAGES = 8
FPS = 30


@pytest.fixture
def first(tmp_path):
    """The first of some images of the sample clip, in a folder of their own."""
    if not all(find_spec(name) for name in ("cv2", "mediapipe")):
        pytest.skip("no OpenCV and MediaPipe here to solve with")
    import cv2

    (tmp_path / "shots").mkdir()
    capture = cv2.VideoCapture(str(SAMPLE_CLIP))
    for number in range(NUM_IMAGES):
        (tmp_path / "shots" / f"shot.{number + 9:04d}.png").write_bytes(cv2.imencode(".png", capture.read()[1])[1])
    capture.release()
    return tmp_path / "shots" / "shot.0009.png"


def test_a_sequence_is_solved_as_the_panel_solves_it(first, tmp_path):
    from smirk_blender.capture.solve import SolveOptions, solve_video

    images = [str(first.with_name(f"shot.{number + 9:04d}.png")) for number in range(NUM_IMAGES)]
    list(solve_video(first, tmp_path / "panel.npz", SolveOptions(images=images, image_fps=FPS, first_frame=2)))
    given = ["--image-fps", str(FPS), "--range", "2-", "--solver", "landmarks", "--head", "builtin"]
    assert main(["solve", str(first), *given, "--python", sys.executable, "--out", str(tmp_path / "line.npz")]) == 0
    solved = {name: load_take(tmp_path / f"{name}.npz") for name in ("panel", "line")}
    solved["api"] = api.solve(first, image_fps=FPS, frames=(2, None), python=sys.executable)
    expected = solved.pop("panel")
    assert (len(expected), expected.fps, expected.first_frame) == (NUM_IMAGES - 2, FPS, 2)
    for take in solved.values():
        assert (take.fps, take.first_frame, take.source) == (FPS, 2, expected.source)
        for name, array in expected.frame_arrays().items():
            np.testing.assert_allclose(getattr(take, name), array, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["clip.mp4", "--image-fps", "24"], "clip.mp4 is a video, which has a rate of its own"),
        (["shot.0001.png", "--image-fps", "0"], "0 is no rate in frames per second"),
        (["shot.0001.png", "--image-fps", "nan"], "nan is no rate in frames per second"),
    ],
)
def test_a_rate_that_cannot_be_is_wrong_usage(given, said, capfd):
    assert main(["solve", *given, "--out", "x.take.npz"]) == 2
    assert said in capfd.readouterr().err


def test_a_video_that_is_given_the_rate_of_images_from_python_is_refused():
    with pytest.raises(VideoError, match="clip.mp4 is a video, which has a rate of its own"):
        api.solve("clip.mp4", image_fps=24)


def test_a_batch_takes_a_sequence_to_the_end(first, tmp_path, capfd):
    given = [str(first.parent), "--image-fps", str(FPS), "--range", "2-6", "--no-refine", "--solver", "landmarks"]
    given += ["--head", "builtin", "--python", sys.executable, "--out", str(tmp_path / "out")]
    assert main(["batch", *given, "--dry-run"]) == 0
    assert f"shot: to do, {NUM_IMAGES} frames of " in capfd.readouterr().out
    assert main(["batch", *given]) == 0, capfd.readouterr().out
    made = {path.name for path in (tmp_path / "out" / "shot").iterdir()}
    assert {"shot.take.npz", "shot.blend", "shot_preview.mp4", "shot_thumbnail.jpg"} <= made
    take = load_take(tmp_path / "out" / "shot" / "shot.take.npz")
    assert (len(take), take.fps, take.first_frame) == (5, FPS, 2)
    clip = bpy.data.movieclips.load(str(tmp_path / "out" / "shot" / "shot_preview.mp4"))
    assert clip.frame_duration == 5
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out" / "shot" / "shot.blend"))
    scene = bpy.context.scene
    (strip,) = compat.all_strips(scene)
    assert strip.type == 'IMAGE' and strip_range(strip) == (-1, NUM_IMAGES)  # frame 2 is scene frame 1
    (background,) = scene.camera.data.background_images
    assert (background.clip.source, background.clip.frame_start, scene.render.fps) == ('SEQUENCE', -1, FPS)


@posix
def test_sequences_and_videos_are_clips_and_an_image_that_changes_has_its_own_done_again(tmp_path, capfd):
    save_head(tiny_head(), tmp_path / "head.npz")
    worker, ledger = write_worker(tmp_path, REPOSITORY)
    contents = {"shot.0008.png": "frames 2", "shot.0009.png": "", "shot.0010.png": "", "day1/1.png": "frames 3"}
    for name, content in (contents | {"day1/2.png": "", "line.mp4": "frames 4", "poster.png": ""}).items():
        path = tmp_path / "footage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    given = ["batch", str(tmp_path / "footage"), "--recursive", "--image-fps", "24", "--resume", "--jobs", "2"]
    given += ["--head", str(tmp_path / "head.npz"), "--solver", "landmarks", "--raw", "--no-preview", "--no-bake"]
    given += ["--python", str(worker), "--out", str(tmp_path / "out")]

    def begun() -> list[str]:
        ledger.write_text("")
        assert main(given) == 0, capfd.readouterr()
        return sorted(re.findall("begin (.+)", ledger.read_text()))

    assert begun() == ["1", "line", "shot.0008"]
    assert {path.parent.name for path in (tmp_path / "out").glob("*/done.json")} == {"day1", "line", "shot"}
    (job,) = (tmp_path / "out" / "_smirk").glob("job_*.json")
    job = json.loads(job.read_text("utf-8"))
    assert job["solve"]["image_fps"] == 24 and job["folders"] == []
    assert {os.path.basename(clip["video"]) for clip in job["clips"]} == {"1.png", "line.mp4", "shot.0008.png"}
    assert begun() == []
    (tmp_path / "footage" / "shot.0010.png").write_text("changed")
    assert begun() == ["shot.0008"]
    (tmp_path / "footage" / "day1" / "3.png").write_text("")
    assert begun() == ["1"]
