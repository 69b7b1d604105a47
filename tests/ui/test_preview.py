"""Render Preview Video: two processes one after the other, from a button."""

import os
import sys
import time
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import bpy
import pytest

import smirk_blender
from smirk_blender.capture.job import Job
from smirk_blender.capture.protocol import Done, Failed, Loading, Progress, Stopped
from smirk_blender.flame import save_head
from smirk_blender.rig import compat
from smirk_blender.rig.movie import set_fps
from smirk_blender.rig.strips import file_footage
from smirk_blender.take import save_take
from smirk_blender.ui import jobs, preview, preview_job, tasks
from smirk_blender.ui.footage import ChosenFootage
from smirk_blender.ui.takes import add_take
from tests.builders import make_take, tiny_head
from tests.jobs import messages_of
from tests.rig.scenes import write_code_movie, write_tone

NUM_FRAMES, FPS = 10, Fraction(30000, 1001)
needs_worker = pytest.mark.skipif(
    not all(find_spec(name) for name in ("cv2", "scipy")), reason="the worker's packages are not installed here"
)


@pytest.fixture
def given(tmp_path):
    """The operator's options, for a video with sound whose name is a challenge."""
    head = tiny_head()
    save_head(head, tmp_path / "tiny.npz")
    save_take(make_take(NUM_FRAMES, head, fps=FPS), tmp_path / "a.take.npz")
    sound = write_tone(tmp_path / "tone.wav", seconds=1) if compat.has_sound() else None
    folder = tmp_path / "Szene #3 {x} été"
    folder.mkdir()
    video = write_code_movie(tmp_path / "clip.mp4", NUM_FRAMES, FPS, sound_path=sound).rename(folder / "clip.mp4")
    paths = {"take_path": tmp_path / "a.take.npz", "video_path": video, "head": tmp_path / "tiny.npz"}
    return {name: str(path) for name, path in paths.items()} | {"filepath": str(folder / "preview.mp4")}


@pytest.fixture(autouse=True)
def no_folders_left():
    yield
    jobs.stop_all()


def encode_job(given, tmp_path, **changes):
    arguments = {"picture_path": given["video_path"], "out_path": given["filepath"], "take_path": given["take_path"]}
    arguments["folder"] = str(tmp_path)
    return Job(sys.executable, "encode", arguments | changes, tmp_path / "encode.log")


@needs_worker
def test_a_preview_shows_three_pictures_with_sound_for_each_frame(given):
    assert bpy.ops.smirk.render_preview(**given) == {'FINISHED'}
    clip = bpy.data.movieclips.load(given["filepath"])
    assert tuple(clip.size) == (3 * 640, 480) and clip.frame_duration == NUM_FRAMES  # pixels
    assert clip.fps == pytest.approx(float(FPS), rel=1e-6)
    if compat.has_sound():
        strip = compat.sequencer_strips(bpy.context.scene).new_sound("sound", given["filepath"], 1, 1)
        assert strip.sound.channels == 'STEREO'
    assert tasks.outcome_of(bpy.context.scene.name).state == "done"
    assert sorted(path.name for path in Path(given["filepath"]).parent.glob("preview*")) == ["preview.mp4"]


@needs_worker
def test_a_preview_that_cannot_be_made_says_why(given, tmp_path):
    save_take(make_take(NUM_FRAMES + 3, tiny_head(), fps=FPS), tmp_path / "long.take.npz")
    with pytest.raises(RuntimeError, match="ends before the take .*long.take.npz"):
        bpy.ops.smirk.render_preview(**given | {"take_path": str(tmp_path / "long.take.npz")})
    with pytest.raises(RuntimeError, match="Cannot write the movie .*nowhere"):
        bpy.ops.smirk.render_preview(**given | {"filepath": str(tmp_path / "nowhere" / "x.mp4")})
    assert tasks.outcome_of(bpy.context.scene.name).state == "failed" and not Path(given["filepath"]).exists()


@needs_worker
def test_a_preview_is_stopped_without_a_trace(given):
    task = tasks.start(preview_job.PreviewTask(bpy.context.scene, request_of(given)))
    while not task.fraction:
        tasks._advance()
        time.sleep(0.01)
    folder = task._folder
    assert folder.is_dir() and "frame" in task.text
    bpy.ops.smirk.cancel_task()
    assert tasks.run_to_end(task).state == "cancelled"
    assert not folder.exists() and not Path(given["filepath"]).exists()


