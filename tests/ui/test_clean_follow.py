"""What the head plays and the panel says while settings change, takes come and go, and files are changed elsewhere."""

import os
import time

import bpy
import numpy as np
import pytest

pytest.importorskip("scipy", reason="no SciPy beside this Blender, which cleaning needs")

from smirk_blender.clean.chain import cleaned
from smirk_blender.rig import compat
from smirk_blender.rig.nla import push_down
from smirk_blender.take import CleanUp, load_take, save_clean_up, save_take
from smirk_blender.take.clean_up import Neutral, Smoothing, Timing
from smirk_blender.ui import tasks
from smirk_blender.ui.clean_steps import kept
from smirk_blender.ui.clean_task import CleanTask, JudgeTask
from smirk_blender.ui.takes import absolute_path
from tests.builders import shaking_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices
from tests.ui.fake_layout import drawn_text

NUM_FRAMES = 30
EXACT_M = 1e-5
SMOOTH = CleanUp(smoothing=Smoothing(expression=1.0, jaw=1.0, lids=1.0, head=0.0, gaze=0.0))


@pytest.fixture
def take():
    return shaking_take(NUM_FRAMES, tiny_head())


@pytest.fixture
def item(tmp_path, take, head_object, monkeypatch):
    """The take, opened and baked as it was solved, with a window in which somebody looks."""
    kept.forget()
    path = str(save_take(take, tmp_path / "line.take.npz"))
    bpy.ops.smirk.open_take(filepath=path)
    bpy.ops.smirk.bake_take(filepath=path)
    monkeypatch.setattr("smirk_blender.ui.clean_follow.seen_by_nobody", lambda: False)
    return bpy.context.scene.smirk.active_take()


def run_all() -> None:
    while tasks.tasks():
        tasks.run_to_end(tasks.tasks()[-1])


def another_take(tmp_path, take):
    """Open and bake a second take, which the head plays from then on."""
    path = str(save_take(take, tmp_path / "other.take.npz"))
    bpy.ops.smirk.open_take(filepath=path)
    bpy.ops.smirk.bake_take(filepath=path)
    run_all()
    return bpy.context.scene.smirk.active_take()


def error_m(head_object, take, first=1):
    return np.abs(played_vertices(head_object, first + np.arange(len(take))) - flame_vertices(tiny_head(), take)).max()


def played(head_object):
    animation = head_object.data.shape_keys.animation_data
    return animation.action if animation is not None else None


def test_what_was_found_is_said_after_the_first_bake(item):
    bpy.ops.smirk.bake_take()
    assert isinstance(tasks.tasks()[-1], JudgeTask)  # behind the bake, which it does not delay
    assert "Looking at the take" in drawn_text() and "Jitter where still" not in drawn_text()
    run_all()
    assert "Jitter where still" in drawn_text()
    assert tasks.outcome_of(bpy.context.scene.name).text.startswith("Baked 30 frames")


def test_looking_at_a_take_gives_way_to_cleaning_it(item, take, head_object):
    item.clean_up.show(SMOOTH)
    judge = tasks.start(JudgeTask(bpy.context.scene, absolute_path(item)))
    tasks._advance()
    item.clean_up.smoothing_jaw = 0.5
    tasks.run_to_end(judge)
    assert item.quality == ""
    assert [type(task) for task in tasks.tasks()] == [CleanTask, JudgeTask]
    run_all()
    assert "->" in item.quality
    assert error_m(head_object, cleaned(take, tiny_head(), item.clean_up.wanted())) < EXACT_M


def test_a_change_that_undo_takes_back_while_it_is_baked_is_not_what_the_head_plays(item, take, head_object):
    item.clean_up.show(SMOOTH)
    task = tasks.start(CleanTask(bpy.context.scene, absolute_path(item)))
    for _ in range(3):
        tasks._advance()
    item.clean_up.show(CleanUp(smoothing=Smoothing(enabled=False)))  # as undo does: nobody is told
    tasks.run_to_end(task)
    assert error_m(head_object, cleaned(take, tiny_head(), item.clean_up.wanted())) < EXACT_M


