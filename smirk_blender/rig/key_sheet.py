"""What a bake is about to key, put together before anything is written, so that fewer keys can be found for it."""

from dataclasses import dataclass, field

import numpy as np
from bpy.types import Action, Object

from ..clean.fewer_keys import KeyReduction, Reduction
from ..clean.moved_mesh import MovedMesh, Turn
from ..clean.turning import rotation_mode
from ..flame.head import JOINT_PARENTS, Head
from . import compat
from .armature import rest_rotation
from .checks import lids_come_after
from .drivers import pose_keys_are_driven
from .identity import worn_steps
from .memory import (
    EYELID_KEYS,
    LID_KEYS,
    armature_of,
    armature_placement,
    bone_names,
    has_armature,
    key_chain,
    names,
    placement_of,
    rig_action_of,
)
from .shape_keys import key_block_of, key_offsets
from .steps import HeldHead, Steps, aside

FEWER_KEYS = "smirk_fewer_keys"  # of an action: keys before, keys after, greatest error and tolerance in millimetres
ROUNDING_SHARE = 0.998  # of the tolerance, for Blender reckons in single precision
DRIVEN_SHARE = 0.85  # of the tolerance, where drivers let pose keys follow the bones' errors instead of their own


@dataclass(frozen=True)
class KeyFigures:
    """How many keys an action got instead of one a frame and channel, and what they miss.

    Attributes:
        before, after: numbers of keys.
        error_mm: the greatest distance of any vertex at any frame from where a key on every frame has it.
        tolerance_mm: what was asked for.
    """

    before: int
    after: int
    error_mm: float
    tolerance_mm: float

    def __str__(self) -> str:
        return f"{self.before:,} keys -> {self.after:,}, largest error {self.error_mm:.2f} mm"


def key_figures_of(action: Action) -> KeyFigures | None:
    """Return what an action says of its keys; None where it has one on every frame."""
    said = action.get(FEWER_KEYS)
    return None if said is None else KeyFigures(int(said[0]), int(said[1]), float(said[2]), float(said[3]))


