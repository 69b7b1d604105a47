"""What of a take is keyed on which channel: shape keys, bones, or the object of a head without an armature.

Every function is a generator that keys one F-curve, or little more, a step.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from bpy.types import Object, PoseBone
from mathutils import Quaternion

from ..errors import HeadError
from ..flame.head import Head
from ..flame.pose_keys import pose_corrections, pose_features
from ..flame.rotations import matrices_from_axis_angle, quaternions_from_axis_angle
from ..retarget.selection import EXPRESSION, EYELIDS, HEAD, JOINT_PARTS
from ..take import Take
from . import compat
from .armature import rest_rotation
from .identity import root_pivot, worn_steps
from .key_sheet import KeySheet
from .lid_corrective import lid_key_values
from .memory import (
    EXPRESSION_KEYS,
    EYELID_KEYS,
    LID_KEYS,
    POSE_KEYS,
    REPAIR,
    SPARE_KEYS,
    armature_of,
    armature_placement,
    bone_names,
    key_chain,
    names,
    placement_of,
    rig_action_of,
)
from .shape_keys import add_spare_keys, key_block_of, key_offsets, make_room
from .steps import HeldHead, Steps, aside

LEAST_SHIFT = 1e-7  # metres; joints that move less stand still
CORRECTION = "correction_"  # and a number: keys for what posing by shape keys alone gets wrong
CORRECTION_SLIDER = (-1.0, 1.0)
FEATURES = 9  # pose features of a joint; the root has none
ROOT = 0  # of JOINT_NAMES
KEYS_AT_ONCE = 10_000  # written in 3 ms
LONG_TAKE = 500  # frames; what is reckoned of a longer one takes milliseconds, and is done aside

Rotation = tuple[str, str, np.ndarray]  # mode, data path, (T, 3 or 4) values
Location = tuple[str, np.ndarray]  # data path, (T or 1, 3) values


@dataclass(frozen=True)
class Baking:
    """What every step of a bake needs.

    Attributes:
        held: the head, and the action.
        head: its model.
        take: T frames, at rest where nothing is to be keyed.
        scene_frames: (T,) of its frames.
        translation: (T, 3) metres, FLAME axes, added to the posed head; or None.
        parts: of the face, which are keyed.
        threaded: see `steps.aside`.
        sheet: where channels of T frames are noted instead of keyed, for fewer keys; or None.
        late: where F-curves are noted instead of written, until `late_steps`: every curve that is written of an action
            that the head plays has the window drawn again; or None.
    """

    held: HeldHead
    head: Head
    take: Take
    scene_frames: np.ndarray
    translation: np.ndarray | None
    parts: frozenset[str]
    threaded: bool
    sheet: KeySheet | None = None
    late: "list[_LateCurve] | None" = None

    @property
    def reckons_aside(self) -> bool:
        """Whether a take this long is reckoned with in a thread; starting one for a short take would take longer."""
        return self.threaded and len(self.take) > LONG_TAKE


class _LateCurve(NamedTuple):
    """An F-curve to be written.

    Attributes:
        find: returns the object that it turns; None for one of the shape keys.
        data_path, index, group: its own.
        values: (T,), or (1,) where it is still.
    """

    find: Callable[[], Object] | None
    data_path: str
    index: int
    group: str
    values: np.ndarray


def late_steps(baking: Baking) -> Steps[None]:
    """Write all F-curves that were noted, as many a step as take a few milliseconds: they are seen together."""
    num_keys = 0
    for curve in baking.late or ():
        _write_now(baking, curve)
        num_keys += len(curve.values)
        if num_keys >= KEYS_AT_ONCE:
            num_keys = 0
            yield


def _write(baking: Baking, curve: _LateCurve) -> None:
    if baking.late is not None:
        baking.late.append(curve)
    else:
        _write_now(baking, curve)


def _write_now(baking: Baking, curve: _LateCurve) -> None:
    action = baking.held.action
    if curve.find is None:
        datablock = baking.held.head_object.data.shape_keys
    else:
        datablock, action = curve.find(), rig_action_of(action)
    fcurve = compat.ensure_fcurve(action, datablock, curve.data_path, curve.index, group=curve.group)
    compat.write_fcurve(fcurve, baking.scene_frames[: len(curve.values)], curve.values)


def key_steps(baking: Baking) -> Steps[None]:
    """Key expression, eyelids and pose features on their shape keys."""
    take = baking.take
    if EXPRESSION in baking.parts:
        columns = range(len(names(baking.held.head_object, EXPRESSION_KEYS)))
        yield from _coefficient_steps(baking, "Expression", EXPRESSION_KEYS, take.expression, columns)
    if EYELIDS in baking.parts:
        columns = range(len(names(baking.held.head_object, EYELID_KEYS)))
        yield from _coefficient_steps(baking, "Eyelids", EYELID_KEYS, take.eyelid, columns)
        for name, values in zip(names(baking.held.head_object, LID_KEYS), lid_key_values(take.eyelid).T):
            _key_value(baking, "Eyelids", name, values)
            yield
    posed = lambda: pose_features(neck_pose=take.neck_pose, jaw_pose=take.jaw_pose, eye_pose=take.eye_pose)
    features = yield from aside(posed, threaded=baking.reckons_aside)
    columns = [column for column in range(features.shape[1]) if JOINT_PARTS[1 + column // FEATURES] in baking.parts]
    yield from _coefficient_steps(baking, "Pose", POSE_KEYS, features, columns)


def correction_steps(baking: Baking) -> Steps[list[str]]:
    """Key what posing by shape keys alone gets wrong on keys of its own; return their names."""
    held, head_object = baking.held, baking.held.head_object
    earlier = [name for name in names(head_object, SPARE_KEYS) if name.startswith(CORRECTION)]
    offsets = []
    for name in earlier:
        offsets.append(placement_of(held.head_object).flame_offsets(key_offsets(key_block_of(held.head_object, name))))
        yield
    existing = np.stack(offsets, axis=-1).astype(np.float32) if earlier else None
    parameters = baking.take.head_parameters()
    del parameters["shape"]  # which the head wears
    worn = yield from worn_steps(held, baking.head, threaded=baking.threaded)
    find = lambda: pose_corrections(worn, parameters, existing=existing)
    corrections = yield from aside(find, threaded=baking.threaded)
    used = list(earlier)
    for direction in np.moveaxis(corrections.directions, -1, 0):
        new = f"{CORRECTION}{len(used):02d}"
        used += add_spare_keys(held.head_object, [new], direction[..., None], slider=CORRECTION_SLIDER)
        yield
    for name, values in zip(used, corrections.values.T, strict=True):
        key_block = key_block_of(held.head_object, name)
        key_block.slider_min = min(key_block.slider_min, values.min())
        key_block.slider_max = max(key_block.slider_max, values.max())
        _key_value(baking, "Corrections", name, values)
        yield
    return used


def hold_steps(baking: Baking, used: Collection[str]) -> Steps[None]:
    """Key the spare keys of the parts at 0, but for the used ones."""
    head_object = baking.held.head_object
    others = set(used)
    for part, kind in ((EXPRESSION, EXPRESSION_KEYS), (EYELIDS, EYELID_KEYS)):
        if part not in baking.parts:
            others.update(name for key in names(head_object, kind) if key for name in key_chain(head_object, key))
    for name in names(head_object, SPARE_KEYS):
        if name not in others:
            _key_value(baking, "", name, np.zeros(1))
            yield


def object_step(baking: Baking) -> Steps[None]:
    """Key the rotation and location of a head without an armature: it turns about its root joint as a whole."""
    if HEAD not in baking.parts:
        return
    head_object = baking.held.head_object
    placement, scale = placement_of(head_object), np.array(head_object.scale)
    turn = placement.turns(baking.take.head_pose)
    moved_root = _joint_shifts(baking)[:, 0]  # (T, 3) by the expression
    pivot = scale * (root_pivot(head_object, baking.head) + placement.offsets(moved_root))
    location = pivot - np.einsum("tij,tj->ti", matrices_from_axis_angle(turn), pivot)
    if baking.translation is not None:
        location += scale * placement.offsets(baking.translation)
    if head_object.rotation_mode != 'QUATERNION':  # likewise
        head_object.rotation_mode = 'QUATERNION'
    rotation = ('QUATERNION', "rotation_quaternion", quaternions_from_axis_angle(turn))
    yield
    find = lambda: baking.held.head_object
    yield from _turn_steps(baking, find, "Object Transforms", ROOT, rotation, ("location", location))


def bone_steps(baking: Baking) -> Steps[None]:
    """Key the five bones' rotations and locations.

    A joint that has moved by m from its bone's rest place turns about the wrong point, which the
    location (I - R) m puts right. The root's location holds the head's translation too.
    """
    take = baking.take
    eyes = np.split(take.eye_pose, 2, axis=1)
    poses = (take.head_pose, take.neck_pose, take.jaw_pose, *eyes)  # JOINT_NAMES' order
    moved = yield from aside(_joint_shifts, baking, threaded=baking.reckons_aside)
    for joint, (pose, part) in enumerate(zip(poses, JOINT_PARTS, strict=True)):
        if part in baking.parts:
            name = bone_names(baking.held.head_object)[joint]
            rotation, location = yield from _bone_channels(baking, joint, pose, moved[:, joint])
            find = lambda: armature_of(baking.held.head_object)
            yield from _turn_steps(baking, find, name, joint, rotation, location)


def _bone_channels(
    baking: Baking, joint: int, pose: np.ndarray, moved: np.ndarray
) -> Steps[tuple[Rotation, Location]]:
    """Return what a bone's rotation and location are keyed with; the bone gets ready for it.

    Args:
        joint: in JOINT_NAMES' order.
        pose: (T, 3) axis-angle, radians, FLAME axes.
        moved: (T, 3) metres, FLAME axes: how far the expression moves the joint.
    """
    head_object = baking.held.head_object
    placement, name = armature_placement(head_object), bone_names(head_object)[joint]
    _bone(head_object, name)
    into_bone = rest_rotation(armature_of(head_object), name)  # (3, 3): row @ into_bone is in the bone's rest axes

    def reckon() -> tuple[np.ndarray, np.ndarray]:
        turn = placement.turns(pose) @ into_bone  # (T, 3) rotation vectors
        offset = placement.offsets(moved) @ into_bone
        shift = offset - np.einsum("tij,tj->ti", matrices_from_axis_angle(turn), offset)
        if joint == 0 and baking.translation is not None:
            shift += placement.offsets(baking.translation) @ into_bone
        return turn, shift

    turn, shift = yield from aside(reckon, threaded=baking.reckons_aside)
    if np.abs(shift).max() <= LEAST_SHIFT * placement.scale:
        shift = np.zeros((1, 3))  # one key, for the action played before may have moved it
    bone = _bone(baking.held.head_object, name)
    if tuple(bone.scale) != (1.0, 1.0, 1.0):  # setting it draws the window again
        bone.scale = (1.0, 1.0, 1.0)
    name, rotations = _rotation_channel(bone, turn)
    return (bone.rotation_mode, bone.path_from_id(name), rotations), (bone.path_from_id("location"), shift)


def _bone(head_object: Object, name: str) -> PoseBone:
    bone = armature_of(head_object).pose.bones.get(name)
    if bone is None:
        raise HeadError(f"{head_object.name} has lost its bone {name}. {REPAIR}")
    return bone


def _coefficient_steps(
    baking: Baking, group: str, kind: str, values: np.ndarray, columns: Collection[int]
) -> Steps[None]:
    """Key these columns of coefficients (T, C) on the keys of a kind; keys beyond the take's columns are keyed at 0."""
    values, none = values.astype(np.float64), np.zeros(len(values))
    for index in columns:
        head_object = baking.held.head_object
        if names(head_object, kind)[index]:
            coefficients = values[:, index] if index < values.shape[1] else none
            key_block, factor = make_room(head_object, kind, index, coefficients)
            _key_value(baking, group, key_block.name, coefficients / factor)
            yield


