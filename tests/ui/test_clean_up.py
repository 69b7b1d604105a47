"""The Clean-up panel: settings that are the take's, and what the head plays after a change."""

import json
import os
from dataclasses import replace

import bpy
import numpy as np
import pytest

pytest.importorskip("scipy", reason="no SciPy beside this Blender, which cleaning needs")

from smirk_blender.clean.chain import cleaned
from smirk_blender.rig import compat
from smirk_blender.rig.memory import CLEAN_UP
from smirk_blender.take import CleanUp, load_take, save_take
from smirk_blender.take.clean_up import Identity, Neutral, Smoothing, Timing
from smirk_blender.take.take import no_landmarks
from smirk_blender.ui import tasks
from smirk_blender.ui.clean_steps import kept
from smirk_blender.ui.playing import head_of_take, playing
from smirk_blender.ui.properties import SMIRK_PG_take
from tests.builders import make_take, shaking_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices
from tests.ui.fake_layout import drawn_text

NUM_FRAMES = 40
EXACT_M = 1e-5
SMOOTH = CleanUp(smoothing=Smoothing(expression=1.0, jaw=1.0, lids=1.0, head=0.0, gaze=0.0))


@pytest.fixture
def take():
    return shaking_take(NUM_FRAMES, tiny_head())


@pytest.fixture
def item(tmp_path, take, head_object) -> SMIRK_PG_take:
    """The take, opened and baked as it was solved."""
    kept.forget()
    path = str(save_take(take, tmp_path / "line.take.npz"))
    bpy.ops.smirk.open_take(filepath=path)
    bpy.ops.smirk.bake_take(filepath=path)
    return bpy.context.scene.smirk.active_take()


def error_m(head_object, take, first=1):
    expected = flame_vertices(tiny_head(), take)
    return np.abs(played_vertices(head_object, first + np.arange(len(take))) - expected).max()


def test_every_setting_is_a_property_with_the_same_default(item):
    settings = item.clean_up
    settings.enabled = True
    assert settings.wanted() == CleanUp()
    for clean_up in (SMOOTH, CleanUp(neutral=Neutral("range", 3, 9, 0.25)), CleanUp(timing=Timing(2, 30, 1.3))):
        settings.show(clean_up)
        assert settings.wanted() == clean_up
    settings.show(None)
    assert settings.wanted() is None and not settings.enabled


def test_a_take_as_solved_is_baked_as_solved(item, take, head_object):
    assert not item.clean_up.enabled
    assert error_m(head_object, take) < EXACT_M


def test_a_changed_setting_is_baked_into_the_same_action_and_kept_in_the_file(item, take, head_object):
    action, count = item.action, len(bpy.data.actions)
    item.clean_up.show(SMOOTH)
    assert bpy.ops.smirk.clean_take() == {'FINISHED'}
    wanted = cleaned(take, tiny_head(), SMOOTH)
    assert np.abs(wanted.expression - take.expression).max() > 0.05
    assert error_m(head_object, wanted) < EXACT_M
    assert item.action == action and len(bpy.data.actions) == count
    loaded = load_take(item.path)
    assert loaded.clean_up == SMOOTH
    np.testing.assert_array_equal(loaded.expression, take.expression)  # as solved
    assert json.loads(action[CLEAN_UP]) == SMOOTH.facts()
    item.clean_up.enabled = False
    bpy.ops.smirk.clean_take()
    assert error_m(head_object, take) < EXACT_M
    assert load_take(item.path).clean_up is None


def test_the_settings_come_with_the_file(item, tmp_path, take):
    save_take(make_take(NUM_FRAMES, tiny_head(), clean_up=SMOOTH), tmp_path / "other.take.npz")
    bpy.ops.smirk.open_take(filepath=str(tmp_path / "other.take.npz"))
    assert bpy.context.scene.smirk.active_take().clean_up.wanted() == SMOOTH


def test_baking_an_opened_take_bakes_it_cleaned(item, take, head_object):
    item.clean_up.show(SMOOTH)
    bpy.ops.smirk.bake_take()
    assert error_m(head_object, cleaned(take, tiny_head(), SMOOTH)) < EXACT_M
    assert load_take(item.path).clean_up == SMOOTH


def test_trimming_leaves_what_stays_where_it_was(item, take, head_object):
    item.clean_up.show(CleanUp(smoothing=Smoothing(enabled=False), timing=Timing(5, 20)))
    bpy.ops.smirk.clean_take()
    wanted = cleaned(take, tiny_head(), item.clean_up.wanted())
    assert len(wanted) == 16
    assert error_m(head_object, wanted, first=6) < EXACT_M
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == (6, 21)
    bpy.context.scene.frame_set(8)
    assert item.video_frame_at(bpy.context.scene.frame_current_final) == 7


def test_frames_at_the_playhead_are_the_neutral_and_the_ends(item):
    item.clean_up.show(CleanUp())
    bpy.context.scene.frame_set(12)
    assert bpy.ops.smirk.set_neutral() == {'FINISHED'}
    assert item.clean_up.wanted().neutral == Neutral("range", 11, 11)
    bpy.ops.smirk.trim_here(end='FIRST')
    bpy.context.scene.frame_set(30)
    bpy.ops.smirk.trim_here(end='LAST')
    assert item.clean_up.wanted().timing == Timing(11, 29)
    bpy.ops.smirk.reset_clean_up()
    assert item.clean_up.wanted() == CleanUp()