@dataclass
class KeySheet:
    """Channels of T frames each, by what they are keyed on; in the order of the curves that are found for them.

    Attributes:
        tolerance_mm: on a face of FLAME's size, which is a real one's.
        columns: values (T,) of each channel.
        keys: (group, name) of shape keys, by channel.
        paths: (group, data path, index) of what turns the head, by channel.
        turns: (joint, rotation mode, channels that turn it, channels that shift it).
    """

    tolerance_mm: float
    columns: list[np.ndarray] = field(default_factory=list)
    keys: dict[int, tuple[str, str]] = field(default_factory=dict)
    paths: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    turns: list[tuple[int, str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)

    def add_key(self, group: str, name: str, values: np.ndarray) -> None:
        """Note values (T,) of a shape key."""
        self.keys[len(self.columns)] = group, name
        self.columns.append(np.asarray(values, np.float64))

    def add_turn(
        self, group: str, joint: int, mode: str, rotation: tuple[str, np.ndarray], location: tuple[str, np.ndarray]
    ) -> None:
        """Note what turns and shifts a joint: data paths, and values (T, n) and (T, 3)."""
        first = len(self.columns)
        for path, values in (rotation, location):
            for index, column in enumerate(values.T):
                self.paths[len(self.columns)] = group, path, index
                self.columns.append(column)
        turning = tuple(range(first, first + rotation[1].shape[1]))
        self.turns.append((joint, mode, turning, tuple(range(turning[-1] + 1, len(self.columns)))))


def sheet_steps(
    sheet: KeySheet, held: HeldHead, head: Head, scene_frames: np.ndarray, *, threaded: bool
) -> Steps[None]:
    """Key everything on a sheet with few keys, one F-curve a step; the action remembers the figures."""
    if not sheet.columns:
        return
    values = np.stack(sheet.columns, axis=1)
    mesh = yield from _mesh_steps(sheet, held, head, threaded=threaded)
    driven = pose_keys_are_driven(held.head_object)
    tolerance_m = 1e-3 * sheet.tolerance_mm * (DRIVEN_SHARE if driven else ROUNDING_SHARE)
    prepare = lambda: KeyReduction(scene_frames, values, mesh, tolerance_m=tolerance_m)
    work = yield from aside(prepare, threaded=threaded)
    for rows in work.chunks():
        yield from aside(work.reduce, rows, threaded=threaded)
    reduction: Reduction = yield from aside(work.result, threaded=threaded)
    for column, curve in enumerate(reduction.curves):
        if column in sheet.keys:
            group, name = sheet.keys[column]
            path, index = key_block_of(held.head_object, name).path_from_id("value"), 0
            datablock, action = held.head_object.data.shape_keys, held.action
        else:
            group, path, index = sheet.paths[column]
            datablock, action = _turned_object(held.head_object), rig_action_of(held.action)
        compat.write_curve(compat.ensure_fcurve(action, datablock, path, index, group=group), curve)
        yield
    error_mm = 1e3 * reduction.greatest_error_m
    held.action[FEWER_KEYS] = [
        float(reduction.keys_before), float(reduction.keys_after), error_mm, float(sheet.tolerance_mm)
    ]


def _turned_object(head_object: Object) -> Object:
    return armature_of(head_object) if has_armature(head_object) else head_object


def _mesh_steps(sheet: KeySheet, held: HeldHead, head: Head, *, threaded: bool) -> Steps[MovedMesh]:
    """Return what the sheet's channels move, in FLAME's metres and axes."""
    worn = yield from worn_steps(held, head, threaded=threaded)
    head_object = held.head_object
    lids_late = lids_come_after(head_object)
    late_names = {name for lid in names(head_object, EYELID_KEYS) for name in key_chain(head_object, lid)}
    muted_names = set(names(head_object, LID_KEYS)) if lids_late else set()
    offsets, limits, late = np.zeros((len(worn.template), 3, len(sheet.keys)), np.float32), [], []
    for column, (_, name) in enumerate(sheet.keys.values()):
        head_object = held.head_object
        key_block = key_block_of(head_object, name)
        if name not in muted_names:
            offsets[..., column] = placement_of(head_object).flame_offsets(key_offsets(key_block))
        limits.append((key_block.slider_min, key_block.slider_max))
        late.append(lids_late and name in late_names)
        yield
    rest, joints, weights = worn.template, worn.joint_template, head.skinning_weights
    if not has_armature(head_object):
        placement = placement_of(head_object)
        rest, joints = rest + placement.flame_offsets(placement.shift), np.zeros((1, 3))
        weights = np.ones((len(rest), 1), np.float32)
    noted = {turn[0]: turn for turn in sheet.turns}
    still = lambda joint: (joint, 'QUATERNION', (), ())
    turns = tuple(_turn(head_object, *noted.get(joint, still(joint))) for joint in range(len(joints)))
    limits, late = np.array(limits).reshape(-1, 2), np.array(late, bool)
    make = lambda: MovedMesh(rest.astype(np.float32), offsets, tuple(sheet.keys), limits, late, weights, joints, turns)
    return (yield from aside(make, threaded=threaded))


def _turn(
    head_object: Object, joint: int, mode: str, rotation: tuple[int, ...], location: tuple[int, ...]
) -> Turn:
    matrices, per_unit = rotation_mode(mode)
    if has_armature(head_object):
        placement = armature_placement(head_object)
        axes = placement.axes.T @ rest_rotation(armature_of(head_object), bone_names(head_object)[joint])
        unit_m, parent = 1 / placement.scale, JOINT_PARENTS[joint]
    else:
        placement = placement_of(head_object)
        size = float(np.mean(np.abs(head_object.scale)))
        axes, unit_m, parent = placement.axes.T, 1 / (placement.scale * size), -1
    return Turn(joint, parent, rotation, matrices, per_unit, location, axes, unit_m)
