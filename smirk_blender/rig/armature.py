"""The armature of a head: one bone a FLAME joint, and their rest positions moved to an identity's joints."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import bpy
import numpy as np
from bpy.types import Armature, Collection, Object
from mathutils import Vector

from ..flame.head import JOINT_NAMES, JOINT_PARENTS, Head
from ..flame.placement import Placement
from .axes import UPRIGHT

UP, TO_THE_CHIN, OUT_OF_THE_FACE = (0, 1, 0), (0, -0.5, 1), (0, 0, 1)  # FLAME axes
BONE_DIRECTIONS = np.array([UP, UP, TO_THE_CHIN, OUT_OF_THE_FACE, OUT_OF_THE_FACE], float)  # in JOINT_NAMES' order
BONE_LENGTH = 0.12  # of the head's height: clear of the eyeballs, short of the hair
SAME_PLACE = 1e-8  # metres


def build_armature(
    head: Head,
    name: str,
    collection: Collection | None,
    *,
    placement: Placement = UPRIGHT,
    names: Sequence[str] = JOINT_NAMES,
) -> Object:
    """Return a new armature object, bones at the template's joints, all quaternion.

    Args:
        head: gives the joints.
        name: of the object.
        collection: gets it; None leaves it out of every scene.
        placement: where the head stands in the armature's coordinates.
        names: of the bones, in JOINT_NAMES' order.
    """
    joints = placement.points(head.joint_template)
    directions = placement.offsets(BONE_DIRECTIONS / np.linalg.norm(BONE_DIRECTIONS, axis=1, keepdims=True))
    across = placement.turns(np.array([1.0, 0.0, 0.0]))  # turning about a bone's X opens the jaw, as about FLAME's
    tails = joints + BONE_LENGTH * float(np.ptp(head.template[:, 1])) * directions
    armature_object = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    armature_object.show_in_front = True
    armature_object.data.display_type = 'STICK'
    with _edit_mode_apart(armature_object) as armature:
        for bone_name, joint, tail, parent in zip(names, joints, tails, JOINT_PARENTS, strict=True):
            bone = armature.edit_bones.new(bone_name)
            bone.head, bone.tail = joint, tail
            bone.align_roll(Vector(np.cross(across, tail - joint)))  # its Z, so that its X lies across the face
            if parent >= 0:
                bone.parent = armature.edit_bones[names[parent]]
    if collection is not None:
        collection.objects.link(armature_object)
    for pose_bone in armature_object.pose.bones:
        pose_bone.rotation_mode = 'QUATERNION'
    return armature_object


def move_rest_joints(armature_object: Object, names: Sequence[str], joints: np.ndarray, *, least: float) -> None:
    """Move bones, their directions kept, so that they start at joints.

    Args:
        armature_object: of a head.
        names: of the bones.
        joints: (len(names), 3) in the armature's coordinates.
        least: how far a joint must have moved, in those coordinates, for anything to be done.
    """
    here = np.array([armature_object.data.bones[name].head_local for name in names])
    if np.abs(joints - here).max() < least:
        return
    with edit_mode(armature_object) as armature:
        lengths = [armature.edit_bones[name].vector.copy() for name in names]  # before a connected parent drags its child
        for name, joint, vector in zip(names, joints, lengths):
            bone = armature.edit_bones[name]
            bone.use_connect = False  # else its parent's end would move with it
            bone.head = joint
            bone.tail = bone.head + vector


def rest_rotation(armature_object: Object, bone_name: str) -> np.ndarray:
    """Return the bone's rest axes as the columns of a (3, 3) float64 matrix, in the armature's axes."""
    return np.array(armature_object.data.bones[bone_name].matrix_local.to_3x3(), np.float64)


@contextmanager
def edit_mode(armature_object: Object) -> Iterator[Armature]:
    """Open an armature for `edit_bones`, even a hidden one; mode, selection and active object come back."""
    view_layer = bpy.context.view_layer
    with ExitStack() as restore:
        active = view_layer.objects.active
        if active is not None and active.mode != 'OBJECT':
            mode = active.mode
            restore.callback(_set_mode, active, mode)
            _set_mode(active, 'OBJECT')
        restore.callback(setattr, view_layer.objects, "active", active)
        _make_editable(armature_object, restore)
        view_layer.objects.active = armature_object
        _set_mode(armature_object, 'EDIT')
        try:
            yield armature_object.data
        finally:
            _set_mode(armature_object, 'OBJECT')


@contextmanager
def _edit_mode_apart(armature_object: Object) -> Iterator[Armature]:
    """Open a new armature for `edit_bones` in a scene of its own: whatever mode the user works in goes on."""
    scene = bpy.data.scenes.new("Armature")
    try:
        scene.collection.objects.link(armature_object)
        view_layer = scene.view_layers[0]
        view_layer.objects.active = armature_object
        with bpy.context.temp_override(scene=scene, view_layer=view_layer):
            _set_mode(armature_object, 'EDIT')
            try:
                yield armature_object.data
            finally:
                _set_mode(armature_object, 'OBJECT')
    finally:
        bpy.data.scenes.remove(scene)


def _make_editable(armature_object: Object, restore: ExitStack) -> None:
    """Bring the object into the view layer, unhidden, until `restore` is closed."""
    scene_objects = bpy.context.scene.collection.objects
    if armature_object.name not in bpy.context.view_layer.objects and armature_object.name not in scene_objects:
        scene_objects.link(armature_object)
        restore.callback(scene_objects.unlink, armature_object)
    if armature_object.hide_viewport:
        armature_object.hide_viewport = False
        restore.callback(setattr, armature_object, "hide_viewport", True)
    if armature_object.hide_get():
        armature_object.hide_set(False)
        restore.callback(armature_object.hide_set, True)


def _set_mode(active: Object, mode: str) -> None:
    with bpy.context.temp_override(active_object=active, object=active):
        bpy.ops.object.mode_set(mode=mode)
