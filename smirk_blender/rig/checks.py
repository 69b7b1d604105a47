"""Whether a head can play what FLAME computes: what its parts must be like before anything is done to it.

Everything here only looks, and raises a HeadError that names the part and the next step.
"""

from collections.abc import Iterable

import numpy as np
from bpy.types import ArmatureModifier, Object, PoseBone, ShapeKey

from ..errors import HeadError
from ..flame.head import Head
from .memory import (
    EYELID_KEYS,
    KEY_KINDS,
    LID_KEYS,
    MODEL_NAME,
    MODEL_SHA256,
    NODES_TAG,
    POSE_KEYS,
    REMAINDER_KEY,
    REPAIR,
    SPARE_KEYS,
    armature_modifier,
    bone_names,
    has_armature,
    is_head,
    key_chain,
    names,
)

LEAST_SIZE, GREATEST_SIZE = 1e-4, 1e6  # Blender units: a head in kilometres, and one in micrometres


def check_head(head_object: Object, head: Head | None = None) -> None:
    """Raise HeadError unless this is a head, of that model if one is given, that nothing keeps from playing."""
    if not is_head(head_object):
        raise HeadError("That object is not a SMIRK head. Select one, or build it first")
    refuse_linked(head_object)
    if head is not None:
        _check_model(head_object, head)
    remembered = [name for kind in (*KEY_KINDS, LID_KEYS, SPARE_KEYS) for name in names(head_object, kind) if name]
    remembered += filter(None, [head_object.data.get(REMAINDER_KEY)])
    key_blocks = head_object.data.shape_keys.key_blocks
    missing = [name for name in remembered if name not in key_blocks]
    if missing:
        raise HeadError(f"{head_object.name} has lost its shape key {missing[0]}. {REPAIR}")
    check_keys(head_object, [key_blocks[name] for name in remembered])
    _check_modes(head_object)
    if has_armature(head_object):
        modifier = armature_modifier(head_object)
        absent = [name for name in bone_names(head_object) if name not in modifier.object.pose.bones]
        if absent:
            raise HeadError(f"{head_object.name} has lost its bone {absent[0]}. {REPAIR}")
        check_armature(head_object, modifier, [modifier.object.pose.bones[name] for name in bone_names(head_object)])


def refuse_linked(head_object: Object) -> None:
    """Raise HeadError where changes to a head would be lost, because another file holds its mesh or its bones.

    A library override does not help: it covers the object, and leaves mesh and shape keys in the other file.
    """
    rigs = [modifier.object for modifier in head_object.modifiers if modifier.type == 'ARMATURE' and modifier.object]
    for datablock in [head_object, head_object.data, *rigs, *(rig.data for rig in rigs)]:
        if datablock.library is not None:
            raise HeadError(
                f"{head_object.name} is linked from {datablock.library.filepath}, which keeps its shape keys and bones. "
                "Work on it in that file, or make it local with its data (Object > Relations > Make Local)"
            )


def check_keys(head_object: Object, keys: Iterable[ShapeKey]) -> None:
    """Raise HeadError where one of these keys does not show what it stores, or what an action says."""
    shape_keys, name = head_object.data.shape_keys, head_object.name
    if not shape_keys.use_relative:
        raise HeadError(f"{name}'s shape keys are absolute. Switch Relative on (Properties > Data > Shape Keys)")
    if head_object.show_only_shape_key:
        raise HeadError(f"{name} shows one shape key alone. Switch its pin off (Properties > Data > Shape Keys)")
    animation = shape_keys.animation_data
    driven = {fcurve.data_path for fcurve in animation.drivers} if animation is not None else set()
    may_be_driven = names(head_object, POSE_KEYS)
    lids = [name for lid in names(head_object, EYELID_KEYS) for name in key_chain(head_object, lid)]
    may_be_muted = {*lids, *names(head_object, LID_KEYS)}
    for key_block in keys:
        if key_block.mute and not (key_block.name in may_be_muted and lids_come_after(head_object)):
            raise HeadError(f"{name}'s shape key {key_block.name} is muted. Unmute it")
        if key_block.vertex_group:
            raise HeadError(f"{name}'s shape key {key_block.name} acts on a vertex group alone. Clear that")
        if key_block.path_from_id("value") in driven and key_block.name not in may_be_driven:
            raise HeadError(
                f"{name}'s shape key {key_block.name} is one of the model's, but a driver holds it, so no take could move "
                "it. Delete the driver (right-click on its value)"
            )


def check_armature(head_object: Object, modifier: ArmatureModifier, bones: Iterable[PoseBone]) -> None:
    """Raise HeadError where an armature or one of these bones does not turn the mesh as its rotations say."""
    rig = modifier.object
    by_groups = modifier.use_vertex_groups and not modifier.use_bone_envelopes and not modifier.vertex_group
    if not (modifier.show_viewport and by_groups and not modifier.use_deform_preserve_volume):
        raise HeadError(
            f"{head_object.name}'s modifier {modifier.name} is hidden, masked, preserves volume, or does not go by vertex "
            "groups alone. Set it so"
        )
    if rig.data.pose_position == 'REST':
        raise HeadError(f"{rig.name} is in Rest Position. Set it to Pose Position (Properties > Data > Pose)")
    for bone in bones:
        if not (bone.bone.use_deform and bone.bone.use_inherit_rotation and bone.bone.use_local_location):
            raise HeadError(
                f"{rig.name}'s bone {bone.name} does not deform, or does not inherit rotation, or not local location. "
                "Switch these on (Properties > Bone)"
            )
        if any(not constraint.mute and constraint.influence > 0 for constraint in bone.constraints):
            raise HeadError(f"{rig.name}'s bone {bone.name} is held by a constraint. Mute or delete that")


def _check_model(head_object: Object, head: Head) -> None:
    same_file = head_object.data[MODEL_NAME] == head.name
    known = head_object.data.get(MODEL_SHA256, "")
    same = known == head.sha256 if known and head.sha256 else same_file
    if not same or len(head_object.data.vertices) != len(head.template):
        other = f"another {head.name} than this one" if same_file else f"{head_object.data[MODEL_NAME]}, not {head.name}"
        raise HeadError(f"{head_object.name} was made from the model {other}. Choose that model, or build the head again")


def _check_modes(head_object: Object) -> None:
    rigs = [armature_modifier(head_object).object] if has_armature(head_object) else []
    if any(thing.mode == 'EDIT' for thing in (head_object, *rigs)):
        raise HeadError(f"{head_object.name} is in Edit Mode, which hides changes. Leave it first")
    for datablock in (head_object.data.shape_keys, head_object, *rigs):
        if datablock.animation_data is not None and datablock.animation_data.use_tweak_mode:
            raise HeadError(f"{datablock.name} is in the NLA editor's Tweak Mode. Leave it first (Tab in that editor)")


def lids_come_after(head_object: Object) -> bool:
    """Return whether a modifier adds the eyelids after posing; cheap enough for a panel."""
    nodes = [modifier.node_group for modifier in head_object.modifiers if modifier.type == 'NODES']
    return any(group is not None and NODES_TAG in group for group in nodes)


def check_points(mesh_object: Object, points: np.ndarray) -> None:
    """Raise HeadError where vertices (V, 3) are no numbers, or all in one place."""
    if not np.all(np.isfinite(points)) or not LEAST_SIZE < np.ptp(points, axis=0).max() < GREATEST_SIZE:
        raise HeadError(f"{mesh_object.name} has no size, or none that a head can have. Import it again")
