"""Somebody else's head becomes ours: recognised by its net, its keys by what they move, and what is missing added."""

from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import ArmatureModifier, Object, ShapeKey

from ..errors import HeadError
from ..flame.head import JOINT_NAMES, JOINT_PARENTS, Head
from ..flame.placement import Placement
from ..flame.recognize import NOT_A_HEAD_M, Match, Standing, find_standing, foreign_edges, match_directions, tolerance_m
from .armature import build_armature
from .checks import check_armature, check_keys, check_points, refuse_linked
from .drivers import drive_pose_keys
from .head_object import NUM_EXPRESSION_KEYS, PoseKeys, add_missing_keys, add_vertex_groups, start_memory
from .identity import REMAINDER_SHAPE, update_joints, worn_head
from .lid_corrective import keep_lids_off_eyeballs
from .memory import (
    BASE_SHAPE,
    BONES,
    EXPRESSION_KEYS,
    EYELID_KEYS,
    HEAD_ID,
    KEY_KINDS,
    LID_KEYS,
    REMAINDER_KEY,
    REPLACED_KEYS,
    SPARE_KEYS,
    has_armature,
    is_head,
    names,
    placement_between,
)
from .mesh_reading import group_weights, mesh_edges, rest_points
from .named_head import NAMED_JOINTS, NAMED_MODEL
from .shape_keys import key_offsets, remember_factor

SAME_WEIGHT = 2e-5  # of vertex groups and FLAME's skinning: a tenth of a metre times this is the bar of 1e-5 m
NEAR_JOINT_M = 0.02  # metres; a bone farther from its joint belongs to another rig


@dataclass(frozen=True)
class Adoption:
    """What was found, for the user.

    Attributes:
        scale: the mesh's units per metre.
        distance_m: how far its unposed face lies from the model's, metres, at the greatest.
        found: names of its keys that are the model's directions.
        added: names of the keys that were added.
        left_alone: names of its keys that are none of the model's.
        made_armature: whether the armature is new.
    """

    scale: float
    distance_m: float
    found: tuple[str, ...]
    added: tuple[str, ...]
    left_alone: tuple[str, ...]
    made_armature: bool


def adopt_head(
    mesh_object: Object,
    head: Head,
    *,
    num_expression: int = NUM_EXPRESSION_KEYS,
    pose_keys: PoseKeys = "keyed",
    clear_lids: bool = False,
) -> Adoption:
    """Make a mesh with a model's net of vertices a head that takes can be baked onto.

    Its units, axes, place and own face stay; so do its keys, whatever they are called, and their
    geometry: a bake goes through the factors measured here. Keys that the model has and the mesh has
    not are added, and an armature where it has none. Adopting again looks at everything anew.
    Args:
        mesh_object: a mesh; nothing is changed unless it is adopted.
        head: the model whose net it has.
        num_expression: how many expression directions have a key afterwards; more where it brings more.
        pose_keys, clear_lids: as in `build_head`.
    Raises:
        HeadError: it is no such head, or something about it keeps FLAME from being exact; the text says what to do.
    """
    _check_mesh(mesh_object, head)
    points = rest_points(mesh_object)
    check_points(mesh_object, points)
    standing = find_standing(points, head)
    _check_standing(mesh_object, head, points, standing)
    matches, left_alone = _match_keys(mesh_object, head, points, standing.placement)
    modifier = _armature_modifier(mesh_object)
    bones = () if modifier is None else _find_bones(mesh_object, modifier, head, points, standing.placement)

    if mesh_object.data.shape_keys is None:
        mesh_object.shape_key_add(name="Basis", from_mix=False)
    kept = _kept_memory(mesh_object)
    start_memory(mesh_object, head, standing.placement, bones=bones)
    for name, value in kept.items():
        mesh_object.data[name] = value
    if head.name == NAMED_MODEL:
        mesh_object.data[NAMED_JOINTS] = head.joint_template.ravel().tolist()
    mesh_object.data[BASE_SHAPE] = standing.shape.tolist()
    found = _remember_keys(mesh_object, matches, min(num_expression, head.num_expression))
    if modifier is None:
        _make_armature(mesh_object, head, standing.placement)
    added = add_missing_keys(mesh_object, head, identity=False)
    if clear_lids:
        keep_lids_off_eyeballs(mesh_object, head, worn_head(mesh_object, head).template)
    update_joints(mesh_object, head)
    if pose_keys == "driven":
        drive_pose_keys(mesh_object)
    return Adoption(
        standing.placement.scale, standing.distance_m, tuple(found), tuple(added), tuple(left_alone), modifier is None
    )


