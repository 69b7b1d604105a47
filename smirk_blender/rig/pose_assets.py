"""Expressions as assets: what a head shows now as an action of one key frame, marked as an asset; and back onto a head.

Blender's own Pose Library applies to armatures in Pose Mode alone, and an expression is mostly shape keys.
"""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Action, Object, PoseBone, ShapeKey
from mathutils import Quaternion, Vector

from ..errors import HeadError
from ..exchange.portrait import FACE_PART, portrait
from ..flame.head import JOINT_NAMES
from ..retarget.selection import ALL_PARTS, EXPRESSION, EYELIDS, HEAD, JOINT_PARTS
from . import compat
from .checks import refuse_linked
from .memory import (
    EXPRESSION_KEYS,
    EXPRESSION_TAG,
    EYELID_KEYS,
    LID_KEYS,
    POSE_KEYS,
    RIG_ACTION,
    SPARE_KEYS,
    armature_of,
    bone_names,
    has_armature,
    is_head,
    names,
    placement_of,
    rig_action_of,
)
from .surface import COLOR_ATTRIBUTE

FACE = ALL_PARTS - {HEAD}  # an expression does not turn the head
KEY_FRAME = 1.0  # scene frame of an expression's keys
FEATURES = 9  # pose features of a joint; the root has none
AUTHOR = "SMIRK for Blender"
KEY_PATH = re.compile(r'key_blocks\["(.*)"\]\.value')
BONE_PATH = re.compile(r'pose\.bones\["(.*)"\]\.(rotation_quaternion|location)')


@dataclass(frozen=True)
class Applied:
    """What came of an expression on a head: how many channels were set, and the names that the head has not."""

    num_keys: int
    num_bones: int
    missing: tuple[str, ...]


def add_expression(
    head_object: Object,
    name: str,
    *,
    parts: Collection[str] = FACE,
    catalog_id: str = "",
    description: str = "",
    tags: Sequence[str] = (),
    picture: bool = True,
) -> Action:
    """Return a new action, marked as an asset, of what a head shows at the scene's frame.

    It keys expression, lids, jaw and gaze, not whose face it is. Where an action animates one kind of datablock (4.2,
    4.3), the bones' is a second one, called like it with ".rig".
    Args:
        parts: of the face, see `retarget.selection`.
        catalog_id: of `exchange.asset_catalog`; none where left out.
        picture: whether it gets one; drawing it takes long, see `face_of` and `set_picture`.
    Raises:
        HeadError: that is no head.
    """
    if not is_head(head_object):
        raise HeadError("That object is not a SMIRK head. Select one, or build it first")
    action = rig_action = _new_action(name)
    shape_keys = head_object.data.shape_keys
    frames = np.array([KEY_FRAME])
    for key_name in keys_of_parts(head_object, parts):
        key = shape_keys.key_blocks.get(key_name)
        if key is not None:
            fcurve = compat.ensure_fcurve(action, shape_keys, key.path_from_id("value"))
            compat.write_fcurve(fcurve, frames, np.array([key.value]))
    if has_armature(head_object):
        rig = armature_of(head_object)
        if not compat.has_slots():
            rig_action = action[RIG_ACTION] = _new_action(f"{action.name}.rig")
        for bone_name, part in zip(bone_names(head_object), JOINT_PARTS, strict=True):
            if part in parts:
                _key_bone(rig_action, rig, rig.pose.bones[bone_name], frames)
    action[EXPRESSION_TAG] = True
    action.asset_mark()
    details = action.asset_data
    details.author, details.description = AUTHOR, description
    for tag in tags:
        details.tags.new(tag, skip_if_exists=True)
    if catalog_id:
        details.catalog_id = catalog_id
    if picture:
        set_picture(action, portrait(*face_of(head_object), part=FACE_PART))
    return action


def apply_expression(
    head_object: Object, action: Action, *, blend: float = 1.0, key_frame: float | None = None
) -> Applied:
    """Let a head show an expression, or some of it; return what came of it.

    Values and sliders are changed, no action is: one that moves these channels wins at the next frame, unless keys are
    set.
    Args:
        action: of `add_expression`, or any with such channels; its first key counts.
        blend: 0 leaves the head as it is, 1 is the whole expression; 0.5 lies half way.
        key_frame: scene frame at which what is set gets keys; none where left out.
    Raises:
        HeadError: the head is linked from another file, or nothing in the action is one of its channels.
    """
    refuse_linked(head_object)
    key_blocks = head_object.data.shape_keys.key_blocks
    bones = armature_of(head_object).pose.bones if has_armature(head_object) else {}
    keys, turns, missing = {}, {}, []
    for fcurve in [*compat.fcurves(action), *(compat.fcurves(rig_action_of(action)) if RIG_ACTION in action else ())]:
        value = fcurve.evaluate(fcurve.range()[0])
        of_key, of_bone = KEY_PATH.fullmatch(fcurve.data_path), BONE_PATH.fullmatch(fcurve.data_path)
        found = of_key or of_bone
        name = bpy.utils.unescape_identifier(found[1]) if found else fcurve.data_path
        if of_key and name in key_blocks:
            keys[name] = value
        elif of_bone and name in bones:
            turns.setdefault(name, {}).setdefault(of_bone[2], {})[fcurve.array_index] = value
        elif name not in missing:
            missing.append(name)
    if not keys and not turns:
        raise HeadError(f"{action.name} moves nothing that {head_object.name} has. Choose an expression of such a head")
    for name, value in keys.items():
        _set_key(key_blocks[name], value, blend, key_frame)
    for name, channels in turns.items():
        _set_bone(bones[name], channels, blend, key_frame)
    return Applied(len(keys), len(turns), tuple(missing))


