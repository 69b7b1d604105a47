"""A take on a head: keyframes on shape keys and bones, as a new action."""

from pathlib import Path
from typing import Literal

import bpy
import numpy as np
from bpy.types import ID, Action, Object, PoseBone
from mathutils import Quaternion

from ..errors import TakeError
from ..flame.head import Head
from ..flame.pose_keys import pose_corrections, pose_features
from ..flame.rotations import matrices_from_axis_angle, quaternions_from_axis_angle
from ..take import Take
from . import compat
from .armature import rest_rotation
from .checks import check_head
from .drivers import drive_pose_keys, pose_keys_are_driven
from .eyelid_order import eyelid_order, set_eyelid_order
from .head_object import add_missing_keys
from .identity import apply_identity, root_pivot, wear_identity, worn_head
from .lid_corrective import lid_key_values
from .memory import (
    EXPRESSION_KEYS,
    EYELID_KEYS,
    HEAD_ID,
    LID_KEYS,
    POSE_KEYS,
    SPARE_KEYS,
    armature_of,
    armature_placement,
    bone_names,
    has_armature,
    names,
    placement_of,
)
from .named_head import NAMED_MODEL
from .shape_keys import add_spare_keys, hold_at_zero, hold_in_earlier_actions, key_offsets, make_room

WHOLE_FRAME = 0.05  # frames; timestamps this close to a constant rate are taken for one: files may round to 1 ms
LEAST_SHIFT = 1e-7  # metres; joints that move less stand still
CORRECTION = "correction_"  # and a number: keys for what posing by shape keys alone gets wrong
CORRECTION_SLIDER = (-1.0, 1.0)

Wearing = Literal["keys", "basis", "keep"]


def bake_take(
    head_object: Object,
    head: Head,
    take: Take,
    *,
    scene_frame_start: int = 1,
    action_name: str | None = None,
    identity: Wearing = "keys",
    translation: np.ndarray | None = None,
) -> Action:
    """Write a take onto a head as a new action, and bind it; earlier actions stay as they were.

    Identity is not in the action, so every action baked onto this head plays on whichever identity it
    wears. Where an action animates one kind of datablock only (4.2, 4.3), the bones get a second one,
    called like the first with ".rig". Without bones, the object's own location and rotation are the
    action's from now on; a parent places it.
    Args:
        head_object: a head, built or adopted.
        head: its model.
        take: T frames.
        scene_frame_start: scene frame of the take's first frame.
        action_name: the take's source without its suffix where left out.
        identity: "keys": the head wears the take's identity from now on, on its identity keys; "basis": the same,
            applied into the Basis; "keep": it stays whose it is.
        translation: (T, 3) metres, FLAME axes, added to the posed head; it stays where it is where left out.
    Returns:
        The action with the shape keys' F-curves.
    Raises:
        HeadError: the object is not this head, or was changed beyond use.
        TakeError: the take was solved for another head, or has no frames, or holds values that are no numbers.
    """
    check_bake(head_object, head, take, identity=identity, translation=translation)
    eyelid_keys = names(head_object, EYELID_KEYS)
    _dress(head_object, head, take, identity)
    action, rig_action = _start_actions(head_object, action_name or Path(take.source.name).stem)
    scene_frames = scene_frames_of(take, scene_frame_start)
    features = pose_features(neck_pose=take.neck_pose, jaw_pose=take.jaw_pose, eye_pose=take.eye_pose)
    _bake_keys(head_object, action, "Expression", EXPRESSION_KEYS, take.expression, scene_frames)
    _bake_keys(head_object, action, "Eyelids", EYELID_KEYS, take.eyelid, scene_frames)
    for name, values in zip(names(head_object, LID_KEYS), lid_key_values(take.eyelid).T):
        _key_value(head_object, action, "Eyelids", name, values, scene_frames)
    _bake_keys(head_object, action, "Pose", POSE_KEYS, features, scene_frames)
    if has_armature(head_object):
        used = []
        _bake_bones(head_object, rig_action, head, take, scene_frames, translation)
    else:
        used = _bake_corrections(head_object, action, head, take, scene_frames)
        _bake_object(head_object, rig_action, head, take, scene_frames, translation)
    hold_at_zero(head_object, action, set(names(head_object, SPARE_KEYS)) - set(used))
    if names(head_object, EYELID_KEYS) != eyelid_keys and eyelid_order(head_object) == "after":
        set_eyelid_order(head_object, "after")  # by the keys that took the others' place
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


def _dress(head_object: Object, head: Head, take: Take, identity: Wearing) -> None:
    """Give a head the identity, the keys and the drivers with which it can play a take."""
    if identity != "keep":
        wear_identity(head_object, head, take.shape)
    if identity == "basis":
        apply_identity(head_object, head)
    _add_keys_for(head_object, head, take)
    if pose_keys_are_driven(head_object):
        drive_pose_keys(head_object)  # mesh or bones may have been turned since


