"""Heads that shape keys alone turn, for game engines and other packages."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import HeadError
from smirk_blender.flame.pose_keys import TOLERANCE_M, jaw_grid
from smirk_blender.rig import bake_take, build_head, compat
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.identity import update_joints, wear_identity
from smirk_blender.rig.prepared_head import POSE_NAMES
from tests.builders import make_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices

BAR_M = 3e-4  # metres, of every vertex at every frame
ROUNDING_M = 2e-6  # metres; what a few dozen keys in single precision add


def world_vertices(head_object, scene_frames):
    """Return the vertices in the scene: without an armature the object itself turns and moves."""
    played = played_vertices(head_object, scene_frames).astype(np.float64)
    for points, scene_frame in zip(played, scene_frames):
        bpy.context.scene.frame_set(int(scene_frame))
        matrix = np.array(head_object.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
        points[:] = points @ matrix[:3, :3].T + matrix[:3, 3]
    return played


def greatest_distance(head_object, head, take, translation=0.0):
    offsets = world_vertices(head_object, 1 + np.arange(len(take))) - flame_vertices(head, take) - translation
    return np.linalg.norm(offsets, axis=-1).max()


def test_there_is_nothing_but_a_mesh():
    head_object = build_head(tiny_head(), armature=False)
    assert list(bpy.data.objects) == [head_object] and not bpy.data.armatures
    assert not head_object.modifiers and not head_object.vertex_groups
    assert set(POSE_NAMES) <= set(head_object.data.shape_keys.key_blocks.keys())


def test_the_jaw_is_flames_over_its_range_without_an_expression(any_head, figure):
    poses = jaw_grid()
    still = np.zeros((len(poses), 6), np.float32)
    nothing = dict(
        expression=np.zeros((len(poses), any_head.num_expression)), eyelid=still[:, :2], eye_pose=still,
        head_pose=still[:, :3], neck_pose=still[:, :3],
    )  # fmt: skip
    take = make_take(len(poses), any_head, jaw_pose=poses, **nothing)
    head_object = build_head(any_head, armature=False)
    bake_take(head_object, any_head, take)
    error_m = greatest_distance(head_object, any_head, take)
    corrections = [name for name in head_object.data.shape_keys.key_blocks.keys() if name.startswith("correction")]
    figure(f"{any_head.name}: nine keys of the jaw and {len(corrections)} corrections; greatest error", 1000 * error_m, "mm")
    assert error_m < BAR_M


def test_a_take_that_moves_everything_stays_within_the_tolerance(any_head, figure):
    take = make_take(20, any_head, neck_pose=np.zeros((20, 3)))
    head_object = build_head(any_head, armature=False)
    bake_take(head_object, any_head, take)
    error_m = greatest_distance(head_object, any_head, take)
    corrections = [name for name in head_object.data.shape_keys.key_blocks.keys() if name.startswith("correction")]
    figure(f"{any_head.name}: {len(corrections)} corrections; greatest error", 1000 * error_m, "mm")
    assert error_m < BAR_M + ROUNDING_M
    assert TOLERANCE_M == BAR_M


def test_another_identity_turns_about_its_own_joints():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    take = make_take(6, head, shape=np.full(14, 2.0))
    bake_take(head_object, head, take)
    assert greatest_distance(head_object, head, take) < BAR_M + ROUNDING_M
    wear_identity(head_object, head, np.zeros(14))
    jaw_only = make_take(4, head, shape=np.zeros(14), expression=np.zeros((4, 8)), eyelid=np.zeros((4, 2)))
    bake_take(head_object, head, jaw_only, identity="keep")
    assert greatest_distance(head_object, head, jaw_only) < BAR_M + ROUNDING_M


def test_an_earlier_action_turns_another_identity_about_its_own_root():
    head = tiny_head(pose_directions=np.zeros((50, 3, 36), np.float32))
    head_object = build_head(head, armature=False)
    quiet = dict(expression=np.zeros((6, 8)), eyelid=np.zeros((6, 2)), neck_pose=np.zeros((6, 3)))
    first = make_take(6, head, seed=1, **quiet)
    bake_take(head_object, head, first)
    actions = head_object.data.shape_keys.animation_data.action, head_object.animation_data.action
    second = make_take(6, head, seed=2, **quiet)
    bake_take(head_object, head, second, identity="basis")
    compat.use_action(head_object.data.shape_keys, actions[0])
    compat.use_action(head_object, actions[1])
    assert greatest_distance(head_object, head, replace(first, shape=second.shape)) < 1e-5
    head_object.data.shape_keys.key_blocks[head.shape_names[0]].value = 2.0
    update_joints(head_object, head)
    shape = second.shape + 2.0 * (np.arange(14) == 0)
    assert greatest_distance(head_object, head, replace(first, shape=shape)) < 1e-5


def test_a_scaled_object_turns_about_its_scaled_root():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    head_object.scale = (10, 10, 10)
    take = make_take(5, head)
    bake_take(head_object, head, take, translation=np.full((5, 3), 0.1))
    offsets = world_vertices(head_object, 1 + np.arange(5)) / 10 - flame_vertices(head, take) - to_blender(np.full(3, 0.1))
    assert np.linalg.norm(offsets, axis=-1).max() < BAR_M + ROUNDING_M


def test_a_slider_moved_by_hand_makes_the_pose_keys_anew():
    head = tiny_head(pose_directions=np.zeros((50, 3, 36), np.float32))  # exact without corrections
    head_object = build_head(head, armature=False)
    head_object.data.shape_keys.key_blocks[head.shape_names[0]].value = 2.0
    update_joints(head_object, head)
    quiet = dict(expression=np.zeros((4, 8)), eyelid=np.zeros((4, 2)), neck_pose=np.zeros((4, 3)))
    take = make_take(4, head, shape=[2.0], **quiet)
    bake_take(head_object, head, take, identity="keep")
    assert greatest_distance(head_object, head, take) < 1e-5


def test_a_translation_moves_the_object():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    take = make_take(5, head)
    translation = np.random.default_rng(0).normal(size=(5, 3))
    bake_take(head_object, head, take, translation=translation)
    error_m = greatest_distance(head_object, head, take, to_blender(translation)[:, None])
    assert error_m < BAR_M + ROUNDING_M


def test_earlier_actions_play_without_the_corrections_of_later_ones():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    first, second = make_take(6, head, seed=1), make_take(6, head, seed=2)
    second = replace(second, shape=first.shape)
    bake_take(head_object, head, first)
    actions = head_object.data.shape_keys.animation_data.action, head_object.animation_data.action
    bake_take(head_object, head, second)
    assert greatest_distance(head_object, head, second) < BAR_M + ROUNDING_M
    compat.use_action(head_object.data.shape_keys, actions[0])
    compat.use_action(head_object, actions[1])
    assert greatest_distance(head_object, head, first) < BAR_M + ROUNDING_M


def test_the_same_take_again_needs_no_new_keys():
    head = tiny_head()
    head_object = build_head(head, armature=False)
    take = make_take(6, head)
    bake_take(head_object, head, take)
    before = len(head_object.data.shape_keys.key_blocks)
    bake_take(head_object, head, take)
    assert len(head_object.data.shape_keys.key_blocks) == before
    assert greatest_distance(head_object, head, take) < BAR_M + ROUNDING_M


def test_driving_pose_keys_is_refused():
    from smirk_blender.rig.drivers import drive_pose_keys

    with pytest.raises(HeadError, match="no armature"):
        drive_pose_keys(build_head(tiny_head(), armature=False))
