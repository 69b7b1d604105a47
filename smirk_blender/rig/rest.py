"""How objects and bones stand at rest, whatever their actions, poses and the scene's frame make of them now.

A bone's rest is the armature's own. An object has none: here it is how it stood before the first take was retargeted
onto it; else what its action holds at its first keys; else how it stands.
"""

import json

import numpy as np
from bpy.types import ID, Action, Bone, Object
from mathutils import Euler, Matrix, Quaternion, Vector

from ..errors import RetargetError
from . import compat
from .action_notes import BEFORE, label_of, played_actions

ROTATIONS = {'QUATERNION': "rotation_quaternion", 'AXIS_ANGLE': "rotation_axis_angle"}  # by mode; else rotation_euler
TRANSFORMS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")
Values = dict[str, list[float]]


def stood_before(action: Action, datablock: ID) -> Values:
    """Return how a datablock stood before a take was retargeted to this action, by data path; empty if it was not."""
    return json.loads(action.get(BEFORE, "{}")).get(label_of(datablock), {})


def rotation_property(mode: str) -> str:
    """Return the property that turns an object or a bone of a rotation mode."""
    return ROTATIONS.get(mode, "rotation_euler")


def resting_values(thing: Object) -> Values:
    """Return an object's location, rotations and scale at rest, by property."""
    values = {name: [float(number) for number in getattr(thing, name)] for name in TRANSFORMS}
    for action, slot in played_actions(thing):
        before = stood_before(action, thing)
        if before:
            return values | {name: before[name] for name in TRANSFORMS if name in before}
        for fcurve in compat.slot_fcurves(action, slot):
            if fcurve.data_path in values and len(fcurve.keyframe_points):
                values[fcurve.data_path][fcurve.array_index] = fcurve.evaluate(fcurve.range()[0])
    return values


def resting_rotation(thing: Object, values: Values) -> Quaternion:
    """Return what of `resting_values` turns an object, without its delta transform."""
    if thing.rotation_mode == 'QUATERNION':
        return Quaternion(values["rotation_quaternion"]).normalized()
    if thing.rotation_mode == 'AXIS_ANGLE':
        angle, *axis = values["rotation_axis_angle"]
        return Quaternion(axis, angle)
    return Euler(values["rotation_euler"], thing.rotation_mode).to_quaternion()


def resting_matrix(thing: Object) -> np.ndarray:
    """Return an object's matrix at rest, (4, 4) float64: its own space to the world's."""
    own = _resting_basis(thing)
    parent = thing.parent
    if parent is None:
        return own
    return resting_matrix(parent) @ _of_parent(thing) @ np.array(thing.matrix_parent_inverse, np.float64) @ own


def into_resting(thing: Object) -> np.ndarray:
    """Return the inverse of `resting_matrix`: the world's space to an object's own.

    Raises:
        RetargetError: the object, or what carries it, is scaled to nothing.
    """
    matrix = resting_matrix(thing)
    if abs(np.linalg.det(matrix[:3, :3])) <= np.finfo(float).tiny:
        raise RetargetError(
            f"{thing.name} is scaled to nothing, by itself or by what carries it. Give it a scale, or apply it"
        )
    return np.linalg.inv(matrix)


def resting_bone(bone: Bone) -> np.ndarray:
    """Return a bone's matrix at rest, (4, 4) float64: its own space to its armature's."""
    return np.array(bone.matrix_local, np.float64)


def _of_parent(thing: Object) -> np.ndarray:
    """Return what of its parent an object hangs on, in the parent's space."""
    bone = thing.parent.data.bones.get(thing.parent_bone) if thing.parent_type == 'BONE' else None
    if bone is None or bone.use_relative_parent:
        return np.eye(4)
    tail = np.eye(4)
    tail[1, 3] = bone.length
    return resting_bone(bone) @ tail


def _resting_basis(thing: Object) -> np.ndarray:
    values = resting_values(thing)
    turn = resting_rotation(thing, values)
    if thing.rotation_mode == 'QUATERNION':
        turn = thing.delta_rotation_quaternion @ turn
    elif thing.rotation_mode != 'AXIS_ANGLE':  # deltas of axis and angle are not offered
        turn = Euler(thing.delta_rotation_euler, thing.rotation_mode).to_quaternion() @ turn
    place = Vector(values["location"]) + thing.delta_location
    scale = [own * delta for own, delta in zip(values["scale"], thing.delta_scale)]
    return np.array(Matrix.LocRotScale(place, turn, Vector(scale)), np.float64)
