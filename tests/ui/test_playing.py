"""Which version of a take the head plays, with settings that need no package."""

import bpy
import numpy as np
import pytest

from smirk_blender.rig.nla import is_pushed_down, push_down
from smirk_blender.take import CleanUp, load_clean_up, load_take, save_take
from smirk_blender.ui.playing import playing
from tests.builders import make_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices
from tests.ui.fake_layout import drawn_text

NUM_FRAMES = 12
EXACT_M = 1e-5


@pytest.fixture
def item(tmp_path, head_object):
    return opened(tmp_path / "line.take.npz")


def opened(path):
    """Open and bake a take as it was solved."""
    save_take(make_take(NUM_FRAMES, tiny_head()), path)
    bpy.ops.smirk.open_take(filepath=str(path))
    bpy.ops.smirk.bake_take()
    return bpy.context.scene.smirk.active_take()


def error_m(head_object):
    wanted = flame_vertices(tiny_head(), make_take(NUM_FRAMES, tiny_head()))
    return np.abs(played_vertices(head_object, 1 + np.arange(NUM_FRAMES)) - wanted).max()


def test_what_the_head_plays_is_known_and_shown(item, tmp_path, head_object):
    scene = bpy.context.scene
    assert playing(scene, item) == "cleaned" and "The head plays it as solved" in drawn_text()
    bpy.ops.smirk.compare_take()
    assert playing(scene, item) == "solved" and "Show Cleaned" in drawn_text()
    bpy.ops.smirk.compare_take()
    assert playing(scene, item) == "cleaned" and "Show As Solved" in drawn_text()
    other = opened(tmp_path / "other.take.npz")
    assert playing(scene, other) == "cleaned"
    scene.smirk.take_index = 0
    assert playing(scene, scene.smirk.takes[0]) == "other" and "Play This Take" in drawn_text()
    bpy.ops.smirk.compare_take()
    assert playing(scene, scene.smirk.takes[0]) == "cleaned" and error_m(head_object) < EXACT_M
    bpy.data.objects.remove(head_object)
    assert playing(scene, scene.smirk.takes[0]) == "no head" and "Its head was deleted" in drawn_text()


def test_a_take_in_strips_is_baked_again_into_them(item, head_object):
    push_down(head_object, item.action)
    assert playing(bpy.context.scene, item) == "strips" and is_pushed_down(head_object, item.action)
    bpy.ops.smirk.clean_take()
    assert playing(bpy.context.scene, item) == "strips" and error_m(head_object) < EXACT_M
    bpy.ops.smirk.compare_take()
    assert playing(bpy.context.scene, item) == "solved" and error_m(head_object) < EXACT_M
    bpy.ops.smirk.compare_take()
    assert playing(bpy.context.scene, item) == "strips" and error_m(head_object) < EXACT_M


def test_comparing_makes_no_strips(item, head_object):
    bpy.context.scene.smirk.bake.bake_as = 'nla'
    bpy.ops.smirk.bake_take('EXEC_DEFAULT', bake_as='nla')
    tracks = len(head_object.data.shape_keys.animation_data.nla_tracks)
    bpy.ops.smirk.compare_take()
    assert len(head_object.data.shape_keys.animation_data.nla_tracks) == tracks == 1


def test_settings_that_were_never_baked_come_along_into_a_copy(item, tmp_path):
    item.clean_up.show(CleanUp())
    bpy.ops.smirk.save_take_as(filepath=str(tmp_path / "copy.take.npz"))
    assert load_clean_up(tmp_path / "copy.take.npz") == CleanUp()
    assert bpy.context.scene.smirk.active_take().clean_up.wanted() == CleanUp()
    np.testing.assert_array_equal(
        load_take(tmp_path / "copy.take.npz").expression, load_take(tmp_path / "line.take.npz").expression
    )


def test_the_panel_says_that_every_change_takes_seconds_where_a_worker_cleans(item, monkeypatch):
    monkeypatch.setattr("smirk_blender.ui.clean_steps.cleans_here", lambda: False)
    assert "each change takes seconds" in drawn_text()
    monkeypatch.setattr("smirk_blender.ui.clean_steps.cleans_here", lambda: True)
    assert "each change takes seconds" not in drawn_text()