def _check_mesh(mesh_object: Object, head: Head) -> None:
    if mesh_object is None or mesh_object.type != 'MESH':
        raise HeadError("Select a mesh to adopt as a head")
    name, mesh = mesh_object.name, mesh_object.data
    refuse_linked(mesh_object)
    if is_head(mesh_object) and not has_armature(mesh_object):
        raise HeadError(f"{name} is a SMIRK head already, one that shape keys alone turn. Build it again if it lost some")
    if mesh_object.mode == 'EDIT':
        raise HeadError(f"{name} is in Edit Mode, which hides changes. Leave it, then adopt")
    if len(mesh.vertices) != len(head.template):
        raise HeadError(
            f"{name} is not a head of the model {head.name}: it has {len(mesh.vertices)} vertices, the model "
            f"{len(head.template)}. Choose the model it was made from; a mesh that was split, welded or remeshed "
            "must be imported again with its vertices kept"
        )
    edges = mesh_edges(mesh_object)
    strange = foreign_edges(edges, head)
    if len(strange) or len(np.unique(edges)) < len(head.template):
        first = "" if not len(strange) else f", the first between the vertices {strange[0, 0]} and {strange[0, 1]}"
        raise HeadError(
            f"{name} only looks like a head of the model {head.name}: it has as many vertices, but {len(strange)} of its "
            f"{len(mesh.edges)} edges are not the model's{first}. Import it again with its vertex order kept"
        )


def _check_standing(mesh_object: Object, head: Head, points: np.ndarray, standing: Standing) -> None:
    offsets = standing.placement.flame_points(points) - head.template - head.shape_directions @ standing.shape
    rms = float(np.sqrt(np.mean(np.sum(offsets**2, axis=1))))
    if rms > NOT_A_HEAD_M:
        raise HeadError(
            f"{mesh_object.name} has the net of the model {head.name}, but not its form: at the model's size its vertices "
            f"lie {1000 * rms:.0f} mm away. If it is stretched, scale it evenly in Edit Mode; if it is posed, reset its Basis"
        )


def _match_keys(
    mesh_object: Object, head: Head, points: np.ndarray, placement: Placement
) -> tuple[dict[str, list[tuple[str, Match]]], list[str]]:
    """Return the model's directions among the mesh's keys, by kind, with the keys' names; and the names of the others."""
    key_blocks = [] if mesh_object.data.shape_keys is None else mesh_object.data.shape_keys.key_blocks[1:]
    usable = [key_block for key_block in key_blocks if _is_usable(mesh_object, key_block)]
    offsets = np.zeros((len(usable), len(points), 3))
    for row, key_block in zip(offsets, usable):
        row[:] = placement.flame_offsets(key_offsets(key_block))
    eyelids = np.zeros((len(points), 3, 0)) if head.eyelid_directions is None else head.eyelid_directions
    kinds = dict(
        zip(KEY_KINDS, (head.shape_directions, head.expression_directions, eyelids, head.pose_directions), strict=True)
    )
    matches = match_directions(
        offsets, np.concatenate(list(kinds.values()), axis=-1), tolerance_m(points, placement)
    )
    by_kind, start = {}, 0
    for kind, directions in kinds.items():
        stop = start + directions.shape[-1]
        inside = [match for match in matches if start <= match.direction < stop]
        by_kind[kind] = [
            (usable[match.key].name, Match(match.key, match.direction - start, match.factor)) for match in inside
        ]
        start = stop
    found = {name for named in by_kind.values() for name, _ in named}
    if found:
        check_keys(mesh_object, [key_block for key_block in usable if key_block.name in found])
    known = {*found, *_extra_keys(mesh_object)}
    return by_kind, [key_block.name for key_block in key_blocks if key_block.name not in known]


def _is_usable(mesh_object: Object, key_block: ShapeKey) -> bool:
    """Return whether a key shows all that it stores, and may be one of the model's directions."""
    lids = names(mesh_object, EYELID_KEYS)  # of a head adopted again; muted where they come after posing
    whole = (not key_block.mute or key_block.name in lids) and not key_block.vertex_group
    return whole and key_block.name not in _extra_keys(mesh_object)


def _extra_keys(mesh_object: Object) -> set[str]:
    """Return the names of the keys that a head adopted again has besides the model's directions."""
    remainder = mesh_object.data.get(REMAINDER_KEY, "")
    return {remainder, *names(mesh_object, LID_KEYS), *names(mesh_object, SPARE_KEYS)} - {""}