def _start_actions(head_object: Object, name: str) -> tuple[Action, Action]:
    """Return new actions, bound to a head's shape keys and to what turns it; one and the same where Blender has slots."""
    action = _new_action(name, head_object)
    _bind(head_object.data.shape_keys, action)
    rig_action = action if compat.has_slots() else _new_action(f"{action.name}.rig", head_object)
    _bind(armature_of(head_object) if has_armature(head_object) else head_object, rig_action)
    return action, rig_action


def _bind(datablock: ID, action: Action) -> None:
    """Let a datablock play an action; the one it played before is kept in the file."""
    animation = datablock.animation_data
    if animation is not None and animation.action is not None:
        animation.action.use_fake_user = True
    compat.use_action(datablock, action)


def _add_keys_for(head_object: Object, head: Head, take: Take) -> None:
    """Add keys for the expression directions that the take uses beyond those that have one."""
    used = np.flatnonzero(np.any(take.expression, axis=0))
    listed = names(head_object, EXPRESSION_KEYS)
    missing = max(used, default=-1) + 1 - len(listed)
    if missing > 0:
        head_object.data[EXPRESSION_KEYS] = [*listed, *[""] * missing]
        hold_in_earlier_actions(head_object, add_missing_keys(head_object, head, identity=False))


def _bake_keys(
    head_object: Object, action: Action, group: str, kind: str, values: np.ndarray, scene_frames: np.ndarray
) -> None:
    """Key coefficients (T, C) on the keys of a kind; keys beyond the take's columns are keyed at 0."""
    listed = names(head_object, kind)
    values = np.pad(values.astype(np.float64), ((0, 0), (0, max(0, len(listed) - values.shape[1]))))
    for index, (name, coefficients) in enumerate(zip(listed, values.T)):
        if name:
            key_block, factor = make_room(head_object, kind, index, coefficients)
            _key_value(head_object, action, group, key_block.name, coefficients / factor, scene_frames)


def _key_value(
    head_object: Object, action: Action, group: str, name: str, values: np.ndarray, scene_frames: np.ndarray
) -> None:
    shape_keys = head_object.data.shape_keys
    fcurve = compat.ensure_fcurve(action, shape_keys, shape_keys.key_blocks[name].path_from_id("value"), group=group)
    compat.write_fcurve(fcurve, scene_frames, values)


def _bake_corrections(
    head_object: Object, action: Action, head: Head, take: Take, scene_frames: np.ndarray
) -> list[str]:
    """Key what posing by shape keys alone gets wrong on keys of its own; return their names."""
    key_blocks, placement = head_object.data.shape_keys.key_blocks, placement_of(head_object)
    earlier = [name for name in names(head_object, SPARE_KEYS) if name.startswith(CORRECTION)]
    offsets = [placement.flame_offsets(key_offsets(key_blocks[name])) for name in earlier]
    existing = np.stack(offsets, axis=-1).astype(np.float32) if earlier else None
    parameters = take.head_parameters()
    del parameters["shape"]  # which the head wears
    corrections = pose_corrections(worn_head(head_object, head), parameters, existing=existing)
    numbers = range(len(earlier), len(earlier) + corrections.directions.shape[-1])
    new = [f"{CORRECTION}{number:02d}" for number in numbers]
    used = [*earlier, *add_spare_keys(head_object, new, corrections.directions, slider=CORRECTION_SLIDER)]
    for name, values in zip(used, corrections.values.T, strict=True):
        key_block = key_blocks[name]
        key_block.slider_min = min(key_block.slider_min, values.min())
        key_block.slider_max = max(key_block.slider_max, values.max())
        _key_value(head_object, action, "Corrections", name, values, scene_frames)
    return used


def _bake_object(
    head_object: Object,
    action: Action,
    head: Head,
    take: Take,
    scene_frames: np.ndarray,
    translation: np.ndarray | None,
) -> None:
    """Key the rotation and location of a head without an armature: it turns about its root joint as a whole."""
    placement, scale = placement_of(head_object), np.array(head_object.scale)
    turn = placement.turns(take.head_pose)
    moved_root = _joint_shifts(head, take)[:, 0]  # (T, 3) by the expression
    pivot = scale * (root_pivot(head_object, head) + placement.offsets(moved_root))
    location = pivot - np.einsum("tij,tj->ti", matrices_from_axis_angle(turn), pivot)
    if translation is not None:
        location += scale * placement.offsets(translation)
    head_object.rotation_mode = 'QUATERNION'
    channels = {"rotation_quaternion": quaternions_from_axis_angle(turn), "location": location}
    _key_channels(head_object, action, "Object Transforms", channels, scene_frames)


