"""Any mesh with shape keys, or a face that bones move, as a `Character`."""

import re
from collections.abc import Iterable

import bpy
import numpy as np
from bpy.types import Armature, Mesh, Object, ShapeKey

from ..errors import RetargetError
from ..retarget.character import Character, CharacterBone
from ..retarget.profile import KeySettings, RetargetProfile
from .action_notes import follow_renames
from .mesh_reading import check_places, group_members, mesh_triangles, rest_points
from .rest import into_resting, resting_bone, resting_matrix
from .shape_keys import key_offsets

UNNAMED_KEY = re.compile(r"Key( \d+)?(\.\d+)?")  # as Blender names new ones
NAMED = 5  # of keys in one sentence; the others are counted
BoneName = tuple[str, str]  # owner and bone, as in `CharacterBone`


def read_character(
    mesh_object: Object, profile: RetargetProfile = RetargetProfile(), *, bones: Iterable[BoneName] = ()
) -> Character:
    """Return a mesh object's face at rest, whatever the scene's frame and the rig's pose.

    Left out of its keys, and named in the notes, are those that a take could not move: muted ones, driven ones, and
    those that the profile leaves to others. Keys that move nothing stay, for their names' sake.
    Args:
        mesh_object: the one with the shape keys; its modifiers are not obeyed.
        profile: whose bones are read too, and whose bounds narrow those of the keys.
        bones: to be read, and objects that turn as a whole, whose bone is "". An owner "" is the armature that deforms
            the mesh. Those that are not there are left out, and named in the notes.
    Raises:
        RetargetError: it is no mesh, or is in Edit Mode, or has nothing that a take could move; its vertices are
            nowhere, or it is scaled to nothing.
    """
    check_character(mesh_object)
    follow_renames()
    wanted = dict.fromkeys((*bones, *_named_in(profile)))
    found, notes = _bones(mesh_object, wanted)
    keys, key_notes = _movable_keys(mesh_object, profile)
    if not keys and not found:
        raise RetargetError(_nothing_to_move(mesh_object, wanted, key_notes))
    vertices = rest_points(mesh_object).astype(np.float64)
    check_places(mesh_object, vertices)
    offsets = _offsets(mesh_object, keys, len(vertices))
    still = [key.name for key, moves in zip(keys, np.any(offsets, axis=(1, 2))) if not moves]
    if still and len(still) == len(keys) and not found and profile.by != "names":
        raise RetargetError(
            f"None of {mesh_object.name}'s {len(keys)} shape keys that a take may move changes its shape. Choose the "
            "mesh whose keys do, or move by names what follows them"
        )
    if still:
        notes.append(f"{_listed(still)} of {mesh_object.name} {_s(still, 'moves', 'move')} no vertex")
    return Character(
        name=mesh_object.name,
        vertices=vertices,
        triangles=mesh_triangles(mesh_object),
        key_names=tuple(key.name for key in keys),
        key_offsets=offsets,
        key_limits=_limits(keys, profile),
        bones=tuple(found),
        notes=(*key_notes, *notes, *_modifier_notes(mesh_object)),
    )


def check_character(mesh_object: Object | None) -> None:
    """Raise RetargetError where an object cannot be a character at all; cheap."""
    if mesh_object is None:
        raise RetargetError("No character is chosen. Choose the mesh object whose face a take is to move")
    if mesh_object.type != 'MESH':
        raise RetargetError(
            f"{mesh_object.name} is not a mesh. Choose the mesh object of the face, not its armature or what carries it"
        )
    if mesh_object.mode == 'EDIT' or mesh_object.data.is_editmode:
        raise RetargetError(f"{mesh_object.name} is in Edit Mode, where its keys are not final. Leave it with Tab")
    keys = mesh_object.data.shape_keys
    if keys is not None and not keys.use_relative:
        raise RetargetError(
            f"{mesh_object.name}'s shape keys are absolute: they play one after another, and do not mix. Turn on "
            "Relative below the list of its shape keys"
        )


def armature_of_character(mesh_object: Object) -> Object | None:
    """Return the armature object that deforms a mesh, or that carries it; None where there is none."""
    for modifier in mesh_object.modifiers:
        if modifier.type == 'ARMATURE' and modifier.object is not None:
            return modifier.object
    parent = mesh_object.parent
    while parent is not None and parent.type != 'ARMATURE':
        parent = parent.parent
    return parent


