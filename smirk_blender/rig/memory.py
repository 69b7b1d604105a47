"""What a head remembers, in custom properties of its mesh: its model, its keys, its bones, where it stands.

Of the mesh and not of its object, since shape keys are the mesh's: objects that share one share what it remembers.
"""

import bpy
import numpy as np
from bpy.types import Action, ArmatureModifier, Object
from mathutils import Matrix

from ..errors import HeadError
from ..flame.placement import Placement

MODEL_NAME = "smirk_model"
MODEL_SHA256 = "smirk_model_sha256"  # of the model's arrays; "" for the built-in head
MODEL_PATH = "smirk_model_path"  # "builtin" or a file; none where the head is one by its names
EYELID_FOLDER = "smirk_eyelid_folder"  # "" where the eyelids lie beside the model
HEAD_ID = "smirk_head_id"  # of the mesh, and of every action baked onto it
CLEAN_UP = "smirk_clean_up"  # of an action: the settings that its take was cleaned with, as JSON; "" for none
WORN = "smirk_worn"  # of an action: the identity (S,) that its bake put on the head; none where the head kept its own
RIG_ACTION = "smirk_rig_action"  # of an action: that of the bones, where Blender has no slots
EXPRESSION_TAG = "smirk_expression"  # of an action: it is an expression, see `pose_assets`
PLACEMENT = "smirk_placement"  # 13 numbers: axes row by row, scale, shift; of the mesh's coordinates
BONES = "smirk_joints"  # a bone's name for each of JOINT_NAMES; empty where the head has no armature

# A key's name for each direction, "" where that direction has none.
IDENTITY_KEYS = "smirk_identity_keys"
EXPRESSION_KEYS = "smirk_expression_keys"
EYELID_KEYS = "smirk_eyelid_keys"
POSE_KEYS = "smirk_pose_keys"  # of all 36 features
LID_KEYS = "smirk_lid_keys"  # that keep shut lids off the eyeballs, in LID_KEY_NAMES' order; none where lids may cut
KEY_KINDS = (IDENTITY_KEYS, EXPRESSION_KEYS, EYELID_KEYS, POSE_KEYS)

KEY_FACTORS = "smirk_key_factors"  # by key name, where it is not 1: the key stores factor times its direction
REPLACED_KEYS = "smirk_replaced_keys"  # by the name of a wide key, that of the key it took the place of
SPARE_KEYS = "smirk_spare_keys"  # names of keys that only some of the head's actions need; the others hold them at 0
NODES_TAG = "smirk_eyelids"  # of the node group that adds eyelids after posing, by which it is known again
REMAINDER_KEY = "smirk_remainder_key"  # name of the key for all identity directions without one of their own; or none
BASE_SHAPE = "smirk_base_shape"  # (S,) the identity that the Basis has already, unitless; none where it is the model's

REPAIR = "Undo that, or adopt the head again, or build it again"  # ends messages on parts that a head has lost


def is_head(thing: Object | None) -> bool:
    """Return whether this is the mesh object of a head, built or adopted; cheap enough for `poll`."""
    return thing is not None and thing.type == 'MESH' and MODEL_NAME in thing.data and thing.data.shape_keys is not None


def armature_of(head_object: Object) -> Object:
    """Return the armature object that turns a head.

    Raises:
        HeadError: there is none.
    """
    return armature_modifier(head_object).object


def armature_modifier(head_object: Object) -> ArmatureModifier:
    """Return the modifier that turns a head.

    Raises:
        HeadError: there is none.
    """
    for modifier in head_object.modifiers:
        if modifier.type == 'ARMATURE' and modifier.object is not None:
            return modifier
    raise HeadError(f"{head_object.name} has no armature any more. Undo its removal, or adopt the head again")


def has_armature(head_object: Object) -> bool:
    """Return whether bones turn this head, rather than shape keys alone."""
    return len(head_object.data[BONES]) > 0


