"""Solving from the panel: what becomes of the scene, with a worker that says what the test has it say."""

from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest

import smirk_blender
from smirk_blender.rig import compat, is_head
from smirk_blender.rig.strips import scene_fps
from smirk_blender.take import CleanUp, load_take
from smirk_blender.ui import preferences, solve, tasks
from tests.builders import make_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices, write_code_movie
from tests.ui.content import scene_content
from tests.ui.fake_layout import drawn_text
from tests.ui.fake_worker import FakeJob, solve_without_a_worker

NUM_FRAMES, FPS = 20, Fraction(30000, 1001)


@pytest.fixture(autouse=True)
def worker(monkeypatch, tmp_path):
    """Solve without a worker, and keep takes and cache in the test's own folder."""
    take = make_take(NUM_FRAMES, tiny_head(), fps=FPS)
    solve_without_a_worker(monkeypatch, tmp_path, take=take, late_face=None, hold_at=None, dies_at=None)
    monkeypatch.setattr("smirk_blender.ui.solve_task.CleanUp", lambda: None)  # a new take stays as solved here
    yield
    tasks.abandon_all("the test is over")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return str(write_code_movie(tmp_path_factory.mktemp("video") / "codes.mp4", NUM_FRAMES, FPS))


@pytest.fixture
def head_object(tmp_path):
    bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"))
    return bpy.context.object


def settings():
    return bpy.context.scene.smirk


def begin(video):
    """Do what a click on Solve does; without a window, the operator itself would wait for the end."""
    assert bpy.ops.smirk.choose_footage(filepath=video) == {'FINISHED'}
    return tasks.start(solve.solve_task(bpy.context), attended=True)


def advance_to_hold(task):
    """Advance until the worker holds, and all that it has solved is on the head."""
    job = None
    for _ in range(3000):
        tasks._advance()
        job = FakeJob.started[-1] if FakeJob.started else None
    assert job is not None and not job.ended and task.outcome is None
    return job


def test_a_solve_adds_a_take_and_bakes_it(video, head_object):
    assert bpy.ops.smirk.choose_footage(filepath=video) == {'FINISHED'}
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    scene, head = bpy.context.scene, tiny_head()
    (item,) = settings().takes
    assert (item.name, item.num_frames, item.num_gaps, settings().take_index) == ("codes", NUM_FRAMES, 0, 0)
    assert item.fps == pytest.approx(float(FPS), rel=1e-6)
    assert scene_fps(scene) == FPS and (scene.frame_start, scene.frame_end) == (1, NUM_FRAMES)
    expected = flame_vertices(head, FakeJob.take)
    assert np.abs(played_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - expected).max() < 1e-5  # metres
    outcome = tasks.outcome_of(scene.name)
    assert outcome.state == "done" and "The light is poor" in outcome.text and Path(outcome.log_path).is_file()
    (job,) = FakeJob.started
    assert job.closed and job.arguments["options"]["head"] == str(preferences.preferences().flame_model)
    assert not list(preferences.cache_folder("parts").iterdir())  # nothing is left of what was shown meanwhile


def test_a_new_take_is_cleaned_and_its_file_says_so(video, head_object, monkeypatch):
    pytest.importorskip("scipy", reason="no SciPy beside this Blender, which cleaning needs")
    from smirk_blender.clean.chain import cleaned

    monkeypatch.setattr("smirk_blender.ui.solve_task.CleanUp", CleanUp)
    bpy.ops.smirk.choose_footage(filepath=video)
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    (item,) = settings().takes
    assert item.clean_up.wanted() == load_take(item.path).clean_up == CleanUp()
    expected = flame_vertices(tiny_head(), cleaned(FakeJob.take, tiny_head(), CleanUp()))
    assert np.abs(played_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - expected).max() < 1e-5  # metres


def test_without_a_head_a_solve_adds_the_one_of_the_preferences(video):
    bpy.ops.smirk.choose_footage(filepath=video)
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    (head_object,) = [thing for thing in bpy.data.objects if is_head(thing)]
    expected = flame_vertices(tiny_head(), FakeJob.take)
    error_m = np.abs(played_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - expected).max()
    assert error_m < 2e-3  # metres: the usual lids keep off the eyeballs