def _kept_memory(mesh_object: Object) -> dict:
    """Return what a head that is adopted again goes on remembering, as far as it still has it."""
    if not is_head(mesh_object):
        return {}
    key_blocks = mesh_object.data.shape_keys.key_blocks
    spare = [name for name in names(mesh_object, SPARE_KEYS) if name in key_blocks]
    lids = [name for name in names(mesh_object, LID_KEYS) if name in key_blocks]
    if len(lids) < len(names(mesh_object, LID_KEYS)):
        for name in lids:  # the rest of them would push lids the wrong way
            mesh_object.shape_key_remove(key_blocks[name])
        lids = []
    replaced = dict(mesh_object.data.get(REPLACED_KEYS, {}))
    kept = {HEAD_ID: mesh_object.data[HEAD_ID], REPLACED_KEYS: replaced, SPARE_KEYS: spare, LID_KEYS: lids}
    if mesh_object.data.get(REMAINDER_KEY, "") in key_blocks:
        kept |= {name: mesh_object.data[name] for name in (REMAINDER_KEY, REMAINDER_SHAPE)}
    return kept


def _armature_modifier(mesh_object: Object) -> ArmatureModifier | None:
    modifiers = [item for item in mesh_object.modifiers if item.type == 'ARMATURE' and item.object is not None]
    if len(modifiers) > 1:
        raise HeadError(f"{mesh_object.name} has {len(modifiers)} armatures. Remove all but the one that turns its jaw")
    return modifiers[0] if modifiers else None


def _find_bones(
    mesh_object: Object, modifier: ArmatureModifier, head: Head, points: np.ndarray, placement: Placement
) -> tuple[str, ...]:
    """Return the names of the bones that do what FLAME's joints do, in JOINT_NAMES' order.

    Raises:
        HeadError: the armature does not turn the mesh as FLAME does.
    """
    bones = modifier.object.data.bones
    weights = {name: column for name, column in group_weights(mesh_object).items() if name in bones}
    found = []
    for joint, joint_name in enumerate(JOINT_NAMES):
        distances = {
            name: float(np.abs(column - head.skinning_weights[:, joint]).max()) for name, column in weights.items()
        }
        nearest = min(distances, key=distances.get, default=None)
        if nearest is None or distances[nearest] > SAME_WEIGHT:
            raise _not_flames(mesh_object, modifier, f"no bone's vertex group has the weights of FLAME's {joint_name}")
        found.append(nearest)
    others = [name for name, column in weights.items() if name not in found and column.max() > SAME_WEIGHT]
    if others:
        raise _not_flames(mesh_object, modifier, f"the bone {others[0]} moves it too")
    check_armature(mesh_object, modifier, [modifier.object.pose.bones[name] for name in found])
    in_armature = placement_between(mesh_object, modifier.object, placement)
    joints = in_armature.points(head.joint_regressor @ placement.flame_points(points))
    near = NEAR_JOINT_M * in_armature.scale
    for joint, name in enumerate(found):
        if np.linalg.norm(np.array(bones[name].head_local) - joints[joint]) > near:
            raise _not_flames(mesh_object, modifier, f"the bone {name} is not where FLAME's {JOINT_NAMES[joint]} is")
        above = next((bone.name for bone in bones[name].parent_recursive if bone.name in found), None)
        parent = JOINT_PARENTS[joint]
        if above != (found[parent] if parent >= 0 else None):
            raise _not_flames(mesh_object, modifier, f"the bone {name} hangs on {above}")
    return tuple(found)


def _not_flames(mesh_object: Object, modifier: ArmatureModifier, reason: str) -> HeadError:
    return HeadError(
        f"{mesh_object.name}'s armature {modifier.object.name} does not turn it as FLAME does: {reason}. Remove the "
        f"modifier {modifier.name}, then adopt, and the head gets an armature of its own"
    )


def _make_armature(mesh_object: Object, head: Head, placement: Placement) -> None:
    """Add an armature as the mesh's child, so that it goes wherever the mesh goes."""
    groups = add_vertex_groups(mesh_object, head.skinning_weights, JOINT_NAMES)
    collection = mesh_object.users_collection[0] if mesh_object.users_collection else bpy.context.scene.collection
    armature_object = build_armature(head, f"{mesh_object.name} Rig", collection, placement=placement, names=groups)
    armature_object.parent = mesh_object
    modifier = mesh_object.modifiers.new("Armature", 'ARMATURE')
    modifier.object = armature_object
    mesh_object.modifiers.move(len(mesh_object.modifiers) - 1, 0)  # before any that subdivides
    mesh_object.data[BONES] = groups


def _remember_keys(
    mesh_object: Object, matches: dict[str, list[tuple[str, Match]]], num_expression: int
) -> list[str]:
    found = []
    for kind, named in matches.items():
        length = max((match.direction + 1 for _, match in named), default=0)
        listed = [""] * max(length, num_expression if kind == EXPRESSION_KEYS else 0)
        for name, match in named:
            listed[match.direction] = name
            found.append(name)
            if match.factor != 1.0:
                remember_factor(mesh_object, name, match.factor)
        mesh_object.data[kind] = listed
    return found
