"""A head as Blender objects."""

from dataclasses import replace

import bmesh
import bpy
import numpy as np
import pytest

from smirk_blender.flame.head import JOINT_NAMES, JOINT_PARENTS
from smirk_blender.rig import build_head, is_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.prepared_head import POSE_NAMES
from smirk_blender.rig.shape_keys import key_points
from tests.builders import tiny_head, tiny_surface
from tests.rig.scenes import make_active, played_vertices, selected_objects


def test_the_mesh_is_the_template_with_z_up_and_the_face_towards_minus_y():
    head = tiny_head()
    head_object = build_head(head)
    points = np.array([vertex.co for vertex in head_object.data.vertices])
    np.testing.assert_array_equal(points, np.stack([head.template[:, 0], -head.template[:, 2], head.template[:, 1]], -1))
    polygons = np.array([list(polygon.vertices) for polygon in head_object.data.polygons])
    np.testing.assert_array_equal(polygons, head.surface.polygons)
    outwards = np.array([polygon.normal.dot(polygon.center) for polygon in head_object.data.polygons])
    assert (outwards > 0).all()


def test_neither_object_is_moved_turned_or_scaled():
    head_object = build_head(tiny_head())
    for thing in (head_object, head_object.parent):
        np.testing.assert_array_equal(np.array(thing.matrix_basis), np.eye(4))
    np.testing.assert_array_equal(np.array(head_object.matrix_parent_inverse), np.eye(4))


def test_bones_start_at_the_joints_and_hang_together_as_flame_says():
    head = tiny_head()
    bones = build_head(head).parent.data.bones
    starts = np.array([bones[name].head_local for name in JOINT_NAMES])
    np.testing.assert_allclose(starts, to_blender(head.joint_template), atol=1e-7)  # metres
    parents = [None if parent < 0 else JOINT_NAMES[parent] for parent in JOINT_PARENTS]
    assert [bones[name].parent and bones[name].parent.name for name in JOINT_NAMES] == parents
    for eye in ("eye_L", "eye_R"):
        direction = (bones[eye].tail_local - bones[eye].head_local).normalized()
        np.testing.assert_allclose(direction, (0, -1, 0), atol=1e-5)


def test_every_bones_x_axis_lies_across_the_face_so_that_turning_about_it_opens_the_jaw():
    armature_object = build_head(tiny_head()).parent
    for name in JOINT_NAMES:
        np.testing.assert_allclose(armature_object.data.bones[name].x_axis, (1, 0, 0), atol=1e-6)


def test_vertex_groups_hold_the_skinning_weights():
    head = tiny_head()
    head_object = build_head(head)
    weights = np.zeros((len(head.template), len(JOINT_NAMES)), np.float32)
    for vertex in head_object.data.vertices:
        for member in vertex.groups:
            weights[vertex.index, JOINT_NAMES.index(head_object.vertex_groups[member.group].name)] = member.weight
    np.testing.assert_array_equal(weights, head.skinning_weights)


def test_shape_keys_are_identity_expression_eyelids_then_pose():
    head = tiny_head()
    key_blocks = build_head(head, num_shape=3).data.shape_keys.key_blocks
    names = ["Basis", *head.shape_names[:3], *head.expression_names, "eyelid_L", "eyelid_R", *POSE_NAMES]
    assert key_blocks.keys() == names and len(POSE_NAMES) == 36 and POSE_NAMES[9] == "pose_jaw_00"
    kinds = [head.shape_directions[..., :3], head.expression_directions, head.eyelid_directions, head.pose_directions]
    offsets = np.stack([key_points(key_block) for key_block in key_blocks[1:]]) - key_points(key_blocks[0])
    expected = to_blender(np.moveaxis(np.concatenate(kinds, axis=-1), -1, 0))
    np.testing.assert_allclose(offsets, expected, atol=1e-7)  # metres
    sliders = [(key.slider_min, key.slider_max) for key in key_blocks[1:]]
    assert sliders == [(-3, 3)] * (3 + head.num_expression) + [(0, 1)] * 2 + [(-2, 1)] * 36