def test_a_slider_that_is_dragged_is_followed(item, monkeypatch):
    monkeypatch.setattr("smirk_blender.ui.clean_task.FOLLOW_S", 0.1)
    item.clean_up.show(SMOOTH)
    task = CleanTask(bpy.context.scene, absolute_path(item))
    assert not task._is_settled()
    until_s = time.monotonic() + 1.0
    while not task._is_settled() and time.monotonic() < until_s:
        task.touch()
    assert task._is_settled()
    monkeypatch.setattr("smirk_blender.ui.clean_task.cleans_here", lambda: False)
    task.touch()
    assert not task._is_settled()  # a process is started where the slider rests


def test_a_change_of_a_take_that_the_head_does_not_play_leaves_it_playing_the_other(item, take, tmp_path, head_object):
    path, scene = absolute_path(item), bpy.context.scene
    other = another_take(tmp_path, take)
    scene.smirk.take_index = 0
    assert "The head plays another action" in drawn_text() and "Play This Take" in drawn_text()
    first = scene.smirk.takes[0]
    first.clean_up.enabled = True
    first.clean_up.smoothing_jaw = 1.0
    run_all()
    assert played(head_object) == other.action != first.action
    assert load_take(path).clean_up == first.clean_up.wanted()
    assert error_m(head_object, take) < EXACT_M
    bpy.ops.smirk.compare_take()
    assert played(head_object) == first.action and "The head plays it cleaned" in drawn_text()
    assert error_m(head_object, cleaned(take, tiny_head(), first.clean_up.wanted())) < EXACT_M


def test_a_take_in_strips_is_cleaned_in_its_strips(item, take, head_object):
    push_down(head_object, item.action)
    assert "Played from NLA strips" in drawn_text()
    item.clean_up.enabled = True
    item.clean_up.smoothing_expression = 1.0
    run_all()
    assert played(head_object) is None  # bound, it would play over its own strips
    assert error_m(head_object, cleaned(take, tiny_head(), item.clean_up.wanted())) < EXACT_M
    bpy.ops.smirk.clean_take()
    assert played(head_object) is None
    tracks = len(head_object.data.shape_keys.animation_data.nla_tracks)
    bpy.ops.smirk.compare_take()
    assert error_m(head_object, take) < EXACT_M
    bpy.ops.smirk.compare_take()
    assert played(head_object) is None
    assert len(head_object.data.shape_keys.animation_data.nla_tracks) == tracks
    assert error_m(head_object, cleaned(take, tiny_head(), item.clean_up.wanted())) < EXACT_M


def test_a_frame_range_of_the_users_own_stays(item):
    scene = bpy.context.scene
    item.clean_up.enabled = True
    item.clean_up.timing_last_frame = 19
    run_all()
    assert (scene.frame_start, scene.frame_end) == (1, 20)
    scene.frame_end = 12
    item.clean_up.smoothing_jaw = 1.0
    run_all()
    bpy.ops.smirk.compare_take()
    assert (scene.frame_start, scene.frame_end) == (1, 12)


def test_a_take_that_is_taken_off_the_list_meanwhile_is_no_failure(item):
    item.clean_up.enabled = True
    task = tasks.tasks()[0]
    tasks._advance()
    bpy.ops.smirk.remove_take()
    run_all()
    assert task.outcome.state == "cancelled" and "taken off the list" in task.outcome.text


def test_a_head_that_was_deleted_is_named_in_the_panel(item, head_object):
    bpy.data.objects.remove(head_object)
    assert "Its head was deleted" in drawn_text()
    item.clean_up.enabled = True
    run_all()
    assert "was deleted. Add or select another" in drawn_text()


def test_what_goes_wrong_is_said_in_the_panel_until_it_is_right(item):
    item.clean_up.show(CleanUp(timing=Timing(500, 600)))
    item.clean_up.smoothing_jaw = 0.75
    run_all()
    assert "Frames 500 to 600 of made_up.mp4 are none of this take" in drawn_text()
    assert "Changed since it was baked" in drawn_text()
    item.clean_up.timing_first_frame, item.clean_up.timing_last_frame = 0, -1
    run_all()
    assert "are none of this take" not in drawn_text() and "Changed since" not in drawn_text()


def test_a_setting_that_is_put_right_while_the_wrong_one_fails_is_baked(item, take, head_object):
    item.clean_up.show(CleanUp(timing=Timing(500, 600)))
    task = tasks.start(CleanTask(bpy.context.scene, absolute_path(item)))
    tasks._advance()
    item.clean_up.timing_first_frame, item.clean_up.timing_last_frame = 0, -1
    tasks.run_to_end(task)
    assert task.outcome.state == "done" and item.trouble == ""
    assert error_m(head_object, cleaned(take, tiny_head(), CleanUp())) < EXACT_M