def keys_of_parts(head_object: Object, parts: Collection[str]) -> list[str]:
    """Return the names of the shape keys that move these parts of a head; those of its identity move none."""
    found = []
    if EXPRESSION in parts:
        found += names(head_object, EXPRESSION_KEYS) + names(head_object, SPARE_KEYS)
    if EYELIDS in parts:
        found += names(head_object, EYELID_KEYS) + names(head_object, LID_KEYS)
    for feature, name in enumerate(names(head_object, POSE_KEYS)):
        if JOINT_PARTS[1 + feature // FEATURES] in parts:
            found.append(name)
    return list(dict.fromkeys(filter(None, found)))


def face_of(head_object: Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `portrait` draws of a head as it is now, looking straight ahead: points, triangles, colours."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = head_object.evaluated_get(depsgraph)
    mesh = evaluated.data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    points = points.reshape(-1, 3).astype(np.float64)
    if has_armature(head_object):
        rig = armature_of(head_object).evaluated_get(depsgraph)
        root = rig.pose.bones[bone_names(head_object)[JOINT_NAMES.index("root")]]
        between = rig.matrix_world.inverted() @ evaluated.matrix_world
        turned = np.array(between.inverted() @ root.bone.matrix_local @ root.matrix.inverted() @ between)
        points = points @ turned[:3, :3].T + turned[:3, 3]
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    triangles = triangles.reshape(-1, 3)
    return placement_of(head_object).flame_points(points), triangles, _colors(mesh, triangles)


def set_picture(action: Action, pixels: np.ndarray) -> None:
    """Give an asset its picture, (H, W, 4) as `portrait` returns it."""
    preview = action.preview_ensure()
    preview.image_size = pixels.shape[1], pixels.shape[0]
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())


def library_folder(blend: str | os.PathLike) -> Path:
    """Return where Blender looks for the catalogues of a .blend: in the asset library that holds it, or beside it."""
    blend = Path(blend).resolve()
    known = bpy.context.preferences.filepaths.asset_libraries
    roots = [Path(library.path).resolve() for library in known if library.path]
    return next((root for root in roots if blend.is_relative_to(root)), blend.parent)


def _colors(mesh: bpy.types.Mesh, triangles: np.ndarray) -> np.ndarray:
    """Return the triangles' colours, (F, 3) linear RGB: the vertices' where there are some, else the materials'."""
    painted = mesh.color_attributes.get(COLOR_ATTRIBUTE)
    if painted is not None and painted.domain == 'POINT':
        rgba = np.empty(4 * len(mesh.vertices), np.float32)
        painted.data.foreach_get("color", rgba)
        return rgba.reshape(-1, 4)[triangles, :3].mean(axis=1)
    index = np.empty(len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("material_index", index)
    colors = np.array([material.diffuse_color[:3] if material else (0.6,) * 3 for material in mesh.materials])
    return colors[np.clip(index, 0, len(colors) - 1)] if len(colors) else np.full((len(index), 3), 0.6)


def _new_action(name: str) -> Action:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    return action


def _key_bone(action: Action, rig: Object, bone: PoseBone, frames: np.ndarray) -> None:
    location, rotation, _ = bone.matrix_basis.decompose()
    for name, values in (("rotation_quaternion", rotation), ("location", location)):
        for index, value in enumerate(values):
            fcurve = compat.ensure_fcurve(action, rig, bone.path_from_id(name), index, group=bone.name)
            compat.write_fcurve(fcurve, frames, np.array([value]))


def _set_key(key: ShapeKey, value: float, blend: float, key_frame: float | None) -> None:
    value = (1.0 - blend) * key.value + blend * value
    key.slider_max, key.slider_min = max(key.slider_max, value), min(key.slider_min, value)
    key.value = value
    if key_frame is not None:
        key.keyframe_insert("value", frame=key_frame)


def _set_bone(bone: PoseBone, channels: dict[str, dict[int, float]], blend: float, key_frame: float | None) -> None:
    location, rotation, scale = bone.matrix_basis.decompose()
    wanted = Vector([channels.get("location", {}).get(index, location[index]) for index in range(3)])
    turned = channels.get("rotation_quaternion", {})
    if len(turned) == 4:
        rotation = rotation.slerp(Quaternion([turned[index] for index in range(4)]), blend)
    bone.location = location.lerp(wanted, blend)
    if bone.rotation_mode == 'QUATERNION':
        path, bone.rotation_quaternion = "rotation_quaternion", rotation
    elif bone.rotation_mode == 'AXIS_ANGLE':
        axis, angle = rotation.to_axis_angle()
        path, bone.rotation_axis_angle = "rotation_axis_angle", (angle, *axis)
    else:
        path, bone.rotation_euler = "rotation_euler", rotation.to_euler(bone.rotation_mode, bone.rotation_euler)
    bone.scale = scale
    if key_frame is not None:
        for name in ("location", path):
            bone.keyframe_insert(name, frame=key_frame)