def test_pose_directions_that_move_nothing_get_no_keys():
    some = tiny_head().pose_directions.copy()
    some[..., np.arange(36) != 10] = 0
    for directions, names in ((some, ["pose_jaw_01"]), (np.zeros_like(some), [])):
        key_blocks = build_head(tiny_head(pose_directions=directions)).data.shape_keys.key_blocks
        assert [name for name in key_blocks.keys() if name.startswith("pose_")] == names


def test_a_head_without_eyelids_has_no_eyelid_keys():
    head_object = build_head(tiny_head(eyelid_directions=None))
    assert not [name for name in head_object.data.shape_keys.key_blocks.keys() if "eyelid" in name]


def test_a_new_head_shows_the_template():
    head = tiny_head()
    head_object = build_head(head)
    np.testing.assert_allclose(played_vertices(head_object, np.ones(1))[0], to_blender(head.template), atol=1e-7)  # metres


def test_quads_texture_coordinates_and_materials_come_from_the_surface():
    head = tiny_head()
    rng = np.random.default_rng(1)
    quads = np.array([[0, 8, 9, 1], [1, 9, 10, 2], [2, 10, 11, 3]])
    uv = rng.random((3, 4, 2)).astype(np.float32)
    surface = tiny_surface(quads, rng, uv=uv, material_index=np.array([0, 1, 1]))
    mesh = build_head(replace(head, surface=surface)).data
    np.testing.assert_array_equal([list(polygon.vertices) for polygon in mesh.polygons], quads)
    np.testing.assert_array_equal([corner.vector for corner in mesh.uv_layers[0].uv], uv.reshape(-1, 2))
    assert [polygon.material_index for polygon in mesh.polygons] == [0, 1, 1]
    assert [material.name for material in mesh.materials] == ["Skin", "Eyes"]
    shader = mesh.materials[1].node_tree.nodes["Principled BSDF"]
    np.testing.assert_allclose(shader.inputs["Base Color"].default_value, (0.9, 0.9, 0.9, 1), atol=1e-6)
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.1)


def test_vertex_colours_become_the_base_colour():
    head = tiny_head()
    colors = np.random.default_rng(2).random((len(head.template), 3)).astype(np.float32)
    mesh = build_head(replace(head, surface=replace(head.surface, colors=colors))).data
    stored = np.array([item.color[:3] for item in mesh.color_attributes[0].data])
    np.testing.assert_allclose(stored, colors, atol=1e-6)  # linear
    for material in mesh.materials:
        link = material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].links[0]
        assert link.from_node.layer_name == mesh.color_attributes[0].name


def test_a_head_is_known_from_other_objects():
    head_object = build_head(tiny_head())
    other = bpy.data.objects.new("Ball", bpy.data.meshes.new("Ball"))
    assert [is_head(thing) for thing in (head_object, head_object.parent, other, None)] == [True, False, False, False]


def test_two_heads_live_side_by_side_in_the_collection_they_were_given(empty_scene):
    collection = bpy.data.collections.new("Heads")
    empty_scene.collection.children.link(collection)
    first, second = build_head(tiny_head(0), collection=collection), build_head(tiny_head(1), collection=collection)
    assert set(collection.objects) == {first, first.parent, second, second.parent}
    assert first.data is not second.data and first.parent is not second.parent


def test_building_a_head_leaves_mode_selection_and_active_object_alone(empty_scene):
    before = build_head(tiny_head(0)).parent
    before.select_set(True)
    make_active(before, 'POSE')
    build_head(tiny_head(1))
    assert bpy.context.view_layer.objects.active == before
    assert before.mode == 'POSE'
    assert selected_objects() == [before]


def test_building_a_head_does_not_disturb_a_mesh_that_is_being_edited(empty_scene):
    thing = bpy.data.objects.new("Edited", bpy.data.meshes.new("Edited"))
    empty_scene.collection.objects.link(thing)
    make_active(thing, 'EDIT')
    edited = bmesh.from_edit_mesh(thing.data)
    build_head(tiny_head())
    assert thing.mode == 'EDIT' and edited.is_valid  # leaving the mode and coming back would make another
    assert bpy.context.view_layer.objects.active == thing and bpy.data.scenes[:] == [empty_scene]
