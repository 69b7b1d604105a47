"""Whose head it is: identity on shape keys or in the Basis, and the bones at the joints that FLAME regresses from it."""

from dataclasses import replace

import numpy as np
from bpy.types import Object, ShapeKey
from mathutils import Quaternion

from ..flame.head import Head
from ..flame.pose_keys import skinned_pose_directions
from . import compat
from .armature import SAME_PLACE, move_rest_joints
from .checks import check_head
from .drivers import drive_pose_keys, pose_keys_are_driven
from .lid_corrective import refresh_lid_corrective
from .memory import (
    BASE_SHAPE,
    IDENTITY_KEYS,
    POSE_KEYS,
    REMAINDER_KEY,
    actions_baked_onto,
    armature_of,
    armature_placement,
    base_shape,
    bone_names,
    has_armature,
    names,
    placement_of,
)
from .shape_keys import (
    add_keys,
    factor_of,
    key_block_of,
    key_offsets,
    key_points,
    set_coefficient,
    set_key_offsets,
    set_key_points,
)
from .steps import HeldHead, Steps, aside, finish

IDENTITY_REMAINDER = "identity_remainder"  # the key for all directions without one of their own
ROOT_PIVOT = "smirk_root_pivot"  # custom property: the root joint in the mesh's coordinates, of a head without an armature
REMAINDER_SHAPE = "smirk_remainder_shape"  # custom property: the (S,) coefficients that the remainder shows


def wear_identity(head_object: Object, head: Head, shape: np.ndarray) -> None:
    """Give a head an identity: its identity keys, one key for all directions without one, and bones at its joints.

    Args:
        head_object: of a head.
        head: its model.
        shape: (up to S,) unitless.
    Raises:
        HeadError: the head is not of this model, or cannot be changed.
    """
    check_head(head_object, head)
    finish(wear_steps(HeldHead(head_object), head, shape, threaded=False))


def wear_steps(held: HeldHead, head: Head, shape: np.ndarray, *, threaded: bool) -> Steps[None]:
    """Do what `wear_identity` does, in small steps; what takes long and needs no Blender, in a thread if wanted."""
    shape = np.pad(np.asarray(shape, np.float64), (0, head.num_shape - len(shape)))
    shape -= base_shape(held.head_object, head.num_shape)
    keyed = np.zeros(head.num_shape, bool)
    for index, name in enumerate(names(held.head_object, IDENTITY_KEYS)):
        if name:
            set_coefficient(held.head_object, IDENTITY_KEYS, index, float(shape[index]))
            keyed[index] = True
            yield
    remainder = np.where(keyed, 0.0, shape)
    offsets = yield from aside(np.matmul, head.shape_directions, remainder, threaded=threaded)
    _set_remainder(held.head_object, remainder, offsets)
    yield
    yield from joint_steps(held, head, threaded=threaded)


def update_joints(head_object: Object, head: Head) -> None:
    """Move the bones to the joints that FLAME regresses from the identity that the head shows now.

    To be called after an identity key was changed by hand. A head without an armature has its pose
    keys made anew instead, for they turn the face about these joints. Keys that keep lids off the
    eyeballs and drivers of pose keys are made anew in any case.

    Raises:
        HeadError: the head is not of this model, or cannot be changed.
    """
    check_head(head_object, head)
    finish(joint_steps(HeldHead(head_object), head, threaded=False))


def joint_steps(held: HeldHead, head: Head, *, threaded: bool) -> Steps[None]:
    """Do what `update_joints` does, in small steps; what takes long and needs no Blender, in a thread if wanted."""
    worn = yield from worn_steps(held, head, threaded=threaded)
    yield from refresh_lid_corrective(held, head, worn.template, threaded=threaded)
    head_object = held.head_object
    if has_armature(head_object):
        placement = armature_placement(head_object)
        joints, least = placement.points(worn.joint_template), SAME_PLACE * placement.scale
        move_rest_joints(armature_of(head_object), bone_names(head_object), joints, least=least)
        yield
        if pose_keys_are_driven(held.head_object):
            drive_pose_keys(held.head_object)
        return
    directions = yield from aside(skinned_pose_directions, worn, threaded=threaded)
    for name, offsets in zip(names(held.head_object, POSE_KEYS), np.moveaxis(directions, -1, 0), strict=True):
        if name:
            set_key_offsets(held.head_object, name, offsets)
            yield
    head_object = held.head_object
    head_object.data.update()
    _move_pivot(head_object, placement_of(head_object).points(worn.joint_template[0]), root_pivot(head_object, head))


def root_pivot(head_object: Object, head: Head) -> np.ndarray:
    """Return where the root joint of a head without an armature is, (3,) in the mesh's coordinates, unposed."""
    known = head_object.data.get(ROOT_PIVOT)
    return placement_of(head_object).points(head.joint_template[0]) if known is None else np.array(known)