def test_what_is_missing_is_named_before_anything_starts(given, tmp_path):
    for name, what in (("take_path", "No take at"), ("video_path", "No file at")):
        with pytest.raises(RuntimeError, match=what):
            bpy.ops.smirk.render_preview(**given | {name: str(tmp_path / "none")})
    with pytest.raises(RuntimeError, match="Solve a video or open a take first"):
        bpy.ops.smirk.render_preview(filepath=given["filepath"])
    save_take(make_take(2, tiny_head()), tmp_path / "lonely.take.npz")
    with pytest.raises(RuntimeError, match="The take was solved from made_up.mp4"):
        bpy.ops.smirk.render_preview(take_path=str(tmp_path / "lonely.take.npz"), filepath=given["filepath"])
    with pytest.raises(RuntimeError, match="No name for the preview"):
        bpy.ops.smirk.render_preview(**given | {"filepath": ""})
    assert not tasks.tasks()


def test_encoding_in_another_process_tells_every_frame(given, tmp_path):
    job = encode_job(given, tmp_path, sound_path=given["video_path"])
    try:
        messages = list(messages_of(job))
    finally:
        job.close()
    assert [type(message) for message in messages] == [Loading, *[Progress] * NUM_FRAMES, Done], messages[-1]
    steps = [message for message in messages if isinstance(message, Progress)]
    assert steps == [Progress(number + 1, NUM_FRAMES, "encode") for number in range(NUM_FRAMES)]
    assert messages[-1].paths == [given["filepath"]] and os.path.isfile(given["filepath"])
    clip = bpy.data.movieclips.load(given["filepath"])
    assert (tuple(clip.size), clip.frame_duration) == ((64, 48), NUM_FRAMES)


def test_encoding_reports_what_is_wrong(given, tmp_path):
    job = encode_job(given, tmp_path, picture_path=str(tmp_path / "none.avi"))
    try:
        last = list(messages_of(job))[-1]
    finally:
        job.close()
    assert isinstance(last, Failed) and "none.avi" in last.text


def test_encoding_is_stopped_without_a_trace(given, tmp_path, figure):
    job = encode_job(given, tmp_path)
    try:
        next(messages_of(job))  # it has started
        asked_s = time.monotonic()
        job.ask_to_stop()
        last = list(messages_of(job, 10.0))[-1]
        assert job.wait(10.0)
        figure("until gone", time.monotonic() - asked_s, "s")
    finally:
        job.close()
    assert isinstance(last, (Stopped, Done))
    left = {path.name for path in Path(given["filepath"]).parent.iterdir()} - {"clip.mp4", "preview.mp4"}
    assert not [name for name in left if name.endswith(".part")]


def test_the_preview_goes_beside_the_blend_or_the_take(tmp_path):
    take_path = str(tmp_path / "takes" / "line_03.take.npz")
    assert preview.default_path(take_path) == tmp_path / "takes" / "line_03_preview.mp4"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert preview.default_path(take_path) == tmp_path / "line_03_preview.mp4"


def test_pictures_have_no_sound(tmp_path):
    for name, may in (("a.mp4", True), ("a.png", False), ("a.MOV", True)):
        (tmp_path / name).write_bytes(b"")
        assert preview_job.may_have_sound(str(tmp_path / name)) is may
    assert not preview_job.may_have_sound(str(tmp_path))


@needs_worker
def test_unregistering_stops_a_preview(given):
    task = tasks.start(preview_job.PreviewTask(bpy.context.scene, request_of(given)))
    while task._job is None:
        tasks._advance()
    process, folder = task._job._process, task._folder
    smirk_blender.unregister()
    assert process.poll() is not None and not folder.exists()
    smirk_blender.register()


def request_of(given):
    return preview_job.PreviewRequest(given["take_path"], given["video_path"], given["filepath"], given["head"])


def test_footage_that_was_moved_is_found_beside_its_take_or_where_it_was_chosen(given, tmp_path):
    scene, video = bpy.context.scene, Path(given["video_path"])
    take = make_take(NUM_FRAMES, tiny_head(), fps=FPS)
    take = replace(take, source=replace(take.source, name=video.name))
    chosen = ChosenFootage(file_footage(video))
    set_fps(scene, FPS)
    for folder, by_choice in ((tmp_path / "beside", False), (tmp_path / "apart", True)):
        folder.mkdir()
        path = folder / "a.take.npz" if not by_choice else tmp_path / "a.take.npz"
        add_take(scene, str(save_take(take, path)), take, chosen.to_text())
        video = video.rename(folder / video.name)
        if by_choice:
            with pytest.raises(RuntimeError, match="The take was solved from clip.mp4. Choose that as footage"):
                bpy.ops.smirk.show_footage()
            scene.smirk.footage_path = str(video)
        assert bpy.ops.smirk.show_footage() == {'FINISHED'}
        assert [strip.filepath for strip in compat.all_strips(scene) if strip.type == 'MOVIE'][-1] == str(video)
