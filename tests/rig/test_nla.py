"""Baked actions as NLA strips."""

import numpy as np
import pytest

from smirk_blender.retarget.selection import EXPRESSION, EYELIDS, GAZE, HEAD, JAW
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.actions import play_action
from smirk_blender.rig.nla import push_down
from tests.builders import make_take, tiny_head
from tests.rig.scenes import evaluated_points, flame_vertices, go_to, played_vertices

SAME_M = 1e-6  # metres, of every vertex at every frame


def world_vertices(scene, head_object, scene_frames):
    played = []
    for scene_frame in scene_frames:
        go_to(scene, scene_frame)
        played.append(evaluated_points(head_object))
    return np.array(played)


@pytest.mark.parametrize("armature", [True, False], ids=["armature", "keys"])
@pytest.mark.parametrize("start", [1, 37, -5])
@pytest.mark.parametrize("num_frames", [12, 1])
def test_strips_play_what_the_action_played(empty_scene, armature, start, num_frames):
    head = tiny_head()
    head_object, take = build_head(head, armature=armature), make_take(num_frames, head)
    action = bake_take(head_object, head, take, scene_frame_start=start)
    scene_frames = start + np.arange(-2, num_frames + 3)  # what is held before and after, too
    bound = world_vertices(empty_scene, head_object, scene_frames)
    strips = push_down(head_object, action)
    np.testing.assert_allclose(world_vertices(empty_scene, head_object, scene_frames), bound, atol=SAME_M)
    assert len(strips) == 2 and {strip.frame_start for strip in strips} == {start}
    shape_keys, rig = head_object.data.shape_keys, head_object.parent or head_object
    for datablock in (shape_keys, rig):
        assert datablock.animation_data.action is None
        (track,) = datablock.animation_data.nla_tracks
        assert track.name.startswith("made_up") and len(track.strips) == 1


def test_a_second_take_is_laid_over_the_first_from_its_start_on(empty_scene):
    head = tiny_head()
    head_object = build_head(head)
    first, second = make_take(10, head, seed=1), make_take(10, head, seed=2)
    push_down(head_object, bake_take(head_object, head, first))
    push_down(head_object, bake_take(head_object, head, second, scene_frame_start=31, identity="keep"))
    expected = flame_vertices(head, first)
    np.testing.assert_allclose(played_vertices(head_object, np.arange(1, 11)), expected, atol=1e-5)  # metres
    bound = world_vertices(empty_scene, head_object, np.arange(31, 41))
    again = build_head(head)
    bake_take(again, head, make_take(10, head, seed=2, shape=first.shape), scene_frame_start=31)
    np.testing.assert_allclose(bound, world_vertices(empty_scene, again, np.arange(31, 41)), atol=SAME_M)


def test_takes_of_different_parts_play_together(empty_scene):
    head = tiny_head()
    head_object, take = build_head(head), make_take(10, head)
    push_down(head_object, bake_take(head_object, head, take, parts={EXPRESSION, EYELIDS}))
    push_down(head_object, bake_take(head_object, head, take, parts={JAW, GAZE, HEAD}))
    whole = build_head(head)
    bake_take(whole, head, take)
    go_to(empty_scene, 7)
    keys = [key.value for key in head_object.data.shape_keys.key_blocks]
    expected = [key.value for key in whole.data.shape_keys.key_blocks]
    np.testing.assert_allclose(keys, expected, atol=1e-6)


def test_a_datablock_without_curves_gets_no_track():
    head = tiny_head()
    head_object, take = build_head(head), make_take(10, head)
    strips = push_down(head_object, bake_take(head_object, head, take, parts={EYELIDS}))
    assert len(strips) == 1 and not head_object.parent.animation_data.nla_tracks


@pytest.mark.parametrize(("start", "num_frames"), [(1, 30), (41, 5), (-60, 8)])
def test_an_action_that_is_baked_anew_plays_on_by_its_strips(empty_scene, start, num_frames):
    head = tiny_head()
    head_object, take = build_head(head), make_take(20, head)
    action = bake_take(head_object, head, take)
    for strip in push_down(head_object, action):
        strip.frame_start, strip.frame_end = 101, 120
    other = make_take(num_frames, head, seed=1, shape=take.shape)
    bake_take(head_object, head, other, scene_frame_start=start, action=action)
    for datablock in (head_object.data.shape_keys, head_object.parent):
        assert datablock.animation_data.action is None  # bound, it would play over all strips
    played = played_vertices(head_object, 100 + start + np.arange(num_frames))
    np.testing.assert_allclose(played, flame_vertices(head, other), atol=1e-5)  # metres
    play_action(head_object, bake_take(head_object, head, take))
    play_action(head_object, action)
    assert head_object.data.shape_keys.animation_data.action is None


def test_a_strip_that_the_user_cut_stays_cut(empty_scene):
    head = tiny_head()
    head_object, take = build_head(head), make_take(20, head)
    action = bake_take(head_object, head, take)
    for strip in push_down(head_object, action):
        strip.action_frame_start, strip.action_frame_end = 5, 9
    bake_take(head_object, head, make_take(30, head, shape=take.shape), action=action)
    (track,) = head_object.data.shape_keys.animation_data.nla_tracks
    assert (track.strips[0].action_frame_start, track.strips[0].action_frame_end) == (5, 9)
