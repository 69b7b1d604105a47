"""Identity on keys, in the Basis, and the bones that follow it."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.flame.head import JOINT_NAMES
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.identity import IDENTITY_REMAINDER, apply_identity, update_joints, wear_identity
from tests.builders import make_take, tiny_head
from tests.rig.scenes import bind, bound_actions, flame_vertices, played_vertices

BAR_M = 1e-5  # metres


def bone_starts(head_object):
    bones = head_object.parent.data.bones
    return np.array([bones[name].head_local for name in JOINT_NAMES])


def greatest_error(head_object, head, take):
    played = played_vertices(head_object, 1 + np.arange(len(take)))
    return np.abs(played - flame_vertices(head, take)).max()


def test_a_slider_moved_by_hand_moves_the_bones_on_update():
    head = tiny_head()
    head_object = build_head(head)
    shape = np.zeros(head.num_shape)
    shape[[0, 4]] = 2.5, -1.5
    for index in (0, 4):
        head_object.data.shape_keys.key_blocks[head.shape_names[index]].value = shape[index]
    before, expected = bone_starts(head_object), to_blender(head.joints(shape[None])[0])
    assert np.abs(before - expected).max() > 1e-3
    update_joints(head_object, head)
    np.testing.assert_allclose(bone_starts(head_object), expected, atol=1e-6)  # metres
    take = make_take(4, head, shape=shape)
    bake_take(head_object, head, take, identity="keep")
    assert greatest_error(head_object, head, take) < BAR_M


@pytest.mark.parametrize("num_shape", [0, 3, 14])
def test_an_applied_identity_shows_the_same_and_leaves_its_sliders_at_zero(num_shape):
    head = tiny_head()
    head_object = build_head(head, num_shape=num_shape)
    take = make_take(6, head, shape=np.linspace(-3, 12, 14))
    bake_take(head_object, head, take)
    before = played_vertices(head_object, 1 + np.arange(6))
    apply_identity(head_object, head)
    np.testing.assert_allclose(played_vertices(head_object, 1 + np.arange(6)), before, atol=1e-6)  # metres
    key_blocks = head_object.data.shape_keys.key_blocks
    assert all(key_blocks[name].value == 0 for name in head.shape_names[:num_shape])
    assert IDENTITY_REMAINDER not in key_blocks
    basis = np.array([vertex.co for vertex in head_object.data.vertices])
    expected = to_blender(head.vertices(take.shape[None])[0])
    np.testing.assert_allclose(basis, expected, atol=1e-6)  # metres; what an export without keys has


def test_another_identity_after_an_applied_one_is_exact():
    head = tiny_head()
    head_object = build_head(head, num_shape=3)
    first = make_take(5, head, seed=1)
    bake_take(head_object, head, first, identity="basis")
    assert greatest_error(head_object, head, first) < BAR_M
    second = make_take(5, head, seed=2)
    bake_take(head_object, head, second)
    assert greatest_error(head_object, head, second) < BAR_M
    bake_take(head_object, head, first, identity="basis")
    assert greatest_error(head_object, head, first) < BAR_M


def test_keep_leaves_the_head_whose_it_is():
    head = tiny_head()
    head_object = build_head(head)
    wear_identity(head_object, head, np.full(14, 1.5))
    take = make_take(5, head)
    bake_take(head_object, head, take, identity="keep")
    assert greatest_error(head_object, head, replace(take, shape=np.full(14, 1.5, np.float32))) < BAR_M


def test_a_hand_made_face_moves_its_joints_too():
    head = tiny_head()
    head_object = build_head(head)
    sculpted = np.random.default_rng(4).normal(size=head.template.shape) * 3e-3
    for key_block in head_object.data.shape_keys.key_blocks:
        for point, offset in zip(key_block.data, to_blender(sculpted)):
            point.co = np.array(point.co) + offset
    update_joints(head_object, head)
    expected = to_blender(head.joint_regressor @ (head.template + sculpted))
    np.testing.assert_allclose(bone_starts(head_object), expected, atol=1e-6)  # metres


def test_earlier_actions_play_after_the_identity_went_into_the_basis():
    head = tiny_head()
    head_object = build_head(head)
    first, second = make_take(5, head, seed=1), make_take(5, head, seed=2)
    bake_take(head_object, head, first)
    earlier = bound_actions(head_object)
    bake_take(head_object, head, second, identity="basis")
    bind(head_object, earlier)
    assert greatest_error(head_object, head, replace(first, shape=second.shape)) < BAR_M


def test_a_take_that_uses_more_directions_than_have_keys_adds_them():
    head = tiny_head()
    head_object = build_head(head, num_expression=3)
    few = make_take(5, head, seed=1)
    few.expression[:, 3:] = 0
    bake_take(head_object, head, few)
    assert head.expression_names[3] not in head_object.data.shape_keys.key_blocks
    earlier = bound_actions(head_object)
    many = make_take(5, head, seed=2, shape=few.shape)
    bake_take(head_object, head, many)
    assert greatest_error(head_object, head, many) < BAR_M
    bpy.context.scene.frame_set(3)
    bind(head_object, earlier)
    assert greatest_error(head_object, head, few) < BAR_M
