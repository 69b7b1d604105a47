"""A FLAME head as Blender objects: a mesh with shape keys, and mostly an armature that turns it."""

import uuid
from collections.abc import Sequence
from typing import Literal

import bpy
import numpy as np
from bpy.types import Collection, Object

from ..flame.head import JOINT_NAMES, Head
from ..flame.placement import Placement
from ..flame.pose_keys import skinned_pose_directions
from .armature import build_armature
from .axes import UPRIGHT
from .drivers import drive_pose_keys
from .lid_corrective import keep_lids_off_eyeballs
from .memory import (
    BASE_SHAPE,
    BONES,
    EXPRESSION_KEYS,
    EYELID_KEYS,
    HEAD_ID,
    IDENTITY_KEYS,
    KEY_FACTORS,
    KEY_KINDS,
    LID_KEYS,
    MODEL_NAME,
    MODEL_SHA256,
    POSE_KEYS,
    SPARE_KEYS,
    names,
    remember_placement,
)
from .shape_keys import DIRECTION_SLIDER, EYELID_SLIDER, POSE_SLIDER, add_keys
from .surface import build_mesh

NUM_IDENTITY_KEYS = 10  # the directions that people recognise; the rest of an identity becomes one key
NUM_EXPRESSION_KEYS = 50  # as many as SMIRK solves for; a bake adds those that a take needs beyond
EYELID_NAMES = ("eyelid_L", "eyelid_R")
# Of the pose feature: each joint's rotation matrix but the root's, less the identity, by row and column.
POSE_NAMES = [f"pose_{joint}_{row}{column}" for joint in JOINT_NAMES[1:] for row in range(3) for column in range(3)]

PoseKeys = Literal["keyed", "driven"]


def build_head(
    head: Head,
    *,
    name: str = "Head",
    num_shape: int = NUM_IDENTITY_KEYS,
    num_expression: int = NUM_EXPRESSION_KEYS,
    armature: bool = True,
    pose_keys: PoseKeys = "keyed",
    clear_lids: bool = False,
    collection: Collection | None = None,
) -> Object:
    """Return a new mesh object, child of a new armature object; neither is moved, turned or scaled.

    The mesh is in metres, Z up, the face looking along -Y. Shape keys: identity and expression
    directions, the eyelids, and the pose directions that move anything.
    Args:
        head: the model to build.
        name: of the mesh object; the armature adds "Rig".
        num_shape: how many identity directions get a key.
        num_expression: how many expression directions get a key.
        armature: whether bones turn jaw, eyes and neck; without, shape keys do, for game engines and other packages.
        pose_keys: "keyed": a bake keys them, and exports carry them; "driven": they follow the bones besides, so
            that a head posed by hand is FLAME's too.
        clear_lids: whether more keys keep shut lids off the eyeballs, which FLAME's do not.
        collection: where the objects go; the context's where left out.
    Raises:
        ValueError: driven pose keys without an armature.
    """
    if pose_keys == "driven" and not armature:
        raise ValueError("without an armature there are no bones to drive pose keys")
    collection = collection or bpy.context.collection or bpy.context.scene.collection
    head_object = bpy.data.objects.new(name, build_mesh(head, name))
    collection.objects.link(head_object)
    if armature:
        armature_object = build_armature(head, f"{name} Rig", collection)
        head_object.parent = armature_object
        add_vertex_groups(head_object, head.skinning_weights, JOINT_NAMES)
        head_object.modifiers.new("Armature", 'ARMATURE').object = armature_object
    head_object.shape_key_add(name="Basis", from_mix=False)
    start_memory(head_object, head, UPRIGHT, bones=JOINT_NAMES if armature else ())
    head_object.data[IDENTITY_KEYS] = [""] * min(num_shape, head.num_shape)
    head_object.data[EXPRESSION_KEYS] = [""] * min(num_expression, head.num_expression)
    add_missing_keys(head_object, head)
    if clear_lids:
        keep_lids_off_eyeballs(head_object, head, head.template)
    if pose_keys == "driven":
        drive_pose_keys(head_object)
    return head_object


def start_memory(head_object: Object, head: Head, placement: Placement, *, bones: Sequence[str]) -> None:
    """Make a mesh object with a Basis key a head that remembers no keys yet."""
    head_object.data[MODEL_NAME], head_object.data[MODEL_SHA256] = head.name, head.sha256
    head_object.data[HEAD_ID] = uuid.uuid4().hex
    remember_placement(head_object, placement)
    head_object.data[BONES] = list(bones)
    head_object.data[KEY_FACTORS] = {}
    for kind in (*KEY_KINDS, LID_KEYS, SPARE_KEYS, BASE_SHAPE):
        head_object.data[kind] = []


def add_missing_keys(head_object: Object, head: Head, *, identity: bool = True) -> list[str]:
    """Give every direction that the head should have a key one, where it has none; return the new names.

    These are the expression directions that its list has room for, those of identity likewise if
    `identity`, the eyelids and the pose directions that move anything.
    """
    eyelids = head.eyelid_directions
    pose_directions = head.pose_directions if head_object.data[BONES] else skinned_pose_directions(head)
    moving = np.any(pose_directions, axis=(0, 1))
    wanted = {
        IDENTITY_KEYS: (head.shape_names, head.shape_directions, None, DIRECTION_SLIDER),
        EXPRESSION_KEYS: (head.expression_names, head.expression_directions, None, DIRECTION_SLIDER),
        EYELID_KEYS: (EYELID_NAMES, eyelids, 0 if eyelids is None else 2, EYELID_SLIDER),
        POSE_KEYS: (POSE_NAMES, pose_directions, len(POSE_NAMES), POSE_SLIDER),
    }
    made = []
    for kind, (key_names, directions, count, slider) in wanted.items():
        if kind == IDENTITY_KEYS and not identity:
            continue
        listed = names(head_object, kind)
        listed += [""] * ((count or 0) - len(listed))
        missing = [index for index, name in enumerate(listed) if not name and (kind != POSE_KEYS or moving[index])]
        if missing:
            new = add_keys(
                head_object, [key_names[index] for index in missing], directions[..., missing], slider=slider
            )
            made += new
            for index, name in zip(missing, new):
                listed[index] = name
        head_object.data[kind] = listed
    head_object.active_shape_key_index = 0
    return made


def add_vertex_groups(head_object: Object, weights: np.ndarray, group_names: Sequence[str]) -> list[str]:
    """Add a vertex group a joint, weights (V, 5); return the names that Blender gave them."""
    made = []
    for joint, name in enumerate(group_names):
        group = head_object.vertex_groups.new(name=name)
        made.append(group.name)
        for vertex in np.flatnonzero(weights[:, joint]).tolist():
            group.add((vertex,), float(weights[vertex, joint]), 'REPLACE')
    return made