def bone_names(head_object: Object) -> tuple[str, ...]:
    """Return the names of the bones that are FLAME's joints, in JOINT_NAMES' order."""
    return tuple(head_object.data[BONES])


def names(head_object: Object, kind: str) -> list[str]:
    """Return what a head remembers under one of the properties that list names."""
    return list(head_object.data.get(kind, ()))


def key_chain(head_object: Object, name: str) -> list[str]:
    """Return a key's name and those of the keys whose place it took, which earlier actions play on."""
    replaced, chain = head_object.data.get(REPLACED_KEYS, {}), [name]
    while chain[-1] in replaced:
        chain.append(replaced[chain[-1]])
    return chain


def placement_of(head_object: Object) -> Placement:
    """Return where the head stands in its mesh's own coordinates."""
    numbers = np.array(head_object.data[PLACEMENT])
    return Placement(numbers[:9].reshape(3, 3), float(numbers[9]), numbers[10:])


def remember_placement(head_object: Object, placement: Placement) -> None:
    head_object.data[PLACEMENT] = [*placement.axes.ravel().tolist(), float(placement.scale), *map(float, placement.shift)]


def base_shape(head_object: Object, num_shape: int) -> np.ndarray:
    """Return the identity that the Basis has already, (num_shape,) float64, unitless."""
    known = np.array(head_object.data.get(BASE_SHAPE, ()), np.float64)[:num_shape]
    return np.pad(known, (0, num_shape - len(known)))


def armature_placement(head_object: Object) -> Placement:
    """Return where the head stands in its armature's coordinates, unposed.

    Raises:
        HeadError: mesh and armature are stretched against each other.
    """
    return placement_between(head_object, armature_of(head_object), placement_of(head_object))


def world_placement(head_object: Object) -> Placement:
    """Return where in the world the head stands before any action moves it; the scene must be evaluated.

    Raises:
        HeadError: it is scaled unevenly.
    """
    if has_armature(head_object):
        placement, stand = armature_placement(head_object), armature_of(head_object)
        matrix = stand.matrix_world
    else:  # the action turns and moves the object itself
        placement, stand = placement_of(head_object), head_object
        parent = stand.parent.matrix_world @ stand.matrix_parent_inverse if stand.parent else Matrix.Identity(4)
        matrix = parent @ Matrix.Diagonal((*stand.scale, 1.0))
    try:
        return placement.then(np.array(matrix))
    except ValueError as error:
        raise HeadError(
            f"{stand.name} is scaled unevenly, so no camera can match it. Give it the same scale in all directions"
        ) from error


def placement_between(mesh_object: Object, armature_object: Object, placement: Placement) -> Placement:
    """Return a placement in a mesh's coordinates as one in its armature's.

    Raises:
        HeadError: mesh and armature are stretched against each other.
    """
    # Of a child and its parent this is right before the scene is evaluated, too.
    if mesh_object.parent == armature_object and mesh_object.parent_type == 'OBJECT':
        between = mesh_object.matrix_parent_inverse @ mesh_object.matrix_basis
    elif armature_object.parent == mesh_object and armature_object.parent_type == 'OBJECT':
        between = (armature_object.matrix_parent_inverse @ armature_object.matrix_basis).inverted()
    else:
        between = armature_object.matrix_world.inverted() @ mesh_object.matrix_world
    try:
        return placement.then(np.array(between))
    except ValueError as error:
        raise HeadError(
            f"{mesh_object.name} is stretched against its armature {armature_object.name}, so bones cannot turn it as "
            "FLAME does. Apply the scale of both (Object > Apply > Scale)"
        ) from error


def actions_baked_onto(head_object: Object) -> list[Action]:
    """Return the actions that were baked onto this head."""
    return [action for action in bpy.data.actions if action.get(HEAD_ID) == head_object.data[HEAD_ID]]


def rig_action_of(action: Action) -> Action:
    """Return the action that turns the head to which this one's shape keys belong: itself where Blender has slots."""
    return action.get(RIG_ACTION) or action
