"""A take baked onto a head as an action: shape keys for the face, bone rotations for head, jaw and eyes."""

from pathlib import Path

import bpy
import numpy as np
from bpy.types import Action, Object

from ..errors import HeadError, TakeError
from ..flame.head import JOINT_NAMES, Head
from ..flame.rotations import matrices_from_axis_angle, quaternions_from_axis_angle
from ..take import Take
from . import compat
from .armature import move_rest_joints, rest_rotation
from .axes import to_blender
from .head_object import (
    EXPRESSION_KEYS,
    EYELID_KEYS,
    IDENTITY_KEYS,
    MODEL_NAME,
    POSE_KEYS,
    armature_of,
    is_head,
    moving_pose_directions,
)
from .shape_keys import HEAD_ID, add_keys, key_points, make_room, set_coefficient, set_key_points

IDENTITY_REMAINDER = "identity_remainder"
WHOLE_FRAME = 0.05  # frames; timestamps this close to a constant rate are taken for one: files may round to 1 ms
LEAST_SHIFT = 1e-7  # metres; joints that move less are not keyed


def bake_take(
    head_object: Object,
    head: Head,
    take: Take,
    *,
    scene_frame_start: int = 1,
    action_name: str | None = None,
    translation: np.ndarray | None = None,
) -> Action:
    """Write a take onto a head as a new action, and bind it; earlier actions stay as they were.

    The head wears the take's identity from now on: identity is not in the action, so every action
    baked onto this head plays on whichever identity it wears. Where an action animates one kind of
    datablock only (4.2, 4.3), the bones get a second one, called like the first with ".rig".
    Args:
        head_object: from `build_head`.
        head: the model that built it.
        take: T frames.
        scene_frame_start: scene frame of the take's first frame.
        action_name: the take's source without its suffix where left out.
        translation: (T, 3) metres, FLAME axes, added to the posed head; it stays where it is where left out.
    Returns:
        The action with the shape keys' F-curves.
    Raises:
        HeadError: the object is not this head, or was changed beyond use.
        TakeError: the take was solved for another head, or has no frames, or holds values that are no numbers.
    """
    _check(head_object, head, take)
    armature_object = armature_of(head_object)
    wear_identity(head_object, head, take.shape)
    shape_keys = head_object.data.shape_keys
    action = _new_action(action_name or Path(take.source.name).stem, head_object)
    compat.use_action(shape_keys, action)
    rig_action = action if compat.has_slots() else _new_action(f"{action.name}.rig", head_object)
    compat.use_action(armature_object, rig_action)
    scene_frames = scene_frames_of(take, scene_frame_start)
    _bake_keys(head_object, action, "Expression", head_object[EXPRESSION_KEYS], take.expression, scene_frames)
    _bake_keys(head_object, action, "Eyelids", head_object[EYELID_KEYS], take.eyelid, scene_frames)
    _bake_keys(head_object, action, "Pose", head_object[POSE_KEYS], _pose_coefficients(head, take), scene_frames)
    _bake_bones(armature_object, rig_action, head, take, scene_frames, translation)
    return action


def scene_frames_of(take: Take, scene_frame_start: int) -> np.ndarray:
    """Return the scene frame of each of the take's, (T,) float64: whole numbers for footage of constant rate.

    Footage of varying rate lands on fractions, where its timestamps say. Timestamps that do not rise
    are not believed.
    """
    counted = np.arange(len(take), dtype=np.float64)
    timed = take.time_s * float(take.fps)
    if np.any(np.diff(timed) <= 0):
        return scene_frame_start + counted
    return scene_frame_start + np.where(np.abs(timed - counted) < WHOLE_FRAME, counted, np.round(timed, 3))


def wear_identity(head_object: Object, head: Head, shape: np.ndarray) -> None:
    """Give a head an identity: its identity keys, one key for all directions without one, and bones at its joints.

    Args:
        head_object: from `build_head`.
        head: the model that built it.
        shape: (up to S,) unitless.
    """
    shape = np.pad(np.asarray(shape, np.float64), (0, head.num_shape - len(shape)))
    identity_keys = head_object[IDENTITY_KEYS]
    for name, coefficient in zip(identity_keys, shape):
        set_coefficient(head_object, name, float(coefficient))
    _set_remainder(head_object, head.shape_directions[..., len(identity_keys) :] @ shape[len(identity_keys) :])
    move_rest_joints(armature_of(head_object), to_blender(head.joints(shape[None])[0]))


def _set_remainder(head_object: Object, offsets: np.ndarray) -> None:
    """Show offsets (V, 3), metres, FLAME axes, on the key for what is left of an identity."""
    shape_keys = head_object.data.shape_keys
    key_block = shape_keys.key_blocks.get(IDENTITY_REMAINDER)
    if key_block is None:
        if not np.any(offsets):
            return
        add_keys(head_object, [IDENTITY_REMAINDER], offsets[..., None], slider=(0.0, 1.0))
        key_block = shape_keys.key_blocks[IDENTITY_REMAINDER]
    set_key_points(key_block, key_points(shape_keys.reference_key) + to_blender(offsets))
    key_block.value = 1.0
    head_object.data.update()


