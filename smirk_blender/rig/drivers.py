"""Drivers that let the pose keys follow the bones, for heads that are posed by hand.

They are plain expressions of the bones' quaternions: no Python runs, so they work in files that are
not trusted, and in every rotation mode.
"""

import numpy as np
from bpy.types import Object

from .armature import rest_rotation
from .checks import check_head
from .memory import POSE_KEYS, armature_of, armature_placement, bone_names, names
from .shape_keys import factor_of

DIGITS = 7  # of a direction cosine: 1e-7 of a pose direction's centimetre is far below a key's own rounding
NOTHING = 1e-9  # a direction cosine that is none
NEXT = (1, 2, 0)


def drive_pose_keys(head_object: Object) -> None:
    """Let every pose key follow its bone; keys of actions that are there are overruled, and change nothing.

    Raises:
        HeadError: the head has no armature, or cannot be changed.
    """
    check_head(head_object)
    undrive_pose_keys(head_object)
    for feature, name in enumerate(names(head_object, POSE_KEYS)):
        if name:
            drive_pose_key(head_object, feature)


def drive_pose_key(head_object: Object, feature: int) -> None:
    """Let the pose key of a feature, 0 to 35, follow its bone; it must have a key, and no driver yet.

    Raises:
        HeadError: the head has no armature.
    """
    armature_object, placement = armature_of(head_object), armature_placement(head_object)
    name = names(head_object, POSE_KEYS)[feature]
    joint, row, column = 1 + feature // 9, feature // 3 % 3, feature % 3
    bone_name = bone_names(head_object)[joint]
    into_flame = placement.axes.T @ rest_rotation(armature_object, bone_name)
    driver = head_object.data.shape_keys.key_blocks[name].driver_add("value").driver
    driver.type = 'SCRIPTED'
    for letter in "wxyz":
        variable = driver.variables.new()
        variable.name, variable.type = letter, 'TRANSFORMS'
        target = variable.targets[0]
        target.id, target.bone_target = armature_object, bone_name
        target.transform_type, target.rotation_mode = f'ROT_{letter.upper()}', 'QUATERNION'
        target.transform_space = 'LOCAL_SPACE'
    driver.expression = pose_feature_expression(into_flame, row, column, factor_of(head_object, name))
    assert driver.is_simple_expression, driver.expression  # else Blender would ask whether to trust it


def undrive_pose_keys(head_object: Object) -> None:
    """Take the pose keys' drivers away; what was baked plays as keyed."""
    key_blocks = head_object.data.shape_keys.key_blocks
    for name in names(head_object, POSE_KEYS):
        if name:
            key_blocks[name].driver_remove("value")


def pose_keys_are_driven(head_object: Object) -> bool:
    """Return whether drivers hold the pose keys."""
    shape_keys = head_object.data.shape_keys
    animation, key_blocks = shape_keys.animation_data, shape_keys.key_blocks
    listed = [name for name in names(head_object, POSE_KEYS) if name in key_blocks]
    pose_paths = {key_blocks[name].path_from_id("value") for name in listed}
    return animation is not None and any(fcurve.data_path in pose_paths for fcurve in animation.drivers)


def pose_feature_expression(into_flame: np.ndarray, row: int, column: int, factor: float = 1.0) -> str:
    """Return a driver expression of a bone's quaternion (w, x, y, z) for one entry of the rotation less the identity.

    Args:
        into_flame: (3, 3), the bone's rest axes as columns, in FLAME's axes.
        row, column: of the rotation matrix in FLAME's axes.
        factor: of the key: value = entry / factor.
    Source: the rotation matrix of a unit quaternion.
    """
    axes = into_flame * np.linalg.det(into_flame)  # a mirror turns rotations the other way
    parts = [_sum(axis) for axis in axes]  # FLAME's x, y, z of the quaternion, in the bone's
    if row == column:
        others = [parts[other] for other in range(3) if other != row]
        formula = f"-({others[0]}*{others[0]}+{others[1]}*{others[1]})"
    else:
        third = 3 - row - column
        sign = "+" if NEXT[column] == row else "-"
        formula = f"({parts[row]}*{parts[column]}{sign}w*{parts[third]})"
    return f"{2.0 / factor:.{DIGITS}g}*{formula}"


def _sum(cosines: np.ndarray) -> str:
    terms = [f"{cosine:+.{DIGITS}g}*{letter}" for cosine, letter in zip(cosines, "xyz") if abs(cosine) > NOTHING]
    return "(" + "".join(terms) + ")"
