"""Shape keys of a head: made from FLAME directions, and kept able to show any coefficient.

Blender clamps a key's value to its slider, and a slider to -10..10. A coefficient beyond that is
shown by a wide key: one that stores `factor` times the direction, with value coefficient / factor.
It takes the place of the key that could not reach; no key that is there is ever changed, for
actions play on it that somebody edited or made. Factors of keys that somebody else made are
whatever was measured; those of wide keys are powers of two, so that storing and dividing lose nothing.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from bpy.types import Action, Object, ShapeKey

from ..errors import HeadError
from . import compat
from .memory import KEY_FACTORS, REPAIR, REPLACED_KEYS, SPARE_KEYS, actions_baked_onto, names, placement_of

NUM_IDENTITY_KEYS = 10  # the directions that people recognise; the rest of an identity becomes one key
NUM_EXPRESSION_KEYS = 50  # as many as SMIRK solves for; a bake adds those that a take needs beyond
SLIDER_LIMIT = 10.0  # Blender's own, both ways
DIRECTION_SLIDER = (-3.0, 3.0)  # of identity and expression: three standard deviations
EYELID_SLIDER = (0.0, 1.0)
POSE_SLIDER = (-2.0, 1.0)  # all that a rotation matrix less the identity can hold
WIDE = " wide"  # ends the name of a wide key


def add_keys(
    head_object: Object, key_names: Sequence[str], directions: np.ndarray, *, slider: tuple[float, float]
) -> list[str]:
    """Add one shape key a direction at value 0; return the names that Blender gave them.

    Args:
        head_object: of a head, with a Basis key.
        key_names: one a direction.
        directions: (V, 3, C) metres per unit, FLAME axes.
        slider: least and greatest value that the slider offers.
    """
    basis = key_points(head_object.data.shape_keys.reference_key)
    placement = placement_of(head_object)
    made = []
    for name, offsets in zip(key_names, np.moveaxis(directions, -1, 0), strict=True):
        made.append(add_key(head_object, name, basis + placement.offsets(offsets), slider))
    head_object.data.update()  # 4.2 does not see foreach_set otherwise
    return made


def add_key(head_object: Object, name: str, points: np.ndarray, slider: tuple[float, float]) -> str:
    """Add a shape key at value 0; return the name that Blender gave it. `mesh.update()` must follow.

    Args:
        head_object: with a Basis key.
        name: of the key.
        points: (V, 3) or (3 V,), in the mesh's coordinates.
        slider: least and greatest value that it offers.
    """
    key_block = head_object.shape_key_add(name=name, from_mix=False)
    set_key_points(key_block, points)
    key_block.slider_max, key_block.slider_min = slider[1], slider[0]
    key_block.value = 0.0  # 5.0 makes keys with 1
    return key_block.name


def make_room(head_object: Object, kind: str, index: int, coefficients: np.ndarray) -> tuple[ShapeKey, float]:
    """Return the key of a direction, able to show these coefficients, and its factor: value = coefficient / factor.

    Sliders only grow; where Blender's limit is not enough, a wide key takes the place of the one there was.
    Args:
        head_object: of a head.
        kind: of the head's lists of key names.
        index: of the direction, which must have a key.
        coefficients: (T,) unitless.
    """
    key_block = key_block_of(head_object, head_object.data[kind][index])
    greatest = float(np.max(np.abs(coefficients), initial=0.0))
    if greatest > SLIDER_LIMIT * abs(factor_of(head_object, key_block.name)):
        key_block = _add_wide_key(head_object, kind, index, greatest)
    factor = factor_of(head_object, key_block.name)
    values = np.asarray(coefficients) / factor
    low, high = float(np.floor(np.min(values, initial=0.0))), float(np.ceil(np.max(values, initial=0.0)))
    if high > key_block.slider_max:  # setting it draws the window again
        key_block.slider_max = high
    if low < key_block.slider_min:
        key_block.slider_min = low
    return key_block, factor


def set_coefficient(head_object: Object, kind: str, index: int, coefficient: float) -> None:
    """Show one unanimated coefficient on the key of a direction."""
    key_block, factor = make_room(head_object, kind, index, np.array([coefficient]))
    key_block.value = coefficient / factor


def add_spare_keys(
    head_object: Object, key_names: Sequence[str], directions: np.ndarray, *, slider: tuple[float, float]
) -> list[str]:
    """Add keys that earlier actions know nothing of, and hold them at 0 there; as `add_keys`."""
    made = add_keys(head_object, key_names, directions, slider=slider)
    head_object.data[SPARE_KEYS] = [*names(head_object, SPARE_KEYS), *made]
    hold_in_earlier_actions(head_object, made)
    return made


def hold_in_earlier_actions(head_object: Object, key_names: Iterable[str]) -> None:
    """Key keys at 0 in every action that was baked onto this head before it had them."""
    for action in actions_baked_onto(head_object):
        hold_at_zero(head_object, action, key_names)


def hold_at_zero(head_object: Object, action: Action, key_names: Iterable[str]) -> None:
    """Key those of the keys at 0 that an action does not key."""
    shape_keys = head_object.data.shape_keys
    for name in key_names:
        data_path = shape_keys.key_blocks[name].path_from_id("value")
        compat.add_fcurve(action, shape_keys, data_path, np.zeros(1), np.zeros(1))


def key_points(key_block: ShapeKey) -> np.ndarray:
    """Return a key's vertices, (V, 3) float32, in the mesh's coordinates."""
    points = np.empty(3 * len(key_block.points), np.float32)
    key_block.points.foreach_get("co", points)
    return points.reshape(-1, 3)


def key_offsets(key_block: ShapeKey) -> np.ndarray:
    """Return how far a key moves each vertex at value 1, (V, 3) float32, in the mesh's coordinates."""
    return key_points(key_block) - key_points(key_block.relative_key)