def _move_pivot(head_object: Object, pivot: np.ndarray, pivot_before: np.ndarray) -> None:
    """Let the actions of a head without an armature turn it about another point, by (I - R) times the point's move."""
    move = np.array(head_object.scale) * (pivot - pivot_before)
    head_object.data[ROOT_PIVOT] = pivot.tolist()
    if not np.any(move):
        return
    for action in actions_baked_onto(head_object):
        curves = {(fcurve.data_path, fcurve.array_index): fcurve for fcurve in compat.fcurves(action)}
        location = [curves.get(("location", index)) for index in range(3)]
        rotation = [curves.get(("rotation_quaternion", index)) for index in range(4)]
        if None in location or None in rotation:
            continue
        for index, fcurve in enumerate(location):
            for point in fcurve.keyframe_points:
                turn = Quaternion([part.evaluate(point.co[0]) for part in rotation]).to_matrix()
                shift = float(move[index] - (np.array(turn) @ move)[index])
                point.co[1] += shift
                point.handle_left[1] += shift
                point.handle_right[1] += shift
            fcurve.update()


def apply_identity(head_object: Object, head: Head) -> None:
    """Make the identity that the head shows its Basis; every key moves what it moved before.

    The identity keys stay, at 0, for the difference to other identities.
    Raises:
        HeadError: the head is not of this model, or cannot be changed.
    """
    check_head(head_object, head)
    identity_keys = _identity_keys(head_object)
    offsets = _offsets(identity_keys)
    worn = base_shape(head_object, head.num_shape) + _shown_coefficients(head_object, head.num_shape)
    shape_keys = head_object.data.shape_keys
    for key_block in shape_keys.key_blocks:
        set_key_points(key_block, key_points(key_block) + offsets)
    head_object.data.vertices.foreach_set("co", key_points(shape_keys.reference_key).ravel())  # the mesh without keys
    for key_block in identity_keys:
        key_block.value = 0.0
    remainder = _remainder(head_object)
    if remainder is not None:
        head_object.shape_key_remove(remainder)
        head_object.data[REMAINDER_KEY] = ""
    head_object.data[BASE_SHAPE] = worn.tolist()
    head_object.data.update()


def worn_head(head_object: Object, head: Head) -> Head:
    """Return the model with the identity that the head's keys show now as its template, and so at its joints."""
    return finish(worn_steps(HeldHead(head_object), head, threaded=False))


def worn_steps(held: HeldHead, head: Head, *, threaded: bool) -> Steps[Head]:
    """Do what `worn_head` does, in small steps; what takes long and needs no Blender, in a thread if wanted."""
    points = key_points(held.head_object.data.shape_keys.reference_key).astype(np.float64)
    for name in [key_block.name for key_block in _identity_keys(held.head_object)]:
        key_block = key_block_of(held.head_object, name)
        points += key_block.value * key_offsets(key_block).astype(np.float64)
        yield
    template = placement_of(held.head_object).flame_points(points)
    return (yield from aside(lambda: replace(head, template=template), threaded=threaded))


def _shown_coefficients(head_object: Object, num_shape: int) -> np.ndarray:
    """Return what the identity keys show, (S,) unitless, the remainder's directions included."""
    key_blocks = head_object.data.shape_keys.key_blocks
    shown = np.zeros(num_shape)
    for index, name in enumerate(names(head_object, IDENTITY_KEYS)):
        if name:
            shown[index] = key_blocks[name].value * factor_of(head_object, name)
    remainder = _remainder(head_object)
    if remainder is not None:
        shown += remainder.value * np.array(head_object.data[REMAINDER_SHAPE])
    return shown


def _identity_keys(head_object: Object) -> list[ShapeKey]:
    key_blocks = head_object.data.shape_keys.key_blocks
    keys = [key_blocks[name] for name in names(head_object, IDENTITY_KEYS) if name]
    remainder = _remainder(head_object)
    return keys if remainder is None else [*keys, remainder]


def _remainder(head_object: Object) -> ShapeKey | None:
    return head_object.data.shape_keys.key_blocks.get(head_object.data.get(REMAINDER_KEY, ""))


def _offsets(key_blocks: list[ShapeKey]) -> np.ndarray:
    """Return how far the keys move the vertices as they stand, (V, 3) float64, in the mesh's coordinates."""
    return sum(key_block.value * key_offsets(key_block).astype(np.float64) for key_block in key_blocks) + 0.0


def _set_remainder(head_object: Object, shape: np.ndarray, offsets: np.ndarray) -> None:
    """Show identity coefficients (S,) that have no key of their own, offsets (V, 3) metres, on one key for them all."""
    if _remainder(head_object) is None:
        if not np.any(offsets):
            return
        (name,) = add_keys(head_object, [IDENTITY_REMAINDER], offsets[..., None], slider=(0.0, 1.0))
        head_object.data[REMAINDER_KEY] = name
    key_block = _remainder(head_object)
    set_key_offsets(head_object, key_block.name, offsets)
    key_block.value = 1.0
    head_object.data[REMAINDER_SHAPE] = shape.tolist()
    head_object.data.update()