def _bake_bones(
    head_object: Object,
    action: Action,
    head: Head,
    take: Take,
    scene_frames: np.ndarray,
    translation: np.ndarray | None,
) -> None:
    """Key the five bones' rotations and locations.

    A joint that has moved by m from its bone's rest place turns about the wrong point, which the
    location (I - R) m puts right. The root's location holds the head's translation too.
    """
    armature_object, placement = armature_of(head_object), armature_placement(head_object)
    eyes = np.split(take.eye_pose, 2, axis=1)
    poses = (take.head_pose, take.neck_pose, take.jaw_pose, *eyes)  # JOINT_NAMES' order
    moved = _joint_shifts(head, take)
    for joint, (name, pose) in enumerate(zip(bone_names(head_object), poses, strict=True)):
        bone = armature_object.pose.bones[name]
        into_bone = rest_rotation(armature_object, name)  # (3, 3): row @ into_bone is in the bone's rest axes
        turn = placement.turns(pose) @ into_bone  # (T, 3) rotation vectors
        offset = placement.offsets(moved[:, joint]) @ into_bone
        shift = offset - np.einsum("tij,tj->ti", matrices_from_axis_angle(turn), offset)
        if joint == 0 and translation is not None:
            shift += placement.offsets(translation) @ into_bone
        if np.abs(shift).max() <= LEAST_SHIFT * placement.scale:
            shift = np.zeros((1, 3))  # one key, for the action played before may have moved it
        bone.scale = (1.0, 1.0, 1.0)
        rotation, rotations = _rotation_channel(bone, turn)
        channels = {bone.path_from_id(rotation): rotations, bone.path_from_id("location"): shift}
        _key_channels(armature_object, action, name, channels, scene_frames)


def _joint_shifts(head: Head, take: Take) -> np.ndarray:
    """Return how far the expression moves each joint, (T, 5, 3) metres, FLAME axes; alike for any identity."""
    return head.joints(None, take.expression) - head.joint_template


def _rotation_channel(bone: PoseBone, turn: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the property that turns a bone in its own rotation mode, and its values, (T, 3 or 4)."""
    quaternions = quaternions_from_axis_angle(turn)
    if bone.rotation_mode == 'QUATERNION':
        return "rotation_quaternion", quaternions
    if bone.rotation_mode == 'AXIS_ANGLE':
        angle = np.linalg.norm(turn, axis=1, keepdims=True)
        axis = np.where(angle > 0, turn, [0.0, 1.0, 0.0]) / np.where(angle > 0, angle, 1.0)
        return "rotation_axis_angle", np.concatenate([angle, axis], axis=1)
    eulers = []
    for quaternion in quaternions:
        before = eulers[-1:]  # no jump by a whole turn from one frame to the next
        eulers.append(Quaternion(quaternion).to_euler(bone.rotation_mode, *before))
    return "rotation_euler", np.array(eulers)


def _key_channels(
    datablock: Object, action: Action, group: str, channels: dict[str, np.ndarray], scene_frames: np.ndarray
) -> None:
    """Key each property, by its path, with values (T, number of its components), or (1, ...) where it is still."""
    for path, values in channels.items():
        for index, column in enumerate(values.T):
            fcurve = compat.ensure_fcurve(action, datablock, path, index, group=group)
            compat.write_fcurve(fcurve, scene_frames[: len(column)], column)


def _new_action(name: str, head_object: Object) -> Action:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True  # a later bake unbinds this one, and a file keeps no data without users
    action[HEAD_ID] = head_object.data[HEAD_ID]
    return action


def check_bake(
    head_object: Object, head: Head, take: Take, *, identity: Wearing = "keys", translation: np.ndarray | None = None
) -> None:
    """Raise what `bake_take` raises, before anything is changed."""
    check_head(head_object, head)
    check_take(head, take, identity=identity != "keep")
    if translation is not None and np.shape(translation) != (len(take), 3):
        raise ValueError(f"a translation of shape {np.shape(translation)} for a take of {len(take)} frames")


def check_take(head: Head, take: Take, *, identity: bool = True) -> None:
    """Raise TakeError where a take was solved for another head, has no frames, or holds values that are no numbers.

    Its identity may be of any length where it is not to be worn.
    """
    if len(take) == 0:
        raise TakeError(f"The take of {take.source.name} has no frames. Solve the video again")
    if head.name != NAMED_MODEL and not head.is_of(take.models):
        same_name = take.models["head"] == head.name
        other = f"another {head.name} than this one" if same_name else f"{take.models['head']}, not on {head.name}"
        raise TakeError(
            f"The take of {take.source.name} was solved on {other}. Choose the head it was solved on, or carry it over"
        )
    num_expression = take.expression.shape[1]
    num_shape = len(take.shape) if identity else 0
    other_names = take.expression_names and take.expression_names != head.expression_names[: len(take.expression_names)]
    if num_expression > head.num_expression or num_shape > head.num_shape or other_names:
        raise TakeError(
            f"The take of {take.source.name} was solved for another head than {head.name} ({num_expression} expression "
            f"directions, {num_shape} of identity). Choose the head it was solved for"
        )
    broken = [name for name, values in take.head_parameters().items() if not np.all(np.isfinite(values))]
    if broken:
        raise TakeError(f"The take of {take.source.name} has no numbers in {broken[0]}. Solve the video again")
