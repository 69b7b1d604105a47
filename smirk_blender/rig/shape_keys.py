"""Shape keys of a head: made from FLAME directions, and kept able to show any coefficient.

Blender clamps a key's value to its slider, and a slider to -10..10. A coefficient beyond that is
shown by a key that stores `factor` times its direction, with value coefficient / factor. Factors are
powers of two, so that storing and dividing lose nothing.
"""

from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from bpy.types import Object, ShapeKey

from . import compat
from .axes import to_blender

SLIDER_LIMIT = 10.0  # Blender's own, both ways
DIRECTION_SLIDER = (-3.0, 3.0)  # of identity and expression: three standard deviations
EYELID_SLIDER = (0.0, 1.0)
POSE_SLIDER = (-2.0, 1.0)  # all that a rotation matrix less the identity can hold
KEY_FACTORS = "smirk_key_factors"  # custom property of the object: factor by key name, where it is not 1
HEAD_ID = "smirk_head_id"  # custom property of the object and of every action baked onto it


def add_keys(
    head_object: Object, names: Sequence[str], directions: np.ndarray, *, slider: tuple[float, float]
) -> list[str]:
    """Add one shape key a direction at value 0; return the names that Blender gave them.

    Args:
        head_object: a mesh object with a Basis key.
        names: one a direction.
        directions: (V, 3, C) metres per unit, FLAME axes.
        slider: least and greatest value that the slider offers.
    """
    basis = key_points(head_object.data.shape_keys.reference_key)
    made = []
    for name, offsets in zip(names, np.moveaxis(directions, -1, 0), strict=True):
        key_block = head_object.shape_key_add(name=name, from_mix=False)
        set_key_points(key_block, basis + to_blender(offsets))
        key_block.slider_max, key_block.slider_min = slider[1], slider[0]
        key_block.value = 0.0  # 5.0 makes keys with 1
        made.append(key_block.name)
    head_object.data.update()  # 4.2 does not see foreach_set otherwise
    return made


def make_room(head_object: Object, key_block: ShapeKey, coefficients: np.ndarray) -> float:
    """Let a key show coefficients of any size; return its factor: value = coefficient / factor.

    The slider only grows, and so does the factor; when it does, the actions baked onto this head
    before are divided by as much, and play as they did.
    """
    factors = head_object[KEY_FACTORS]
    factor = old_factor = factors.get(key_block.name, 1.0)
    greatest = float(np.max(np.abs(coefficients), initial=0.0))
    while greatest / factor > SLIDER_LIMIT:
        factor *= 2.0
    if factor != old_factor:
        _scale_key(head_object, key_block, factor / old_factor)
        factors[key_block.name] = factor
    low, high = np.min(coefficients, initial=0.0) / factor, np.max(coefficients, initial=0.0) / factor
    key_block.slider_max = max(key_block.slider_max, float(np.ceil(high)))
    key_block.slider_min = min(key_block.slider_min, float(np.floor(low)))
    return factor


def set_coefficient(head_object: Object, name: str, coefficient: float) -> None:
    """Show one unanimated coefficient on the key of that name."""
    key_block = head_object.data.shape_keys.key_blocks[name]
    key_block.value = coefficient / make_room(head_object, key_block, np.array([coefficient]))


def key_points(key_block: ShapeKey) -> np.ndarray:
    """Return a key's vertices, (V, 3) float32, metres, Blender axes."""
    points = np.empty(3 * len(key_block.points), np.float32)
    key_block.points.foreach_get("co", points)
    return points.reshape(-1, 3)


def set_key_points(key_block: ShapeKey, points: np.ndarray) -> None:
    """Store a key's vertices, (V, 3) metres, Blender axes; `mesh.update()` must follow."""
    key_block.points.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())


def _scale_key(head_object: Object, key_block: ShapeKey, ratio: float) -> None:
    basis = key_points(head_object.data.shape_keys.reference_key)
    set_key_points(key_block, basis + ratio * (key_points(key_block) - basis))
    head_object.data.update()
    key_block.value /= ratio
    data_path = key_block.path_from_id("value")
    for action in actions_baked_onto(head_object):
        for fcurve in compat.fcurves(action):
            if fcurve.data_path == data_path:
                keys = np.empty(2 * len(fcurve.keyframe_points), np.float32)
                fcurve.keyframe_points.foreach_get("co", keys)
                scene_frames, values = keys.reshape(-1, 2).T
                compat.write_fcurve(fcurve, scene_frames, values / ratio)


def actions_baked_onto(head_object: Object) -> Iterable[bpy.types.Action]:
    """Return the actions that `bake_take` made for this head."""
    return [action for action in bpy.data.actions if action.get(HEAD_ID) == head_object[HEAD_ID]]
