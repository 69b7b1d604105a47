"""Characters that files really hold: broken ones, renamed ones, with names and keys of every kind."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.character import BoneCurves, Retargeted
from smirk_blender.retarget.profile import KeySettings, RetargetProfile, Route
from smirk_blender.rig.character import read_character
from smirk_blender.rig.drawable import drawable_of
from smirk_blender.rig.retarget_actions import bake_retargeted, remove_retargeted, retargeted_action
from tests.rig.characters import KEY_NAMES, add_character, add_rig
from tests.rig.retargeting import (
    FRAMES,
    MODES,
    SCENE_FRAMES,
    jaw_curves,
    key_by_hand,
    retargeted,
    shown_bone,
    shown_weights,
    turning,
)
from tests.rig.scenes import go_to

JAW = RetargetProfile(jaw=Route("bone", "Rig", "jaw"))


@pytest.mark.parametrize("read", [read_character, lambda face: drawable_of(bpy.context, face)])
def test_vertices_that_are_nowhere_are_refused(read):
    face = add_character()
    for points in (face.data.vertices, face.data.shape_keys.key_blocks["Basis"].points):
        points[3].co.x = float("nan")
    with pytest.raises(RetargetError, match="Face.*not a number"):
        read(face)


def test_a_key_that_sends_vertices_nowhere_is_refused():
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].points[3].co.x = float("nan")
    with pytest.raises(RetargetError, match="Face.*jawOpen.*not a number"):
        read_character(face)


@pytest.mark.parametrize("read", [read_character, lambda face: drawable_of(bpy.context, face)])
def test_an_object_that_is_scaled_to_nothing_is_refused(read):
    face = add_character()
    add_rig(face)
    face.scale.x = 0.0
    with pytest.raises(RetargetError, match="Face is scaled to nothing"):
        read(face, JAW) if read is read_character else read(face)


def test_a_rig_that_is_renamed_between_takes_plays_on_and_stands_as_before_afterwards():
    face = add_character()
    rig = add_rig(face)
    rig.pose.bones["jaw"].rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    rig.pose.bones["jaw"].keyframe_insert("rotation_quaternion", frame=1)
    own, posed = rig.animation_data.action, shown_bone(rig)
    bake_retargeted(face, retargeted(bones=[jaw_curves()]), SCENE_FRAMES, action_name="line")
    rig.name = "Other"
    curves = jaw_curves(owner="Other")
    action = bake_retargeted(face, retargeted(bones=[curves]), SCENE_FRAMES, action_name="line")
    assert np.abs(shown_bone(rig) - posed).max() > 0.01
    rig.name = "Third"
    remove_retargeted(face, action)
    assert rig.animation_data.action == own
    np.testing.assert_allclose(shown_bone(rig), posed, atol=1e-6)


def test_a_renamed_rig_without_keys_stands_as_before_afterwards():
    face = add_character()
    rig = add_rig(face)
    rig.pose.bones["jaw"].rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    posed = shown_bone(rig)
    action = bake_retargeted(face, retargeted(bones=[jaw_curves()]), SCENE_FRAMES, action_name="line")
    shown_bone(rig)
    rig.name = "Other"
    remove_retargeted(face, action)
    np.testing.assert_allclose(shown_bone(rig), posed, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_key_that_the_take_moves_no_longer_stands_as_before(mode):
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.25
    bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line", mode=mode)
    go_to(bpy.context.scene, SCENE_FRAMES[4])
    bake_retargeted(face, retargeted(key_names=KEY_NAMES[1:]), SCENE_FRAMES, action_name="line", mode=mode)
    np.testing.assert_allclose(shown_weights(face)[:, 0], 0.25, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_bone_that_the_take_moves_no_longer_stands_as_before(mode):
    face = add_character()
    rig = add_rig(face)
    rest = shown_bone(rig)
    head = BoneCurves("Rig", "eye.L", turning(5))
    bake_retargeted(face, retargeted(bones=[jaw_curves(), head]), SCENE_FRAMES, action_name="line", mode=mode)
    go_to(bpy.context.scene, SCENE_FRAMES[4])
    bake_retargeted(face, retargeted(bones=[head]), SCENE_FRAMES, action_name="line", mode=mode)
    np.testing.assert_allclose(shown_bone(rig), rest, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_take_of_one_frame_is_a_pose(mode):
    face = add_character()
    add_rig(face)
    one = retargeted(bones=[jaw_curves()])
    curves = BoneCurves("Rig", "jaw", one.bones[0].rotation[:1], one.bones[0].location[:1])
    take = Retargeted(one.key_names, one.weights[:1], (curves,), one.missed[:1])
    bake_retargeted(face, take, SCENE_FRAMES[:1], action_name="line", mode=mode)
    action = bake_retargeted(face, take, SCENE_FRAMES[:1], action_name="line", mode=mode)
    np.testing.assert_allclose(shown_weights(face), np.tile(take.weights, (FRAMES, 1)), atol=1e-6)
    remove_retargeted(face, action)
    assert bpy.data.actions.get("line") is None


def test_names_of_every_kind_are_written_and_found_again():
    names = ('say "ah"', "back\\slash", "mouth'Smile]", "jawOpen", "JawOpen", "Öffnen ひらく")
    face = add_character('Gesicht "Ü"', names, 0.01 * np.ones((len(names), 50, 3), np.float32))
    rig = add_rig(face, 'Rig "1"')
    rig.data.bones["jaw"].name = 'jaw "b"'
    character = read_character(face, RetargetProfile(jaw=Route("bone", 'Rig "1"', 'jaw "b"')))
    assert character.key_names == names and character.bones[0].skinning is not None
    take = retargeted(key_names=names, bones=[jaw_curves('Rig "1"', 'jaw "b"')])
    action = bake_retargeted(face, take, SCENE_FRAMES, action_name='Zeile "1"')
    np.testing.assert_allclose(shown_weights(face), take.weights, atol=1e-6)
    assert retargeted_action(face, 'Zeile "1"') == action
    remove_retargeted(face, action)
    np.testing.assert_allclose(shown_weights(face), 0.0, atol=1e-6)


def test_two_objects_of_one_mesh_move_alike_and_either_may_be_chosen():
    face = add_character()
    twin = bpy.data.objects.new("Twin", face.data)
    bpy.context.scene.collection.objects.link(twin)
    own = key_by_hand(face)
    first = bake_retargeted(face, retargeted(1), SCENE_FRAMES, action_name="line")
    second = bake_retargeted(twin, retargeted(2), SCENE_FRAMES, action_name="line")
    np.testing.assert_allclose(shown_weights(face), retargeted(2).weights, atol=1e-6)
    for action in {first, second}:
        remove_retargeted(face if action == first else twin, action)
    assert face.data.shape_keys.animation_data.action == own


def test_a_mesh_of_edges_alone_and_loose_vertices_is_read_and_cannot_be_drawn():
    mesh = bpy.data.meshes.new("Wire")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1)], [])
    wire = bpy.data.objects.new("Wire", mesh)
    bpy.context.scene.collection.objects.link(wire)
    wire.shape_key_add(name="Basis")
    wire.shape_key_add(name="jawOpen").points[0].co.z = 1.0
    assert read_character(wire).triangles.shape == (0, 3)
    with pytest.raises(RetargetError, match="Wire has no faces"):
        drawable_of(bpy.context, wire)


def test_a_key_muted_since_the_last_time_stands_as_before_and_is_named():
    face = add_character()
    bake_retargeted(face, retargeted(), SCENE_FRAMES, action_name="line")
    go_to(bpy.context.scene, SCENE_FRAMES[4])
    face.data.shape_keys.key_blocks["jawOpen"].mute = True
    character = read_character(face)
    assert "jawOpen" not in character.key_names and any("jawOpen" in note for note in character.notes)
    bake_retargeted(face, retargeted(key_names=character.key_names), SCENE_FRAMES, action_name="line")
    np.testing.assert_allclose(shown_weights(face)[:, 0], 0.0, atol=1e-6)


def test_keys_that_a_profile_bounds_beyond_their_sliders_keep_to_the_sliders():
    face = add_character()
    profile = replace(RetargetProfile(), keys={"jawOpen": KeySettings(low=-3.0, high=4.0)})
    np.testing.assert_array_equal(read_character(face, profile).key_limits[0], [0.0, 1.0])


@pytest.mark.parametrize("mode", ("strip", "additive"))
def test_what_a_take_adds_to_is_what_stood_before_it(mode):
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.25
    take = retargeted(high=0.5)
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line")
    go_to(bpy.context.scene, SCENE_FRAMES[4])
    bake_retargeted(face, take, SCENE_FRAMES, action_name="line", mode=mode)
    added = 0.25 if mode == "additive" else 0.0
    np.testing.assert_allclose(shown_weights(face)[:, 0], take.weights[:, 0] + added, atol=1e-6)
