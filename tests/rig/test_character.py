"""Any mesh read as a character."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.profile import Follower, KeySettings, RetargetProfile, Route
from smirk_blender.rig.character import meshes_with_same_keys, read_character
from tests.rig.characters import KEY_NAMES, add_character, add_rig, ball, key_moves
from tests.rig.scenes import evaluated_points, make_active

SAME = 1e-6  # metres, for a character of a head's size


def test_a_character_is_its_basis_and_what_its_keys_add():
    face = add_character()
    face.data.shape_keys.key_blocks["jawOpen"].slider_min = -0.5
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.3
    character = read_character(face)
    vertices, triangles = ball()
    assert character.name == "Face" and character.key_names == KEY_NAMES
    np.testing.assert_allclose(character.vertices, vertices, atol=SAME)
    np.testing.assert_array_equal(np.sort(character.triangles), np.sort(triangles))
    np.testing.assert_allclose(character.key_offsets, key_moves(), atol=SAME)
    np.testing.assert_array_equal(character.key_limits, [[-0.5, 1], [0, 1], [0, 1], [0, 1]])
    assert character.notes == ("tongueOut of Face moves no vertex",)


def test_keys_relative_to_others_and_masked_by_groups_add_what_blender_shows():
    face = add_character()
    keys = face.data.shape_keys.key_blocks
    keys["mouthSmileLeft"].relative_key = keys["jawOpen"]
    half = face.vertex_groups.new(name="half")
    half.add(list(range(20)), 0.5, 'REPLACE')
    keys["browInnerUp"].vertex_group = "half"
    keys["jawOpen"].vertex_group = "no such group"
    character = read_character(face)
    weights = np.float32([0.3, 0.6, 0.9, 1.0])
    for name, weight in zip(KEY_NAMES, weights):
        keys[name].value = weight
    bpy.context.view_layer.update()
    shown = evaluated_points(face)
    assert np.abs(character.key_offsets[2, 20:]).max() == 0
    np.testing.assert_allclose(
        character.vertices + np.tensordot(weights, character.key_offsets, axes=1), shown, atol=SAME
    )


def test_keys_that_a_take_cannot_move_are_left_out_and_named():
    face = add_character()
    keys = face.data.shape_keys.key_blocks
    keys["jawOpen"].mute = True
    keys["mouthSmileLeft"].driver_add("value").driver.expression = "0.5"
    keys["browInnerUp"].lock_shape = True  # against sculpting, not against animation
    profile = RetargetProfile(keys={"tongueOut": KeySettings(enabled=False), "browInnerUp": KeySettings(high=0.4)})
    character = read_character(face, profile)
    assert character.key_names == ("browInnerUp",)
    np.testing.assert_allclose(character.key_limits, [[0, 0.4]])
    assert character.notes == (
        "jawOpen of Face is muted",
        "mouthSmileLeft of Face is moved by drivers",
        "tongueOut of Face is left out by the retarget profile",
    )


@pytest.mark.parametrize(
    "matrix",
    [
        Matrix.Diagonal((-1, 1, 1, 1)),
        Matrix.Scale(100, 4),
        Matrix.Rotation(2.0, 4, (0.6, 0, 0.8)),
        Matrix.Translation((1, 2, 3)) @ Matrix.Diagonal((0.01, 0.01, 0.02, 1)),
    ],
    ids=["mirrored", "100x", "rotated", "uneven"],
)
def test_where_the_object_stands_makes_no_difference(matrix):
    plain = read_character(add_character())
    face = add_character("Other")
    face.matrix_world = matrix
    character = read_character(face)
    for name in ("vertices", "triangles", "key_offsets", "key_limits"):
        np.testing.assert_array_equal(getattr(character, name), getattr(plain, name))


def test_modifiers_are_not_obeyed_and_a_mirror_is_named():
    face = add_character()
    face.modifiers.new("Subdivision", 'SUBSURF').levels = 1
    face.modifiers.new("Half", 'MIRROR')
    character = read_character(face)
    assert len(character.vertices) == 50
    assert any("modifier Half mirrors: both sides of the face move alike" in note for note in character.notes)


def test_bones_are_read_at_rest_whatever_the_pose_and_the_frame():
    face = add_character(size=2.0)
    rig = add_rig(face)
    rig.matrix_world = Matrix.Translation((1, 0, 2)) @ Matrix.Rotation(0.4, 4, 'X') @ Matrix.Scale(3, 4)
    face.matrix_parent_inverse = Matrix.Rotation(0.2, 4, 'Z')
    face.location = (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    wanted = [("", "jaw"), ("Rig", "eye.L"), ("Rig", "")]
    character = read_character(face, bones=wanted)
    expected = np.array(face.matrix_world.inverted() @ rig.matrix_world)
    jaw = character.bone("Rig", "jaw")
    np.testing.assert_allclose(jaw.matrix, expected @ np.array(rig.data.bones["jaw"].matrix_local), atol=1e-6)
    assert jaw.parent == "head" and character.bone("Rig", "eye.L").skinning is None
    np.testing.assert_allclose(character.bone("Rig", "").matrix, expected, atol=1e-6)
    low = ball()[0][:, 1] < 0
    np.testing.assert_allclose(jaw.skinning, np.where(low, 0.75, 0.0), atol=1e-6)
    rig.pose.bones["jaw"].rotation_quaternion = (0.9, 0.3, 0, 0)
    rig.keyframe_insert("location", frame=1)
    rig.location = (9, 9, 9)
    rig.keyframe_insert("location", frame=20)
    bpy.context.scene.frame_set(15)
    posed = read_character(face, bones=wanted)
    for bone in character.bones:
        np.testing.assert_array_equal(posed.bone(bone.owner, bone.name).matrix, bone.matrix)


def test_a_bone_carries_what_its_children_deform():
    face = add_character()
    add_rig(face)
    (head,) = read_character(face, bones=[("Rig", "head")]).bones
    np.testing.assert_allclose(head.skinning, 1.0, atol=1e-6)


def test_an_object_on_a_bone_is_read_where_it_hangs():
    face = add_character()
    rig = add_rig(face)
    eye = bpy.data.objects.new("Eye", None)
    bpy.context.scene.collection.objects.link(eye)
    eye.parent, eye.parent_type, eye.parent_bone = rig, 'BONE', "eye.L"
    eye.location, eye.rotation_euler, eye.delta_rotation_euler = (0.01, 0.02, 0.03), (0.1, 0.2, 0.3), (0.3, 0.1, 0.2)
    eye.delta_location, eye.delta_scale = (0.1, 0, 0), (1, 2, 1)
    bpy.context.view_layer.update()
    (bone,) = read_character(face, bones=[("Eye", "")]).bones
    np.testing.assert_allclose(bone.matrix, np.array(face.matrix_world.inverted() @ eye.matrix_world), atol=1e-6)


def test_a_profile_s_bones_are_read_and_those_that_lack_are_named():
    face = add_character()
    add_rig(face)
    profile = RetargetProfile(jaw=Route("bone", "Rig", "jaw"), followers=(Follower("Rig", "lip.T.L"),))
    character = read_character(face, profile, bones=[("No Rig", "head")])
    assert [(bone.owner, bone.name) for bone in character.bones] == [("Rig", "jaw")]
    assert "No Rig head, Rig lip.T.L are not there, and not moved" in character.notes


def test_a_mesh_without_keys_is_moved_by_its_bones():
    face = add_character(key_names=())
    add_rig(face)
    character = read_character(face, bones=[("Rig", "jaw")])
    assert character.key_names == () and character.key_offsets.shape == (0, 50, 3) and len(character.bones) == 1
    np.testing.assert_allclose(character.vertices, ball()[0], atol=SAME)


def _without_keys():
    face = add_character("Bald", key_names=())
    face.parent = add_character("Face")
    return face


def _muted():
    face = add_character()
    for key in face.data.shape_keys.key_blocks:
        key.mute = True
    return face


def _absolute():
    face = add_character()
    face.data.shape_keys.use_relative = False
    return face


def _in_edit_mode():
    face = add_character()
    make_active(face, 'EDIT')
    return face


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: None, "No character is chosen"),
        (lambda: bpy.data.objects.new("Empty", None), "Empty is not a mesh"),
        (_without_keys, "Bald has no shape keys.*nothing that a take could move.*such as Face"),
        (lambda: add_character(moves=np.zeros((4, 50, 3))), "None of Face's 4 shape keys .* changes its shape"),
        (_muted, "No shape key of Face can be moved by a take.*are muted"),
        (_absolute, "absolute.*Turn on Relative"),
        (_in_edit_mode, "in Edit Mode.*Leave it with Tab"),
    ],
)
def test_what_cannot_be_a_character_says_why(make, expected):
    with pytest.raises(RetargetError, match=expected):
        read_character(make())


def test_keys_of_zero_effect_are_kept_for_what_follows_their_names():
    face = add_character(moves=np.zeros((4, 50, 3)))
    assert read_character(face, RetargetProfile(by="names")).key_names == KEY_NAMES


def test_meshes_of_a_character_with_keys_of_the_same_names_are_found():
    face, teeth, lashes = add_character(), add_character("Teeth", KEY_NAMES[:1]), add_character("Lashes")
    add_character("Somebody else")
    clothes = add_character("Clothes", ["Key 1"])
    face.shape_key_add(name="Key 1")
    rig = add_rig(face)
    for thing in (teeth, clothes):
        thing.parent = rig
    lashes.parent = face
    assert meshes_with_same_keys(face) == [lashes, teeth]
