"""Retargeted takes for tests here, and what Blender plays of them."""

import bpy
import numpy as np
from mathutils import Quaternion

from smirk_blender.flame.rotations import quaternions_from_axis_angle
from smirk_blender.retarget.character import BoneCurves, Retargeted
from tests.rig.characters import KEY_NAMES
from tests.rig.scenes import go_to

FRAMES = 12
SCENE_FRAMES = 5.0 + np.arange(FRAMES)
SAME = 1e-6  # metres
MODES = ("action", "strip", "additive")


def retargeted(seed=0, key_names=KEY_NAMES, bones=(), low=0.0, high=1.0):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(low, high, (FRAMES, len(key_names))).astype(np.float32)
    return Retargeted(tuple(key_names), weights, tuple(bones), np.full(FRAMES, np.nan, np.float32))


def turning(seed=0, size=0.5):
    return quaternions_from_axis_angle(np.cumsum(np.random.default_rng(seed).normal(size=(FRAMES, 3)), 0) * size)


def jaw_curves(owner="Rig", name="jaw", place=True):
    location = 0.01 * np.random.default_rng(3).normal(size=(FRAMES, 3)) if place else None
    return BoneCurves(owner, name, turning(), location)


def shown_weights(face, scene_frames=SCENE_FRAMES):
    """Return the keys' values that Blender plays, (T, K)."""
    values = []
    for scene_frame in scene_frames:
        go_to(bpy.context.scene, scene_frame)
        values.append([key.value for key in face.data.shape_keys.key_blocks[1:]])
    return np.array(values)


def shown_bone(rig, name="jaw"):
    """Return how a bone stands relative to its rest, in its own axes, (T, 4, 4)."""
    matrices = []
    for scene_frame in SCENE_FRAMES:
        go_to(bpy.context.scene, scene_frame)
        bone = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[name]
        matrices.append(np.array(bone.bone.matrix_local.inverted() @ bone.matrix))
    return np.array(matrices)


def expected_bone(curves):
    matrices = [np.array(Quaternion(turn).to_matrix().to_4x4()) for turn in curves.rotation]
    matrices = np.array(matrices)
    if curves.location is not None:
        matrices[:, :3, 3] = curves.location
    return matrices


def key_by_hand(face, name="jawOpen", frames=(1, 8, 20), values=(0.1, 0.3, 0.2)):
    """Animate a key as a user does; return the action."""
    key = face.data.shape_keys.key_blocks[name]
    for scene_frame, value in zip(frames, values):
        key.value = value
        key.keyframe_insert("value", frame=scene_frame)
    return face.data.shape_keys.animation_data.action