def set_key_points(key_block: ShapeKey, points: np.ndarray) -> None:
    """Store a key's vertices, (V, 3) or (3 V,), in the mesh's coordinates; `mesh.update()` must follow."""
    key_block.points.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())


def set_key_offsets(head_object: Object, name: str, offsets: np.ndarray) -> None:
    """Let a key move the vertices by offsets (V, 3) metres, FLAME axes, at value 1; `mesh.update()` must follow."""
    key_block = key_block_of(head_object, name)
    set_key_points(key_block, key_points(key_block.relative_key) + placement_of(head_object).offsets(offsets))


def key_block_of(head_object: Object, name: str) -> ShapeKey:
    """Return a head's key.

    Raises:
        HeadError: it is gone.
    """
    key_block = head_object.data.shape_keys.key_blocks.get(name)
    if key_block is None:
        raise HeadError(f"{head_object.name} has lost its shape key {name}. {REPAIR}")
    return key_block


def factor_of(head_object: Object, name: str) -> float:
    """Return how many times its direction a key of the head stores."""
    return head_object.data[KEY_FACTORS].get(name, 1.0)


def remember_factor(head_object: Object, name: str, factor: float) -> None:
    head_object.data[KEY_FACTORS] = {**dict(head_object.data[KEY_FACTORS]), name: factor}


def _add_wide_key(head_object: Object, kind: str, index: int, greatest: float) -> ShapeKey:
    """Put a key that can show a coefficient of that size in the place of another, which is held at 0 from now on."""
    old_name = head_object.data[kind][index]
    old = head_object.data.shape_keys.key_blocks[old_name]
    direction = placement_of(head_object).flame_offsets(key_offsets(old)) / factor_of(head_object, old_name)
    factor = 1.0
    while greatest > SLIDER_LIMIT * factor:
        factor *= 2.0
    sliders = (old.slider_min, old.slider_max)
    base_name = old_name.partition(WIDE)[0]
    (name,) = add_spare_keys(head_object, [base_name + WIDE], factor * direction[..., None], slider=sliders)
    remember_factor(head_object, name, factor)
    head_object.data[REPLACED_KEYS] = {**dict(head_object.data.get(REPLACED_KEYS, {})), name: old_name}
    listed = names(head_object, kind)
    listed[index] = name
    head_object.data[kind] = listed
    spare = [spare for spare in names(head_object, SPARE_KEYS) if spare != name]  # it is keyed with the rest from now on
    head_object.data[SPARE_KEYS] = [*spare, old_name]
    old.value = 0.0
    return head_object.data.shape_keys.key_blocks[name]
