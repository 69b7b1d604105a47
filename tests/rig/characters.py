"""Characters for tests here: a ball with shape keys, and a ball on an armature with a head, a jaw and two eyes."""

import bpy
import numpy as np
from bpy.types import Object

from tests.builders import tiny_head
from tests.rig.scenes import make_active

KEY_NAMES = ("jawOpen", "mouthSmileLeft", "browInnerUp", "tongueOut")
# Name, head, tail and parent.
BONES = (
    ("head", (0, 0, -0.1), (0, 0, 0.1), ""),
    ("jaw", (0, 0.02, 0), (0, -0.08, -0.05), "head"),
    ("eye.L", (0.03, -0.05, 0.03), (0.03, -0.1, 0.03), "head"),
)


def ball(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (50, 3) and triangles of a ball."""
    head = tiny_head(seed)
    return head.template.astype(np.float64), head.triangles


def key_moves(seed: int = 0, count: int = len(KEY_NAMES)) -> np.ndarray:
    """Return what keys add, (K, 50, 3), metres; the last one nothing."""
    moves = 0.01 * np.random.default_rng(seed).normal(size=(count, 50, 3)).astype(np.float32)
    moves[-1:] = 0
    return moves


def add_character(
    name: str = "Face", key_names=KEY_NAMES, moves: np.ndarray | None = None, size: float = 1.0
) -> Object:
    """Add a ball with these keys at 0 to the scene, `size` times as large as a head."""
    vertices, triangles = ball()
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((size * vertices).tolist(), [], triangles.tolist())
    mesh_object = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(mesh_object)
    if key_names:
        mesh_object.shape_key_add(name="Basis", from_mix=False)
    moves = key_moves(count=len(key_names)) if moves is None else moves
    for key_name, move in zip(key_names, moves):
        key = mesh_object.shape_key_add(name=key_name, from_mix=False)
        key.points.foreach_set("co", (size * (vertices + move)).astype(np.float32).ravel())
        key.value = 0.0
    mesh.update()
    return mesh_object


def add_rig(mesh_object: Object, name: str = "Rig") -> Object:
    """Give a ball an armature that deforms it, as its parent: its lower half follows the jaw."""
    armature = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, armature)
    bpy.context.scene.collection.objects.link(rig)
    make_active(rig, 'EDIT')
    for bone_name, head, tail, parent in BONES:
        bone = armature.edit_bones.new(bone_name)
        bone.head, bone.tail = head, tail
        if parent:
            bone.parent = armature.edit_bones[parent]
    make_active(rig, 'OBJECT')
    mesh_object.parent = rig
    mesh_object.modifiers.new("Armature", 'ARMATURE').object = rig
    low = np.flatnonzero(ball()[0][:, 1] < 0).tolist()
    rest = np.flatnonzero(ball()[0][:, 1] >= 0).tolist()
    mesh_object.vertex_groups.new(name="jaw").add(low, 0.75, 'REPLACE')
    head_group = mesh_object.vertex_groups.new(name="head")
    head_group.add(low, 0.25, 'REPLACE')
    head_group.add(rest, 0.5, 'REPLACE')
    return rig
