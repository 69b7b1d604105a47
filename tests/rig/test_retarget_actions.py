"""Retargeted takes on characters, as actions, strips and layers."""

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.character import BoneCurves, Retargeted
from smirk_blender.rig import compat
from smirk_blender.rig.retarget_actions import bake_retargeted, notes_of, remove_retargeted
from tests.rig.characters import KEY_NAMES, add_character, add_rig, ball, key_moves
from tests.rig.retargeting import (
    FRAMES,
    MODES,
    SAME,
    SCENE_FRAMES,
    expected_bone,
    jaw_curves,
    key_by_hand,
    retargeted,
    shown_bone,
    shown_weights,
    turning,
)
from tests.rig.scenes import actions_content, evaluated_points, go_to, played_vertices


def test_the_keys_play_what_was_retargeted():
    face, take = add_character(), retargeted()
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    assert action.name == "line" and action.use_fake_user
    np.testing.assert_allclose(shown_weights(face), take.weights, atol=1e-6)
    expected = ball()[0] + np.einsum("tk,kvc->tvc", take.weights, key_moves())
    np.testing.assert_allclose(played_vertices(face, SCENE_FRAMES), expected, atol=SAME)


def test_no_key_is_written_beyond_its_slider():
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.5
    take = retargeted(low=-1.0, high=2.0)
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    content = actions_content(action)
    for name, high, weights in zip(KEY_NAMES, (0.5, 1, 1, 1), take.weights.T):
        written = content[f'key_blocks["{name}"].value', 0][:, 1]
        np.testing.assert_allclose(written, np.clip(weights, 0, high), atol=1e-7)


@pytest.mark.parametrize("mode", ['QUATERNION', 'AXIS_ANGLE', 'XYZ', 'ZYX', 'YZX'])
def test_bones_turn_in_the_mode_that_they_have(mode):
    face = add_character()
    rig = add_rig(face)
    rig.pose.bones["jaw"].rotation_mode = mode
    curves = jaw_curves()
    action = bake_retargeted(face, retargeted(bones=[curves]), SCENE_FRAMES, action_name="line")
    assert rig.pose.bones["jaw"].rotation_mode == mode
    shown, head_at_rest = shown_bone(rig), expected_bone(curves)
    np.testing.assert_allclose(shown, head_at_rest, atol=1e-5)
    assert bool(compat.has_slots()) == (rig.animation_data.action == action)
    for keys in actions_content(rig.animation_data.action).values():
        assert np.abs(np.diff(keys[:, 1])).max() < np.pi  # no jump by a whole turn


def test_a_bone_that_moves_in_its_armature_s_axes_goes_the_same_way():
    face = add_character()
    rig = add_rig(face)
    rig.data.bones["jaw"].use_local_location = False
    curves = jaw_curves()
    bake_retargeted(face, retargeted(bones=[curves]), SCENE_FRAMES, action_name="line")
    np.testing.assert_allclose(shown_bone(rig), expected_bone(curves), atol=1e-5)


@pytest.mark.parametrize("mode", ['QUATERNION', 'XYZ'])
def test_locked_channels_are_left_alone_and_named(mode):
    face = add_character()
    rig = add_rig(face)
    jaw = rig.pose.bones["jaw"]
    jaw.rotation_mode, jaw.lock_rotation, jaw.lock_location = mode, (False, True, True), (True, False, False)
    action = bake_retargeted(face, retargeted(bones=[jaw_curves()]), SCENE_FRAMES, action_name="line")
    content = actions_content(rig.animation_data.action)
    assert (jaw.path_from_id("location"), 0) not in content and (jaw.path_from_id("location"), 1) in content
    assert "jaw has locked channels, which were left alone" in notes_of(action)
    for scene_frame in SCENE_FRAMES:
        go_to(bpy.context.scene, scene_frame)
        turn = jaw.rotation_quaternion.to_euler('XYZ') if mode == 'QUATERNION' else jaw.rotation_euler
        np.testing.assert_allclose(turn[1:], 0, atol=1e-6)