def meshes_with_same_keys(mesh_object: Object) -> list[Object]:
    """Return the other meshes of a character with keys of the same names, which move alike: teeth, tongue, lashes.

    They hang below the same object at the top, or on the same armature. Names that Blender gives tell nothing.
    """
    keys, armature = mesh_object.data.shape_keys, armature_of_character(mesh_object)
    if keys is None:
        return []
    family = [*_neighbours(mesh_object), *(_neighbours(armature) if armature is not None else ())]
    family = [thing for thing in dict.fromkeys(family) if thing != mesh_object and isinstance(thing.data, Mesh)]
    names = {name for name in keys.key_blocks.keys()[1:] if not UNNAMED_KEY.fullmatch(name)}
    with_keys = [thing for thing in family if thing.data.shape_keys not in (None, keys)]
    alike = [thing for thing in with_keys if names & set(thing.data.shape_keys.key_blocks.keys()[1:])]
    return sorted(alike, key=lambda thing: thing.name)


def owner_named(mesh_object: Object, owner: str) -> Object | None:
    """Return the object that `CharacterBone.owner` names: of the same file as the mesh's, where two share a name."""
    if not owner:
        return armature_of_character(mesh_object)
    armature = armature_of_character(mesh_object)
    if armature is not None and armature.name == owner:
        return armature
    library = mesh_object.library.filepath if mesh_object.library is not None else None
    return bpy.data.objects.get((owner, library)) or bpy.data.objects.get((owner, None)) or bpy.data.objects.get(owner)


def _named_in(profile: RetargetProfile) -> list[BoneName]:
    routes = (profile.jaw, profile.eye_L, profile.eye_R, profile.head, profile.neck)
    followers = () if profile.followers == "auto" else profile.followers
    named = [(route.owner, route.bone) for route in routes if route.to == "bone"]
    return named + [(follower.owner, follower.bone) for follower in followers]


def _movable_keys(mesh_object: Object, profile: RetargetProfile) -> tuple[list[ShapeKey], list[str]]:
    """Return the keys that a take may move, and what to say of the others."""
    shape_keys = mesh_object.data.shape_keys
    if shape_keys is None:
        return [], []
    basis, animation = shape_keys.reference_key, shape_keys.animation_data
    driven = {curve.data_path for curve in animation.drivers if not curve.mute} if animation is not None else set()
    keys, muted, by_driver, disabled = [], [], [], []
    for key in shape_keys.key_blocks:
        if key == basis:
            continue
        if not profile.keys.get(key.name, KeySettings()).enabled:
            disabled.append(key.name)
        elif key.mute:
            muted.append(key.name)
        elif key.path_from_id("value") in driven:
            by_driver.append(key.name)
        else:
            keys.append(key)
    reasons = [(muted, "muted"), (by_driver, "moved by drivers"), (disabled, "left out by the retarget profile")]
    name = mesh_object.name
    notes = [f"{_listed(left)} of {name} {_s(left, 'is', 'are')} {why}" for left, why in reasons if left]
    if mesh_object.show_only_shape_key:
        notes.append(f"{name} shows its active shape key alone. Turn off Solo Active Shape Key to see it move")
    return keys, notes


def _offsets(mesh_object: Object, keys: list[ShapeKey], num_vertices: int) -> np.ndarray:
    """Return what keys at 1 add, (K, V, 3) float32, vertex groups obeyed."""
    offsets = np.empty((len(keys), num_vertices, 3), np.float32)
    for row, key in zip(offsets, keys):
        row[:] = key_offsets(key)
        check_places(mesh_object, row, f"in its shape key {key.name}")
    masked = {key.vertex_group for key in keys} & set(mesh_object.vertex_groups.keys())  # others are as if without
    if masked:
        members = group_members(mesh_object)
        for row, key in zip(offsets, keys):
            if key.vertex_group in masked:
                row *= _weights(mesh_object, members, [key.vertex_group])[:, None]
    return offsets


def _weights(mesh_object: Object, members: tuple[np.ndarray, ...], groups: Iterable[str]) -> np.ndarray:
    """Return the sum of vertex groups' weights, (V,) float32."""
    vertices, group, weights = members
    wanted = [mesh_object.vertex_groups[name].index for name in groups]
    mask = np.isin(group, wanted)
    summed = np.bincount(vertices[mask], weights[mask], minlength=len(mesh_object.data.vertices))
    return summed.astype(np.float32)