def _key_value(baking: Baking, group: str, name: str, values: np.ndarray) -> None:
    """Key a shape key with values (T,), or (1,) where it is still."""
    if baking.sheet is not None and len(values) == len(baking.scene_frames):
        baking.sheet.add_key(group, name, values)
        return
    data_path = key_block_of(baking.held.head_object, name).path_from_id("value")
    _write(baking, _LateCurve(None, data_path, 0, group, values))


def _joint_shifts(baking: Baking) -> np.ndarray:
    """Return how far the expression moves each joint, (T, 5, 3) metres, FLAME axes; alike for any identity."""
    return baking.head.joints(None, baking.take.expression) - baking.head.joint_template


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


def _turn_steps(
    baking: Baking, find: Callable[[], Object], group: str, joint: int, rotation: Rotation, location: Location
) -> Steps[None]:
    """Key what turns and shifts a joint, on the object that is found."""
    (mode, rotation_path, rotations), (location_path, locations) = rotation, location
    moves = len(locations) == len(baking.scene_frames)
    noted = baking.sheet is not None
    if noted:
        shifts = locations if moves else locations[:0].reshape(0, 0)
        baking.sheet.add_turn(group, joint, mode, (rotation_path, rotations), (location_path, shifts))
    for path, values in ((rotation_path, rotations), (location_path, locations)):
        if noted and (moves or path == rotation_path):
            continue
        for index, column in enumerate(values.T):
            _write(baking, _LateCurve(find, path, index, group, column))
            yield