def test_cleaning_shows_in_its_own_panel_and_leaves_the_others_where_they_are(item):
    before = tasks.outcome_of(bpy.context.scene.name).text
    item.clean_up.enabled = True
    assert "Waiting ..." in drawn_text() and "Solve Another" not in drawn_text() and before in drawn_text()
    run_all()
    assert tasks.outcome_of(bpy.context.scene.name).text == before


def test_the_same_take_in_two_scenes_is_cleaned_in_the_one_where_it_was_changed(item):
    first = bpy.context.scene
    bpy.ops.scene.new(type='FULL_COPY')
    copies = [scene.smirk.takes[0] for scene in (first, bpy.context.scene)]
    assert first != bpy.context.scene
    for copy in copies:
        copy.clean_up.enabled = True
    assert [task.scene_name for task in tasks.tasks()] == [first.name, bpy.context.scene.name]
    run_all()


def test_switched_off_settings_are_not_baked_again(item):
    item.clean_up.smoothing_jaw = 0.9
    assert not tasks.tasks()


def test_a_copy_has_the_clean_up_that_is_not_baked_yet(item, tmp_path):
    bpy.context.scene.smirk.clean_live = False
    item.clean_up.enabled = True
    item.clean_up.smoothing_jaw = 0.9
    wanted = item.clean_up.wanted()
    bpy.ops.smirk.save_take_as(filepath=str(tmp_path / "copy.take.npz"))
    assert bpy.context.scene.smirk.active_take().clean_up.wanted() == wanted
    assert load_take(tmp_path / "copy.take.npz").clean_up == wanted
    assert load_take(tmp_path / "line.take.npz").clean_up is None


@pytest.mark.parametrize("keep", ["FILE", "BLEND"])
def test_a_file_that_was_changed_after_the_blend_was_saved_is_told(item, take, tmp_path, head_object, keep):
    path, blend = absolute_path(item), str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    save_clean_up(path, SMOOTH)
    later_s = os.stat(blend).st_mtime + 10
    os.utime(path, (later_s, later_s))
    bpy.ops.wm.open_mainfile(filepath=blend)
    item = bpy.context.scene.smirk.active_take()
    assert not item.clean_up.enabled and "The take's file got another" in drawn_text()
    assert bpy.ops.smirk.settle_clean_up(keep=keep) == {'FINISHED'}
    run_all()
    wanted = SMOOTH if keep == 'FILE' else None
    assert item.clean_up.wanted() == load_take(path).clean_up == wanted
    assert "file got another" not in drawn_text()
    head_object = next(thing for thing in bpy.context.scene.objects if thing.type == 'MESH')
    assert error_m(head_object, cleaned(take, tiny_head(), wanted)) < EXACT_M


def test_a_file_that_is_older_than_the_blend_gives_way_to_it(item, tmp_path):
    path, blend = absolute_path(item), str(tmp_path / "shot.blend")
    save_clean_up(path, SMOOTH)
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    earlier_s = os.stat(blend).st_mtime - 10
    os.utime(path, (earlier_s, earlier_s))
    bpy.ops.wm.open_mainfile(filepath=blend)
    assert "file got another" not in drawn_text()


def test_a_neutral_that_is_no_rest_is_warned_of(item, monkeypatch):
    item.clean_up.show(CleanUp(neutral=Neutral("auto")))
    bpy.ops.smirk.bake_take()
    run_all()
    assert item.neutral_found.startswith("about frame ")
    monkeypatch.setattr("smirk_blender.clean.judge.shows_rest", lambda take, rows: False)
    bpy.ops.smirk.bake_take()
    run_all()
    assert not item.rests and "The face rests nowhere in this take" in drawn_text()


def test_an_action_that_was_cut_short_is_known_to_be(item):
    item.clean_up.show(SMOOTH)
    task = tasks.start(CleanTask(bpy.context.scene, absolute_path(item)))
    while "Changed since" not in drawn_text() or item.action.get("smirk_clean_up") is not None:
        tasks._advance()
        if item.action.get("smirk_clean_up") is None:
            break
    tasks.cancel(task)
    run_all()
    assert task.outcome.state == "cancelled" and "Changed since it was baked" in drawn_text()
    assert all(len(compat.read_fcurve(curve)[0]) for curve in compat.fcurves(item.action))