def test_compare_plays_the_take_as_solved_and_as_cleaned_in_turn(item, take, head_object):
    item.clean_up.show(SMOOTH)
    bpy.ops.smirk.clean_take()
    wanted = cleaned(take, tiny_head(), SMOOTH)
    for _ in range(2):
        bpy.ops.smirk.compare_take()
        assert playing(bpy.context.scene, item) == "solved" and error_m(head_object, take) < EXACT_M
        bpy.ops.smirk.compare_take()
        assert playing(bpy.context.scene, item) == "cleaned" and error_m(head_object, wanted) < EXACT_M
    names = {action.name for action in bpy.data.actions}
    assert f"{item.action.name} as solved" in names
    bpy.ops.smirk.compare_take()
    bpy.ops.smirk.clean_take()  # a change shows what it changed
    assert playing(bpy.context.scene, item) == "cleaned" and error_m(head_object, wanted) < EXACT_M


def test_a_profile_of_one_take_gives_another_its_neutral(item, take, tmp_path, head_object):
    path = str(tmp_path / "actor.actor.json")
    item.clean_up.show(CleanUp(neutral=Neutral("range", 3, 3)))
    bpy.ops.smirk.save_profile(filepath=path)
    still = Smoothing(enabled=False)
    item.clean_up.show(CleanUp(smoothing=still))
    assert bpy.ops.smirk.load_profile(filepath=path) == {'FINISHED'}
    assert item.clean_up.wanted() == CleanUp(
        smoothing=still, identity=Identity("profile", path), neutral=Neutral("profile")
    )
    bpy.ops.smirk.clean_take()
    by_hand = cleaned(take, tiny_head(), CleanUp(smoothing=still, neutral=Neutral("range", 3, 3)))
    assert error_m(head_object, by_hand) < 1e-4  # metres; a profile is text


def test_what_is_missing_is_said_and_the_head_stays(item, take, head_object):
    item.clean_up.show(CleanUp(timing=Timing(500, 600)))
    with pytest.raises(RuntimeError, match="Frames 500 to 600 of made_up.mp4 are none of this take"):
        bpy.ops.smirk.clean_take()
    assert error_m(head_object, take) < EXACT_M


def test_an_action_that_was_deleted_is_named(item):
    bpy.data.actions.remove(item.action)
    assert item.action is None
    assert not bpy.ops.smirk.clean_take.poll()


def test_changes_are_not_followed_without_a_window(item):
    item.clean_up.gains_jaw = 2.0
    assert not tasks.tasks()


def test_changes_one_after_the_other_are_one_task(item, monkeypatch, take, head_object):
    monkeypatch.setattr("smirk_blender.ui.clean_follow.seen_by_nobody", lambda: False)
    item.clean_up.show(SMOOTH)
    item.clean_up.smoothing_jaw = 0.75
    item.clean_up.smoothing_jaw = 0.5
    assert len(tasks.tasks()) == 1
    tasks.run_to_end(tasks.tasks()[0])
    assert error_m(head_object, cleaned(take, tiny_head(), item.clean_up.wanted())) < EXACT_M
    for task in tasks.tasks():
        tasks.run_to_end(task)
    bpy.context.scene.smirk.clean_live = False
    item.clean_up.smoothing_jaw = 0.25
    assert not tasks.tasks()


def test_a_take_without_landmarks_says_why_it_cannot_be_refined(item, take, tmp_path):
    assert "holds no landmarks" not in drawn_text() and bpy.ops.smirk.refine_take.poll()
    save_take(replace(take, landmarks=no_landmarks(len(take))), tmp_path / "blind.take.npz")
    bpy.ops.smirk.open_take(filepath=str(tmp_path / "blind.take.npz"))
    assert "holds no landmarks" in drawn_text() and not bpy.ops.smirk.refine_take.poll()


def test_a_trimmed_take_stays_in_step_in_its_shot_too(item):
    item.clean_up.show(CleanUp(smoothing=Smoothing(enabled=False), timing=Timing(5, 20)))
    bpy.ops.smirk.bake_take(shot='ORTHO')
    frames = [tuple(fcurve.range()) for fcurve in compat.fcurves(item.action) if len(fcurve.keyframe_points) > 1]
    assert set(frames) == {(6.0, 21.0)}


def test_settings_that_cannot_be_written_into_the_file_are_said_and_the_bake_stands(item, take, head_object):
    kept.load(item.path)
    os.remove(item.path)
    os.mkdir(item.path)
    assert ". The settings of its clean-up are in the .blend alone: " in kept.try_to_save(item.path, SMOOTH)


def test_of_two_heads_alike_the_one_that_plays_the_take_is_cleaned(item, take, head_object):
    copy = head_object.copy()
    copy.data = head_object.data.copy()
    copy.data.shape_keys.animation_data_clear()
    copy.name = "A copy, before it by name"
    bpy.context.scene.collection.objects.link(copy)
    assert head_of_take(bpy.context.scene, item) == head_object


def test_landmarks_of_long_takes_are_not_kept(item, monkeypatch):
    assert np.isfinite(kept.load(item.path).landmarks).all()
    kept.forget()
    monkeypatch.setattr("smirk_blender.ui.clean_steps.LONG_TAKE", NUM_FRAMES - 1)
    assert np.isnan(kept.load(item.path).landmarks).all()