def _limits(keys: list[ShapeKey], profile: RetargetProfile) -> np.ndarray:
    """Return the keys' sliders, (K, 2) float64, narrowed by the profile."""
    limits = np.array([(key.slider_min, key.slider_max) for key in keys], np.float64).reshape(-1, 2)
    for row, key in zip(limits, keys):
        settings = profile.keys.get(key.name, KeySettings())
        bounds = [own if asked is None else asked for own, asked in zip(row, (settings.low, settings.high))]
        row[:] = np.clip(bounds, *row)
    return limits


def _bones(mesh_object: Object, wanted: Iterable[BoneName]) -> tuple[list[CharacterBone], list[str]]:
    """Return the bones and objects of these names, and what to say of those that are not there."""
    found, missing, members = [], [], None
    into_mesh = into_resting(mesh_object)
    for owner, name in wanted:
        thing = owner_named(mesh_object, owner)
        bone = thing.data.bones.get(name) if name and thing is not None and isinstance(thing.data, Armature) else None
        if thing is None or (name and bone is None):
            missing.append(f"{owner} {name}".strip())
            continue
        matrix = into_mesh @ resting_matrix(thing)
        if bone is None:
            found.append(CharacterBone(thing.name, "", matrix))
            continue
        skinning = None
        if thing == _deformer(mesh_object):
            members = members or group_members(mesh_object)
            skinning = _skinning(mesh_object, members, thing.data, name)
        parent = bone.parent.name if bone.parent is not None else ""
        found.append(CharacterBone(thing.name, name, matrix @ resting_bone(bone), parent, skinning))
    notes = [f"{_listed(missing)} {_s(missing, 'is', 'are')} not there, and not moved"] if missing else []
    return found, notes


def _deformer(mesh_object: Object) -> Object | None:
    """Return the armature object that deforms a mesh, by a modifier or as its parent; None where there is none."""
    by_modifier = [item.object for item in mesh_object.modifiers if item.type == 'ARMATURE' and item.use_vertex_groups]
    by_parent = [mesh_object.parent] if mesh_object.parent_type == 'ARMATURE' else []
    return next((thing for thing in (*by_modifier, *by_parent) if thing is not None), None)


def _skinning(mesh_object: Object, members: tuple, armature: Armature, name: str) -> np.ndarray | None:
    """Return how much of each vertex follows a bone or one that it carries, (V,) float32; None where that is none."""
    groups = set(mesh_object.vertex_groups.keys())
    deforming = {bone.name for bone in armature.bones if bone.use_deform} & groups
    bone = armature.bones[name]
    carried = {bone.name, *(child.name for child in bone.children_recursive)} & deforming
    if not carried:
        return None
    total = _weights(mesh_object, members, deforming)
    own = _weights(mesh_object, members, carried)
    return np.divide(own, total, out=np.zeros_like(own), where=total > 0)


def _modifier_notes(mesh_object: Object) -> list[str]:
    mirrors = [item.name for item in mesh_object.modifiers if item.type == 'MIRROR' and item.show_viewport]
    if not mirrors:
        return []
    return [
        f"{mesh_object.name} is half a mesh, which its modifier {mirrors[0]} mirrors: both sides of the face move "
        "alike. Apply the modifier to have them apart"
    ]


def _nothing_to_move(mesh_object: Object, wanted: Iterable[BoneName], notes: list[str]) -> str:
    name, mesh = mesh_object.name, mesh_object.data
    meshes = [thing for thing in _neighbours(mesh_object) if isinstance(thing.data, Mesh)]
    others = [thing.name for thing in meshes if thing.data.shape_keys is not None]
    choose = f"Choose the mesh that has them{f', such as {others[0]}' if others else ''}, or name the bones of its face"
    bones = "and none of its bones were found" if list(wanted) else "and no bones of its face are named"
    if mesh.shape_keys is None or len(mesh.shape_keys.key_blocks) < 2:
        return f"{name} has no shape keys, {bones}: there is nothing that a take could move. {choose}"
    why = ". ".join(notes)
    return f"No shape key of {name} can be moved by a take, {bones}. {why}. Free some of them, or name its bones"


def _neighbours(mesh_object: Object) -> list[Object]:
    top = mesh_object
    while top.parent is not None:
        top = top.parent
    return [thing for thing in (top, *top.children_recursive) if thing != mesh_object]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def _s(names: list[str], one: str, several: str) -> str:
    return one if len(names) == 1 else several