def _bake_keys(
    head_object: Object, action: Action, group: str, names: list[str], values: np.ndarray, scene_frames: np.ndarray
) -> None:
    """Key coefficients (T, up to len(names)) on shape keys; names beyond the take's columns are keyed at 0."""
    shape_keys = head_object.data.shape_keys
    values = np.pad(values.astype(np.float64), ((0, 0), (0, max(0, len(names) - values.shape[1]))))
    for name, coefficients in zip(names, values.T):
        key_block = shape_keys.key_blocks[name]
        factor = make_room(head_object, key_block, coefficients)
        fcurve = compat.ensure_fcurve(action, shape_keys, key_block.path_from_id("value"), group=group)
        compat.write_fcurve(fcurve, scene_frames, coefficients / factor)


def _pose_coefficients(head: Head, take: Take) -> np.ndarray:
    """Return the coefficients of the pose keys that the head has, (T, up to 36): rotation matrices less the identity."""
    eyes = np.split(take.eye_pose, 2, axis=1)
    vectors = np.stack([take.neck_pose, take.jaw_pose, *eyes], axis=1)  # (T, 4, 3), JOINT_NAMES' order without the root
    features = (matrices_from_axis_angle(vectors) - np.eye(3)).reshape(len(take), -1)
    return features[:, moving_pose_directions(head)]


def _bake_bones(
    armature_object: Object,
    action: Action,
    head: Head,
    take: Take,
    scene_frames: np.ndarray,
    translation: np.ndarray | None,
) -> None:
    """Key the five bones' rotations, and their locations where the expression moves a turning joint.

    A joint that has moved by m from its bone's rest place turns about the wrong point, which the
    location (I - R) m puts right. The root's location holds the head's translation too.
    """
    eyes = np.split(take.eye_pose, 2, axis=1)
    poses = (take.head_pose, take.neck_pose, take.jaw_pose, *eyes)  # JOINT_NAMES' order
    moved = head.joints(None, take.expression) - head.joint_template  # (T, 5, 3); linear, so alike for any identity
    for joint, (name, pose) in enumerate(zip(JOINT_NAMES, poses, strict=True)):
        bone = armature_object.pose.bones[name]
        bone.rotation_mode = 'QUATERNION'
        into_bone = rest_rotation(armature_object, name)  # (3, 3): row @ into_bone is in the bone's rest axes
        turn = to_blender(pose.astype(np.float64)) @ into_bone  # (T, 3) rotation vectors
        offset = to_blender(moved[:, joint]) @ into_bone
        shift = offset - np.einsum("tij,tj->ti", matrices_from_axis_angle(turn), offset)
        if joint == 0 and translation is not None:
            shift += to_blender(translation) @ into_bone
        channels = [("rotation_quaternion", quaternions_from_axis_angle(turn))]
        bone.location = (0.0, 0.0, 0.0)
        if np.abs(shift).max() > LEAST_SHIFT:
            channels.append(("location", shift))
        for channel, values in channels:
            for index, column in enumerate(values.T):
                fcurve = compat.ensure_fcurve(action, armature_object, bone.path_from_id(channel), index, group=name)
                compat.write_fcurve(fcurve, scene_frames, column)


def _new_action(name: str, head_object: Object) -> Action:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True  # a later bake unbinds this one, and a file keeps no data without users
    action[HEAD_ID] = head_object[HEAD_ID]
    return action


def _check(head_object: Object, head: Head, take: Take) -> None:
    if not is_head(head_object):
        raise HeadError("That object is not a SMIRK head. Select one, or build it first")
    if head_object[MODEL_NAME] != head.name or len(head_object.data.vertices) != len(head.template):
        raise HeadError(
            f"{head_object.name} was built from the model {head_object[MODEL_NAME]}, not from {head.name}. "
            "Choose that model, or build the head again"
        )
    kinds = (IDENTITY_KEYS, EXPRESSION_KEYS, EYELID_KEYS, POSE_KEYS)
    keys = [name for kind in kinds for name in head_object[kind]]
    missing = [name for name in keys if name not in head_object.data.shape_keys.key_blocks]
    if missing:
        raise HeadError(f"{head_object.name} has lost its shape key {missing[0]}. Undo that, or build the head again")
    if 'EDIT' in (head_object.mode, armature_of(head_object).mode):
        raise HeadError(f"{head_object.name} is in Edit Mode, which hides changes. Leave it, then bake")
    absent = [name for name in JOINT_NAMES if name not in armature_of(head_object).pose.bones]
    if absent:
        raise HeadError(f"{head_object.name} has lost its bone {absent[0]}. Undo that, or build the head again")
    check_take(head, take)


def check_take(head: Head, take: Take) -> None:
    """Raise TakeError where a take was solved for another head, has no frames, or holds values that are no numbers."""
    if len(take) == 0:
        raise TakeError(f"The take of {take.source.name} has no frames. Solve the video again")
    num_expression = take.expression.shape[1]
    other_names = take.expression_names and take.expression_names != head.expression_names[: len(take.expression_names)]
    if num_expression > head.num_expression or len(take.shape) > head.num_shape or other_names:
        raise TakeError(
            f"The take of {take.source.name} was solved for another head than {head.name} ({num_expression} expression "
            f"directions, {len(take.shape)} of identity). Choose the head it was solved for"
        )
    broken = [name for name, values in take.head_parameters().items() if not np.all(np.isfinite(values))]
    if broken:
        raise TakeError(f"The take of {take.source.name} has no numbers in {broken[0]}. Solve the video again")
