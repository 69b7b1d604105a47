"""A FLAME head as Blender objects: a mesh with shape keys, parented to the armature that turns it."""

import uuid

import bpy
import numpy as np
from bpy.types import Collection, Object

from ..errors import HeadError
from ..flame.head import JOINT_NAMES, Head
from .armature import build_armature
from .shape_keys import DIRECTION_SLIDER, EYELID_SLIDER, HEAD_ID, KEY_FACTORS, POSE_SLIDER, add_keys
from .surface import build_mesh

NUM_IDENTITY_KEYS = 10  # the directions that people recognise; the rest of an identity becomes one key
EYELID_NAMES = ("eyelid_L", "eyelid_R")
# Of the pose feature: each joint's rotation matrix but the root's, less the identity, by row and column.
POSE_NAMES = [f"pose_{joint}_{row}{column}" for joint in JOINT_NAMES[1:] for row in range(3) for column in range(3)]

# Custom properties of the mesh object, by which a head is known again.
MODEL_NAME = "smirk_model"
JOINTS = "smirk_joints"
IDENTITY_KEYS = "smirk_identity_keys"
EXPRESSION_KEYS = "smirk_expression_keys"
EYELID_KEYS = "smirk_eyelid_keys"
POSE_KEYS = "smirk_pose_keys"


def build_head(
    head: Head, *, name: str = "Head", num_shape: int = NUM_IDENTITY_KEYS, collection: Collection | None = None
) -> Object:
    """Return a new mesh object, child of a new armature object; neither is moved, turned or scaled.

    The mesh is in metres, Z up, the face looking along -Y. Shape keys: the first `num_shape` identity
    directions, every expression direction, the eyelids and the pose directions where the head has them.
    Args:
        head: the model to build.
        name: of the mesh object; the armature adds "Rig".
        num_shape: how many identity directions get a key.
        collection: where both objects go; the context's where left out.
    """
    collection = collection or bpy.context.collection or bpy.context.scene.collection
    armature_object = build_armature(head, f"{name} Rig", collection)
    head_object = bpy.data.objects.new(name, build_mesh(head, name))
    collection.objects.link(head_object)
    head_object.parent = armature_object
    _add_vertex_groups(head_object, head.skinning_weights)
    head_object.modifiers.new("Armature", 'ARMATURE').object = armature_object
    _add_head_keys(head_object, head, min(num_shape, head.num_shape))
    return head_object


def moving_pose_directions(head: Head) -> np.ndarray:
    """Return which of the 36 pose directions move anything, (K,) int; the built-in head has none."""
    return np.flatnonzero(np.any(head.pose_directions, axis=(0, 1)))


def is_head(thing: Object | None) -> bool:
    """Return whether this is the mesh object of a head that `build_head` made; cheap enough for `poll`."""
    return thing is not None and thing.type == 'MESH' and MODEL_NAME in thing and thing.data.shape_keys is not None


def armature_of(head_object: Object) -> Object:
    """Return the armature object that moves a head.

    Raises:
        HeadError: it was removed.
    """
    for modifier in head_object.modifiers:
        if modifier.type == 'ARMATURE' and modifier.object is not None:
            return modifier.object
    raise HeadError(f"{head_object.name} has no armature any more. Undo its removal, or build the head again")


def _add_vertex_groups(head_object: Object, weights: np.ndarray) -> None:
    for joint, name in enumerate(JOINT_NAMES):
        group = head_object.vertex_groups.new(name=name)
        for vertex in np.flatnonzero(weights[:, joint]).tolist():
            group.add((vertex,), float(weights[vertex, joint]), 'REPLACE')


def _add_head_keys(head_object: Object, head: Head, num_shape: int) -> None:
    head_object.shape_key_add(name="Basis", from_mix=False)
    head_object[MODEL_NAME] = head.name
    head_object[HEAD_ID] = uuid.uuid4().hex
    head_object[KEY_FACTORS] = {}
    head_object[JOINTS] = list(JOINT_NAMES)
    identity = head.shape_directions[..., :num_shape]
    head_object[IDENTITY_KEYS] = add_keys(head_object, head.shape_names[:num_shape], identity, slider=DIRECTION_SLIDER)
    head_object[EXPRESSION_KEYS] = add_keys(
        head_object, head.expression_names, head.expression_directions, slider=DIRECTION_SLIDER
    )
    head_object[EYELID_KEYS] = []
    if head.eyelid_directions is not None:
        head_object[EYELID_KEYS] = add_keys(
            head_object, EYELID_NAMES, head.eyelid_directions, slider=EYELID_SLIDER
        )
    moving = moving_pose_directions(head)
    names = [POSE_NAMES[direction] for direction in moving]
    head_object[POSE_KEYS] = add_keys(head_object, names, head.pose_directions[..., moving], slider=POSE_SLIDER)
    head_object.active_shape_key_index = 0