def test_objects_turn_from_how_they_stood_also_when_retargeted_again():
    face = add_character()
    eyes = []
    for name in ("Eye.L", "Eye.R"):
        eye = bpy.data.objects.new(name, None)
        bpy.context.scene.collection.objects.link(eye)
        eye.location, eye.rotation_euler, eye.scale = (0.1, 0.2, 0.3), (0.4, 0.1, 0.2), (2, 2, 2)
        eyes.append(eye)
    eyes[1].rotation_mode, eyes[1].rotation_quaternion = 'QUATERNION', (0.8, 0.6, 0, 0)
    curves = [BoneCurves(eye.name, "", turning(seed), jaw_curves().location) for seed, eye in enumerate(eyes)]
    bpy.context.view_layer.update()
    rest = [np.array(eye.matrix_world) for eye in eyes]
    for _ in range(2):
        bake_retargeted(face, retargeted(bones=curves), SCENE_FRAMES, action_name="line")
        for row, scene_frame in enumerate(SCENE_FRAMES):
            go_to(bpy.context.scene, scene_frame)
            for eye, its_curves, its_rest in zip(eyes, curves, rest):
                expected = its_rest @ expected_bone(its_curves)[row]
                np.testing.assert_allclose(np.array(eye.matrix_world), expected, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_user_s_own_keys_stay_bit_for_bit_and_play_again_afterwards(mode):
    face = add_character()
    rig = add_rig(face)
    own = key_by_hand(face)
    face.data.shape_keys.key_blocks["browInnerUp"].value = 0.4  # without keys
    rig.pose.bones["jaw"].rotation_quaternion = (0.9, 0.1, 0.2, 0.3)
    rig.pose.bones["jaw"].keyframe_insert("rotation_quaternion", frame=1)
    theirs = rig.animation_data.action
    before = actions_content(*{own, theirs})
    values, posed = shown_weights(face), shown_bone(rig)
    actions = set(bpy.data.actions)
    action = bake_retargeted(face, retargeted(bones=[jaw_curves()]), SCENE_FRAMES, action_name="line", mode=mode)
    assert np.abs(shown_weights(face) - values).max() > 0.1
    after = actions_content(*{own, theirs})
    assert before.keys() == after.keys()
    for where, keys in before.items():
        np.testing.assert_array_equal(after[where], keys)
    remove_retargeted(face, action)
    assert set(bpy.data.actions) == actions
    assert face.data.shape_keys.animation_data.action == own and rig.animation_data.action == theirs
    assert len(face.data.shape_keys.animation_data.nla_tracks) == 0 == len(rig.animation_data.nla_tracks)
    np.testing.assert_allclose(shown_weights(face), values, atol=1e-7)
    np.testing.assert_allclose(shown_bone(rig), posed, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_still_character_stands_as_before_when_it_is_removed(mode):
    face = add_character()
    rig = add_rig(face)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.25
    rig.pose.bones["jaw"].rotation_quaternion = (0.8, 0.6, 0, 0)
    action = bake_retargeted(face, retargeted(bones=[jaw_curves()]), SCENE_FRAMES, action_name="line", mode=mode)
    bpy.context.scene.frame_set(9)
    remove_retargeted(face, action)
    np.testing.assert_allclose(shown_weights(face), np.tile([0.25, 0, 0, 0], (FRAMES, 1)), atol=1e-7)
    np.testing.assert_allclose(rig.pose.bones["jaw"].rotation_quaternion, (0.8, 0.6, 0, 0), atol=1e-6)


def test_a_strip_plays_the_take_over_the_user_s_own_action():
    face, take = add_character(), retargeted()
    own = key_by_hand(face)
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line", mode="strip")
    animation = face.data.shape_keys.animation_data
    assert animation.action is None and [track.strips[0].action.name for track in animation.nla_tracks] == [
        own.name,
        "line",
    ]
    np.testing.assert_allclose(shown_weights(face), take.weights, atol=1e-6)
    alone = add_character("Alone")
    key_by_hand(alone)
    before_take = np.arange(1.0, 4.0)
    expected = shown_weights(alone, before_take)[:, 0]
    np.testing.assert_allclose(shown_weights(face, before_take)[:, 0], expected, atol=1e-6)


def test_an_action_of_other_channels_stays_active_under_a_strip():
    face = add_character()
    rig = add_rig(face)
    rig.pose.bones["head"].location = (0, 0, 0.1)
    rig.pose.bones["head"].keyframe_insert("location", frame=1)
    walk, curves = rig.animation_data.action, jaw_curves()
    bake_retargeted(face, retargeted(bones=[curves]), SCENE_FRAMES, action_name="line", mode="strip")
    assert rig.animation_data.action == walk
    go_to(bpy.context.scene, SCENE_FRAMES[4])
    np.testing.assert_allclose(rig.pose.bones["head"].location, (0, 0, 0.1), atol=1e-6)
    np.testing.assert_allclose(rig.pose.bones["jaw"].location, curves.location[4], atol=1e-6)


def test_an_additive_take_adds_to_what_plays_and_to_what_stands():
    face = add_character()
    rig = add_rig(face)
    jaw = rig.pose.bones["jaw"]
    key_by_hand(face)
    face.data.shape_keys.key_blocks["browInnerUp"].value = 0.4
    for scene_frame, angle in ((1, 0.0), (20, 0.6)):
        jaw.rotation_quaternion = Euler((angle, 0, 0)).to_quaternion()
        jaw.location = (0, angle, 0)
        jaw.keyframe_insert("rotation_quaternion", frame=scene_frame)
        jaw.keyframe_insert("location", frame=scene_frame)
    own_values, own_bones = shown_weights(face), shown_bone(rig)
    take, curves = retargeted(high=0.5), jaw_curves()
    take = Retargeted(take.key_names, take.weights, (curves,), take.missed)
    for _ in range(2):  # as well again
        bake_retargeted(face, take, SCENE_FRAMES, action_name="line", mode="additive")
        np.testing.assert_allclose(shown_weights(face), np.clip(own_values + take.weights, 0, 1), atol=1e-6)
        shown = shown_bone(rig)
        np.testing.assert_allclose(shown[:, :3, :3], own_bones[:, :3, :3] @ expected_bone(curves)[:, :3, :3], atol=1e-5)
        np.testing.assert_allclose(shown[:, :3, 3], own_bones[:, :3, 3] + curves.location, atol=1e-5)


def test_an_additive_take_turns_a_posed_bone_and_a_turned_object_further():
    face = add_character()
    rig = add_rig(face)
    eye = bpy.data.objects.new("Eye", None)
    bpy.context.scene.collection.objects.link(eye)
    eye.rotation_euler, eye.location = (0.4, 0.1, 0.2), (1, 2, 3)
    rig.pose.bones["jaw"].rotation_quaternion = (0.8, 0.6, 0, 0)
    curves = [jaw_curves(place=False), BoneCurves("Eye", "", turning(1))]
    own = shown_bone(rig)
    rest = np.array(eye.matrix_world)
    bake_retargeted(face, retargeted(bones=curves), SCENE_FRAMES, action_name="line", mode="additive")
    np.testing.assert_allclose(shown_bone(rig), own @ expected_bone(curves[0]), atol=1e-5)
    go_to(bpy.context.scene, SCENE_FRAMES[7])
    np.testing.assert_allclose(np.array(eye.matrix_world), rest @ expected_bone(curves[1])[7], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_meshes_with_keys_of_the_same_names_move_alike(mode):
    face, teeth, take = add_character(), add_character("Teeth", KEY_NAMES[:1]), retargeted()
    bald = add_character("Bald", key_names=())
    assert bald.data.shape_keys is None
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name="line", others=[teeth], mode=mode)
    np.testing.assert_allclose(shown_weights(teeth), take.weights[:, :1], atol=1e-6)
    remove_retargeted(face, action)
    np.testing.assert_array_equal(shown_weights(teeth), 0)


def test_bones_alone_are_moved_where_there_are_no_keys():
    face = add_character(key_names=())
    rig, curves = add_rig(face), jaw_curves()
    take = Retargeted((), np.empty((FRAMES, 0), np.float32), (curves,), np.zeros(FRAMES, np.float32))
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    assert rig.animation_data.action == action
    np.testing.assert_allclose(shown_bone(rig), expected_bone(curves), atol=1e-5)
    assert bake_retargeted(face, take, SCENE_FRAMES, action_name="line") == action


@pytest.mark.parametrize("matrix", [Matrix.Diagonal((-1, 1, 1, 1)), Matrix.Scale(100, 4)], ids=["mirrored", "100x"])
def test_where_the_character_stands_makes_no_difference_to_what_plays(matrix):
    face, take = add_character(), retargeted()
    face.matrix_world = matrix
    face.modifiers.new("Subdivision", 'SUBSURF').levels = 0
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    go_to(bpy.context.scene, SCENE_FRAMES[3])
    expected = ball()[0] + np.tensordot(take.weights[3], key_moves(), axes=1)
    size = abs(matrix[0][0])
    np.testing.assert_allclose(evaluated_points(face), expected @ np.array(matrix)[:3, :3].T, atol=size * SAME)


def test_what_is_gone_or_in_the_way_is_named_before_anything_is_changed():
    face = add_character()
    add_rig(face)
    bake = lambda take: bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    for take, expected in (
        (retargeted(key_names=["gone"]), "Face has no shape key gone any more"),
        (retargeted(bones=[jaw_curves(name="gone")]), "Rig has no bone gone any more"),
        (retargeted(bones=[jaw_curves(owner="Gone")]), "no object Gone any more"),
        (Retargeted((), np.empty((FRAMES, 0)), (), np.zeros(FRAMES)), "moves no shape key and no bone of Face"),
    ):
        with pytest.raises(RetargetError, match=expected):
            bake(take)
    assert len(bpy.data.actions) == 0


def test_strips_that_are_tweaked_are_not_written_to():
    face = add_character()
    bake = lambda: bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line", mode="strip")
    bake()
    animation = face.data.shape_keys.animation_data
    animation.nla_tracks.active = animation.nla_tracks[0]
    animation.nla_tracks[0].strips[0].select = True
    animation.use_tweak_mode = True
    if not animation.use_tweak_mode:
        pytest.skip("this Blender enters Tweak Mode in a window alone")
    with pytest.raises(RetargetError, match="is being tweaked in the NLA editor"):
        bake()


def test_a_driven_key_is_left_alone_and_named():
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].driver_add("value").driver.expression = "0.5"
    action = bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line")
    assert ('key_blocks["jawOpen"].value', 0) not in actions_content(action)
    assert notes_of(action) == ("jawOpen is moved by a driver, and was left alone",)
