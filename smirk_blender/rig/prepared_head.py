"""What a head's parts are made of, ready for Blender to copy. Nothing here calls Blender, so a thread may do it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..flame.eyelids import lid_corrective
from ..flame.head import JOINT_NAMES, Head
from ..flame.pose_keys import skinned_pose_directions
from .axes import UPRIGHT, to_blender
from .memory import EXPRESSION_KEYS, EYELID_KEYS, IDENTITY_KEYS, LID_KEYS, POSE_KEYS
from .shape_keys import DIRECTION_SLIDER, EYELID_SLIDER, NUM_EXPRESSION_KEYS, NUM_IDENTITY_KEYS, POSE_SLIDER

EYELID_NAMES = ("eyelid_L", "eyelid_R")
# Of the pose feature: each joint's rotation matrix but the root's, less the identity, by row and column.
POSE_NAMES = [f"pose_{joint}_{row}{column}" for joint in JOINT_NAMES[1:] for row in range(3) for column in range(3)]
LID_KEY_NAMES = ("eyelid_clear_L", "eyelid_clear_R", "eyelid_halfway_L", "eyelid_halfway_R")

BATCH = 2000  # vertices that one step weighs: about a millisecond
CALL = 8  # vertices that Blender weighs in the time it takes to call it


@dataclass(frozen=True)
class Directions:
    """Directions of one kind, and what their keys are like.

    Attributes:
        kind: of the head's lists of key names.
        names: (C,) of the keys.
        offsets: (V, 3, C) metres per unit, FLAME axes.
        slider: least and greatest value that it offers.
    """

    kind: str
    names: Sequence[str]
    offsets: np.ndarray
    slider: tuple[float, float]


@dataclass(frozen=True)
class PreparedKeys:
    """Shape keys of one kind.

    Attributes:
        kind: of the head's lists of key names.
        names: one a direction, "" for those that get no key.
        points: (3 V,) float32 of each key, in the mesh's coordinates, flat.
        slider: least and greatest value that it offers.
    """

    kind: str
    names: tuple[str, ...]
    points: tuple[np.ndarray, ...]
    slider: tuple[float, float]


@dataclass(frozen=True)
class PreparedHead:
    """What `build_steps` needs; see `prepare_head`.

    Attributes:
        head: the model.
        armature: whether bones turn it.
        weights: of each joint, batches of vertices by weight; see `weight_batches`.
        keys: in the order in which they are added.
    """

    head: Head
    armature: bool
    weights: tuple[list[list[tuple[list[int], float]]], ...]
    keys: tuple[PreparedKeys, ...]


def prepare_head(
    head: Head,
    *,
    num_shape: int = NUM_IDENTITY_KEYS,
    num_expression: int = NUM_EXPRESSION_KEYS,
    armature: bool = True,
    clear_lids: bool = False,
) -> PreparedHead:
    """Return all that building a head takes besides Blender; the arguments are those of `build_head`."""
    basis = to_blender(head.template).astype(np.float32)
    keys = []
    for wanted in wanted_directions(head, armature=armature):
        most = {IDENTITY_KEYS: max(num_shape, 0), EXPRESSION_KEYS: max(num_expression, 0)}.get(wanted.kind)
        names = tuple(wanted.names[:most])
        keys.append(_prepare_keys(wanted, names, basis))
    lids = lid_key_directions(head, head.template) if clear_lids else None
    if lids is not None and np.any(lids.offsets):
        keys.append(_prepare_keys(lids, lids.names, basis))
    weights = tuple(weight_batches(column) for column in head.skinning_weights.T) if armature else ()
    return PreparedHead(head, armature, weights, tuple(keys))


def wanted_directions(head: Head, *, armature: bool) -> list[Directions]:
    """Return every direction of a model that a head may have keys for, in their order; "" names one that moves nothing.

    Args:
        head: the model.
        armature: whether bones turn the head; if not, pose keys do their work.
    """
    pose = head.pose_directions if armature else skinned_pose_directions(head)
    pose_names = [name if moves else "" for name, moves in zip(POSE_NAMES, np.any(pose, axis=(0, 1)))]
    wanted = [
        Directions(IDENTITY_KEYS, head.shape_names, head.shape_directions, DIRECTION_SLIDER),
        Directions(EXPRESSION_KEYS, head.expression_names, head.expression_directions, DIRECTION_SLIDER),
    ]
    if head.eyelid_directions is not None:
        wanted.append(Directions(EYELID_KEYS, EYELID_NAMES, head.eyelid_directions, EYELID_SLIDER))
    return [*wanted, Directions(POSE_KEYS, pose_names, pose, POSE_SLIDER)]


def lid_key_directions(head: Head, face: np.ndarray) -> Directions | None:
    """Return what keeps lids off eyeballs, all zero where they never cut; None where the head has no lids.

    Args:
        head: the model.
        face: (V, 3) metres, FLAME axes: the face that it wears, at rest.
    """
    corrective = lid_corrective(head, neutral=face)
    if corrective is None:
        return None
    offsets = np.concatenate([corrective.shut, corrective.halfway], axis=-1)  # (V, 3, 4)
    return Directions(LID_KEYS, LID_KEY_NAMES, offsets, EYELID_SLIDER)


def weight_batches(weights: np.ndarray) -> list[list[tuple[list[int], float]]]:
    """Return the vertices of one joint by weight, since Blender takes many of the same at once.

    Args:
        weights: (V,) of one joint.
    Returns:
        Batches of (vertices, weight), each batch quick enough for one step.
    """
    used = np.flatnonzero(weights)
    values, which = np.unique(weights[used], return_inverse=True)
    ends = np.cumsum(np.bincount(which, minlength=len(values)))
    by_weight = np.split(used[np.argsort(which, kind="stable")], ends[:-1])
    batches, room = [], 0
    for vertices, value in zip(by_weight, values.tolist()):
        for start in range(0, len(vertices), BATCH):
            part = vertices[start : start + BATCH].tolist()
            if room < len(part) + CALL:
                batches.append([])
                room = BATCH + CALL
            batches[-1].append((part, value))
            room -= len(part) + CALL
    return batches


def _prepare_keys(wanted: Directions, names: Sequence[str], basis: np.ndarray) -> PreparedKeys:
    offsets = [wanted.offsets[..., index] for index, name in enumerate(names) if name]
    points = tuple((basis + UPRIGHT.offsets(offset)).astype(np.float32).ravel() for offset in offsets)
    return PreparedKeys(wanted.kind, tuple(names), points, wanted.slider)