def test_the_head_plays_what_is_solved_so_far(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    job = advance_to_hold(task)
    expected = flame_vertices(tiny_head(), FakeJob.take)[:8]
    moved = played_vertices(head_object, 1 + np.arange(8))
    still = flame_vertices(tiny_head(), make_take(1, tiny_head(), expression=np.zeros((1, 8))))
    assert np.abs(moved - moved[:1]).max() > 1e-3 and moved.shape == expected.shape and still.shape[1] == moved.shape[1]
    assert bpy.context.scene.frame_current == 8  # the playhead follows
    assert task.fraction == pytest.approx(0.8 * 8 / NUM_FRAMES) and "8 of 20" in task.text
    job.go_on()
    assert tasks.run_to_end(task).state == "done" and bpy.context.scene.frame_current == 1
    assert len(bpy.data.actions) == (1 if compat.has_slots() else 2)  # the one that grew


def test_of_several_faces_the_head_plays_the_one_that_was_seen_first(video, head_object, monkeypatch):
    other = make_take(NUM_FRAMES, tiny_head(), fps=FPS, expression=-2 * FakeJob.take.expression)
    monkeypatch.setattr(FakeJob, "late_face", other)
    monkeypatch.setattr(FakeJob, "hold_at", 12)
    task = begin(video)
    advance_to_hold(task)
    key = head_object.data.shape_keys.key_blocks["expression_000"]
    played = []
    for scene_frame in range(1, 13):
        bpy.context.scene.frame_set(scene_frame)
        played.append(key.value)
    np.testing.assert_allclose(played, FakeJob.take.expression[:12, 0], atol=1e-5)  # unitless
    tasks.cancel(task)
    assert "2 takes are in the list" in tasks.run_to_end(task).text
    kept = {Path(item.path).name: item.num_frames for item in settings().takes}
    assert kept == {"codes_face1.take.npz": 8, "codes_face2.take.npz": 12}


@pytest.mark.parametrize("hold_at", [4, 12])
def test_a_cancelled_solve_leaves_everything_as_before(video, head_object, monkeypatch, hold_at):
    bpy.ops.smirk.choose_footage(filepath=video)
    head_object.data.shape_keys.key_blocks[1].value = 0.25
    head_object.parent.pose.bones["jaw"].rotation_quaternion = (0.9, 0.1, 0.2, 0.0)
    settings().keep_when_cancelled = False
    before = scene_content()
    monkeypatch.setattr(FakeJob, "hold_at", hold_at)
    task = begin(video)
    advance_to_hold(task)
    assert scene_content() != before
    bpy.ops.smirk.cancel_task()
    outcome = tasks.run_to_end(task)
    assert outcome.state == "cancelled" and "Everything is as before" in outcome.text and not outcome.changed
    assert scene_content() == before and not settings().takes and not list(Path(preferences.takes_folder()).iterdir())


def test_a_cancelled_solve_gives_an_earlier_action_back(video, head_object, monkeypatch):
    bpy.ops.smirk.choose_footage(filepath=video)
    bpy.ops.smirk.solve()
    settings().keep_when_cancelled = False
    before = scene_content()
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    advance_to_hold(task)
    tasks.cancel(task)
    tasks.run_to_end(task)
    assert scene_content() == before
    expected = flame_vertices(tiny_head(), FakeJob.take)
    assert np.abs(played_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - expected).max() < 1e-5  # metres


def test_a_cancelled_solve_keeps_the_frames_so_far(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 12)
    task = begin(video)
    advance_to_hold(task)
    tasks.cancel(task)
    outcome = tasks.run_to_end(task)
    assert outcome.state == "cancelled" and "first 12 frames were kept" in outcome.text and outcome.changed
    assert settings().takes[0].num_frames == 12 and len(load_take(settings().takes[0].path)) == 12
    expected = flame_vertices(tiny_head(), FakeJob.take)[:12]
    assert np.abs(played_vertices(head_object, 1 + np.arange(12)) - expected).max() < 1e-5  # metres


def test_a_take_that_is_there_outlives_a_cancelled_bake(video, head_object):
    task = begin(video)
    while not (settings().takes and task.text == "Baking"):
        tasks._advance()
    tasks.cancel(task)
    outcome = tasks.run_to_end(task)
    assert outcome.state == "cancelled" and "baking it was cancelled" in outcome.text
    assert settings().takes[0].num_frames == NUM_FRAMES


@pytest.mark.parametrize("keep", [True, False])
def test_a_solve_that_ends_as_it_is_cancelled_is_kept_or_removed_whole(video, head_object, monkeypatch, keep):
    settings().keep_when_cancelled = keep
    monkeypatch.setattr(FakeJob, "ask_to_stop", lambda job: None)  # too late
    monkeypatch.setattr(FakeJob, "hold_at", 12)
    task = begin(video)
    job = advance_to_hold(task)
    tasks.cancel(task)
    job.go_on()
    outcome = tasks.run_to_end(task)
    assert outcome.state == ("done" if keep else "cancelled")
    assert [item.num_frames for item in settings().takes] == ([NUM_FRAMES] if keep else [])
    assert len(list(Path(preferences.takes_folder()).iterdir())) == int(keep)


def test_a_solve_that_is_finished_early_is_whole(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    advance_to_hold(task)
    bpy.ops.smirk.finish_solve()
    outcome = tasks.run_to_end(task)
    assert outcome.state == "done" and settings().takes[0].num_frames == 8


def test_frames_outlive_their_worker(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "dies_at", 8)
    bpy.ops.smirk.choose_footage(filepath=video)
    with pytest.raises(RuntimeError, match="killed by SIGKILL.*first 8 frames were kept"):
        bpy.ops.smirk.solve()
    outcome = tasks.outcome_of(bpy.context.scene.name)
    assert outcome.state == "failed" and outcome.changed and Path(outcome.log_path).is_file()
    assert settings().takes[0].num_frames == 8
    assert np.ptp(played_vertices(head_object, 1 + np.arange(8)), axis=0).max() > 1e-3  # metres


def test_a_deleted_head_is_said_and_the_take_kept(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    job = advance_to_hold(task)
    bpy.data.objects.remove(head_object)
    job.go_on()
    outcome = tasks.run_to_end(task)
    assert outcome.state == "failed" and "The head Head was deleted" in outcome.text
    assert settings().takes[0].num_frames == NUM_FRAMES


def test_a_deleted_scene_is_said_and_the_take_kept(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    job = advance_to_hold(task)
    other = bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(bpy.context.scene)
    assert bpy.context.scene == other
    job.go_on()
    outcome = tasks.run_to_end(task)
    assert outcome.state == "failed" and "The scene Scene was deleted" in outcome.text
    (path,) = Path(preferences.takes_folder()).iterdir()
    assert str(path) in outcome.text and len(load_take(path)) == NUM_FRAMES


def test_undo_in_the_middle_of_a_solve_does_no_harm(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    name = head_object.name
    bpy.ops.ed.undo_push(message="before")
    task = begin(video)
    job = advance_to_hold(task)
    bpy.ops.mesh.primitive_cube_add('EXEC_DEFAULT', True)
    bpy.ops.ed.undo()
    assert not bpy.data.actions  # back before the solve began
    job.go_on()
    assert tasks.run_to_end(task).state == "done"
    expected = flame_vertices(tiny_head(), FakeJob.take)
    played = played_vertices(bpy.data.objects[name], 1 + np.arange(NUM_FRAMES))
    assert np.abs(played - expected).max() < 1e-5  # metres


def test_opening_another_file_keeps_the_frames_so_far(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    job = advance_to_hold(task)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert job.ended and job.closed and not tasks.tasks()
    assert "another file was opened" in task.outcome.text and "first 8 frames are in" in task.outcome.text
    (path,) = Path(preferences.takes_folder()).iterdir()
    assert len(load_take(path)) == 8


def test_a_file_saved_in_the_middle_opens_and_plays(video, head_object, monkeypatch, tmp_path):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    task = begin(video)
    job = advance_to_hold(task)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "middle.blend"))
    job.go_on()
    tasks.run_to_end(task)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "middle.blend"))
    (thing,) = [each for each in bpy.data.objects if is_head(each)]
    assert np.ptp(played_vertices(thing, 1 + np.arange(8)), axis=0).max() > 1e-3  # metres
    assert not tasks.tasks() and bpy.ops.smirk.cancel_task.poll() is False


def test_solves_wait_for_each_other(video, head_object):
    first, second = begin(video), begin(video)
    tasks.run_to_end(second)
    assert first.outcome.state == second.outcome.state == "done"
    assert [item.name for item in settings().takes] == ["codes", "codes_02"]
    assert len(FakeJob.started) == 2


def test_the_solve_that_is_meant_is_cancelled(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    first, second, third = begin(video), begin(video), begin(video)
    job = advance_to_hold(first)
    bpy.ops.smirk.cancel_task(number=second.number)
    assert tasks.tasks() == (first, third) and second.outcome.state == "cancelled"
    job.go_on()
    monkeypatch.setattr(FakeJob, "hold_at", None)
    tasks.run_to_end(third)
    assert [first.outcome.state, third.outcome.state] == ["done", "done"]


def test_switching_the_add_on_off_ends_the_worker(video, head_object, monkeypatch):
    monkeypatch.setattr(FakeJob, "hold_at", 8)
    job = advance_to_hold(begin(video))
    smirk_blender.unregister()
    assert job.ended and job.closed
    smirk_blender.register()


def test_a_strip_says_which_frames_are_solved_and_where_they_land(video, head_object):
    scene = bpy.context.scene
    strip = compat.sequencer_strips(scene).new_movie("face", video, 1, 30)
    names = [("left_handle_offset", "right_handle_offset"), ("frame_offset_start", "frame_offset_end")]
    left, right = names[0] if hasattr(strip, names[0][0]) else names[1]
    setattr(strip, left, 5)
    setattr(strip, right, 3)
    scene.sequence_editor.active_strip = strip
    settings().footage_kind = 'STRIP'
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    options = FakeJob.started[0].arguments["options"]
    assert (options["first_frame"], options["last_frame"]) == (5, NUM_FRAMES - 4)
    assert settings().takes[0].num_frames == NUM_FRAMES - 8
    expected = flame_vertices(tiny_head(), FakeJob.take)[5:-3]
    played = played_vertices(head_object, 35 + np.arange(NUM_FRAMES - 8))
    assert np.abs(played - expected).max() < 1e-5  # metres
    assert (scene.frame_start, scene.frame_end) == (35, 35 + NUM_FRAMES - 9)


def test_a_scene_that_keeps_its_rate_gets_the_take_resampled(video, head_object):
    scene = bpy.context.scene
    settings().bake.timing = 'resample'
    bpy.ops.smirk.choose_footage(filepath=video)
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    assert scene_fps(scene) == 24 and scene.frame_end == np.ceil(NUM_FRAMES / float(FPS) * 24)


def test_steady_crops_are_offered_where_smirk_may_solve_and_reach_the_worker(video, head_object, monkeypatch):
    assert "smooth_crops" not in drawn_text()
    monkeypatch.setattr(solve, "smirk_may_solve", lambda context: True)
    assert "smooth_crops" in drawn_text()
    settings().smooth_crops = True
    assert begin(video)._request.options["smooth_crops"] is True


def test_what_is_missing_is_said_before_anything_starts(video, tmp_path):
    with pytest.raises(RuntimeError, match="Choose the video of an actor"):
        bpy.ops.smirk.solve()
    with pytest.raises(RuntimeError, match="No file at .*none.mp4"):
        bpy.ops.smirk.choose_footage(filepath=str(tmp_path / "none.mp4"))
    settings().footage_kind = 'STRIP'
    with pytest.raises(RuntimeError, match="Select a movie or image strip"):
        bpy.ops.smirk.solve()
    settings().footage_kind = 'CLIP'
    with pytest.raises(RuntimeError, match="Choose a movie clip"):
        bpy.ops.smirk.solve()
    assert not FakeJob.started


def test_the_head_is_chosen_where_there_are_several(video, tmp_path):
    for _ in range(2):
        bpy.ops.smirk.import_flame(filepath=str(tmp_path / "tiny.npz"))
    bpy.ops.smirk.choose_footage(filepath=video)
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Select the head"):
        bpy.ops.smirk.solve()
    bpy.context.view_layer.objects.active = bpy.data.objects["Head Rig"]
    assert bpy.ops.smirk.solve() == {'FINISHED'}
    assert bpy.data.objects["Head"].data.shape_keys.animation_data is not None
