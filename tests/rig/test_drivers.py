"""Pose keys that follow the bones."""

import bpy
import numpy as np
import pytest

from smirk_blender.flame import load_head
from smirk_blender.rig import bake_take, build_head
from smirk_blender.rig.axes import to_blender
from smirk_blender.rig.drivers import drive_pose_keys, pose_feature_expression, pose_keys_are_driven, undrive_pose_keys
from tests.builders import make_take, tiny_head
from tests.rig.scenes import bind, bound_actions, flame_vertices, played_vertices

BAR_M = 1e-5  # metres
POSES = dict(head_pose=[[0.2, -0.4, 0.1]], neck_pose=[[0.3, 0.5, -0.2]], jaw_pose=[[0.4, 0.1, -0.1]],
             eye_pose=[[0.2, 0.3, 0.0, -0.1, 0.4, 0.1]])  # fmt: skip


def turn_by_hand(head_object, mode="QUATERNION"):
    """Turn the bones as an artist would, without any key."""
    from mathutils import Quaternion, Vector

    poses = [POSES["head_pose"][0], POSES["neck_pose"][0], POSES["jaw_pose"][0], *np.split(np.array(POSES["eye_pose"][0]), 2)]
    for name, pose in zip(("root", "neck", "jaw", "eye_L", "eye_R"), poses):
        bone = head_object.parent.pose.bones[name]
        vector = bone.bone.matrix_local.to_3x3().transposed() @ Vector(to_blender(np.array(pose)))
        quaternion = Quaternion(vector.normalized(), vector.length)
        bone.rotation_mode = mode
        if mode == "QUATERNION":
            bone.rotation_quaternion = 1.7 * quaternion  # not of unit length, as sliders leave it
        elif mode == "AXIS_ANGLE":
            bone.rotation_axis_angle = (vector.length, *vector.normalized())
        else:
            bone.rotation_euler = quaternion.to_euler(mode)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE"])
def test_a_head_posed_by_hand_is_flames(mode):
    head = tiny_head()
    head_object = build_head(head, pose_keys="driven")
    turn_by_hand(head_object, mode)
    expected = to_blender(head.vertices(**POSES))[0]
    assert np.abs(played_vertices(head_object, np.ones(1))[0] - expected).max() < BAR_M


def test_keyed_pose_keys_do_not_follow_the_hand():
    head = tiny_head()
    head_object = build_head(head)
    turn_by_hand(head_object)
    expected = to_blender(head.vertices(**POSES))[0]
    assert np.abs(played_vertices(head_object, np.ones(1))[0] - expected).max() > 100 * BAR_M


def test_flames_own_pose_directions_follow_the_hand(shared_folder):
    head = load_head(shared_folder / "flame" / "generic_model.pkl")
    head_object = build_head(head, pose_keys="driven", num_shape=0, num_expression=0)
    turn_by_hand(head_object)
    expected = to_blender(head.vertices(**POSES))[0]
    assert np.abs(played_vertices(head_object, np.ones(1))[0] - expected).max() < BAR_M


def test_a_take_plays_alike_with_drivers_and_without():
    head = tiny_head()
    take = make_take(12, head)
    head_object = build_head(head, pose_keys="driven")
    bake_take(head_object, head, take)
    scene_frames = 1 + np.arange(12)
    assert np.abs(played_vertices(head_object, scene_frames) - flame_vertices(head, take)).max() < BAR_M
    undrive_pose_keys(head_object)
    assert not pose_keys_are_driven(head_object)
    assert np.abs(played_vertices(head_object, scene_frames) - flame_vertices(head, take)).max() < BAR_M
    drive_pose_keys(head_object)
    bind(head_object, bound_actions(head_object))
    assert pose_keys_are_driven(head_object)
    assert np.abs(played_vertices(head_object, scene_frames) - flame_vertices(head, take)).max() < BAR_M


def test_drivers_outlast_saving_without_python(tmp_path):
    head = tiny_head()
    build_head(head, pose_keys="driven")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "driven.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "driven.blend"), use_scripts=False)
    head_object = bpy.data.objects["Head"]
    turn_by_hand(head_object)
    assert not bpy.app.autoexec_fail
    expected = to_blender(head.vertices(**POSES))[0]
    assert np.abs(played_vertices(head_object, np.ones(1))[0] - expected).max() < BAR_M


@pytest.mark.parametrize("mirrored", [1, -1])
def test_the_expression_is_the_rotation_matrix_whatever_the_bones_axes(mirrored):
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    axes *= mirrored * np.linalg.det(axes)
    w, x, y, z = quaternion = rng.normal(size=4)
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    in_bone = np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])  # fmt: skip
    expected = axes @ in_bone @ axes.T - np.eye(3)
    names = {"w": w, "x": x, "y": y, "z": z}
    for row in range(3):
        for column in range(3):
            expression = pose_feature_expression(axes, row, column, factor=0.5)
            assert len(expression) < 256  # Blender's limit
            value = eval(expression, {}, names)
            assert value == pytest.approx(2 * expected[row, column], abs=1e-5)


def test_driving_needs_bones():
    with pytest.raises(ValueError, match="no bones"):
        build_head(tiny_head(), armature=False, pose_keys="driven")
