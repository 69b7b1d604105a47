"""What of a scene is drawn so that landmarks can be found on a character. Nothing in the scene is changed."""

from collections.abc import Iterator

import numpy as np
from bpy.types import Context, Object

from ..errors import RetargetError
from ..retarget.drawable import Drawable
from .base_colors import corner_colors
from .character import armature_of_character, check_character
from .mesh_reading import check_places, group_members, mesh_triangles, rest_points
from .rest import into_resting, resting_bone, resting_matrix
from .shape_keys import key_offsets

MOST_NUMBERS = 20_000_000  # of all keys' offsets together, 80 MB; beyond, only keys that move most
MOVED = 0.1  # of what a key moves most: a vertex that it moves less is not what it is for
OFTEN = 0.5  # of the most keys that move one vertex: what so many move is the face's middle
AROUND_MIDDLE = 2.0  # sizes of that middle in a face
HEAD_PART = 1 / 7  # of a figure's height
NEAR_FACE = 1.5  # sizes of the face; what is farther from its middle is not drawn
JAW_TURN = 0.2  # radians, as a mouth is opened a little


def drawable_of(context: Context, mesh_object: Object) -> Drawable:
    """Return a character's mesh as it is at rest, and all that is visible of it around its face, in the world's axes.

    Modifiers are not obeyed, but for the other half that a Mirror makes.
    Raises:
        RetargetError: it is no mesh, has no faces, or is in Edit Mode; its vertices are nowhere, or it is scaled to
            nothing.
    """
    check_character(mesh_object)
    matrix = resting_matrix(mesh_object)
    own, rest = _moved(rest_points(mesh_object), matrix), mesh_triangles(mesh_object)
    if not len(rest):
        raise RetargetError(f"{mesh_object.name} has no faces to be drawn. Choose the mesh of the character's face")
    check_places(mesh_object, own)
    into_resting(mesh_object)  # or refuse what is scaled to nothing
    offsets = np.concatenate([_key_offsets(mesh_object), _jaw_offsets(mesh_object)]) @ matrix[:3, :3].T
    check_places(mesh_object, offsets.swapaxes(0, 1).reshape(len(own), -1), "in a shape key")
    framings = _framings(mesh_object, own, offsets)
    points, triangles, colors = [own], [rest], [corner_colors(mesh_object)]
    start = len(own)
    for thing, copy in _parts(context, mesh_object):
        places, faces = _moved(rest_points(thing), copy), mesh_triangles(thing)
        near = np.linalg.norm(places - framings[0, :3], axis=1) < NEAR_FACE * framings[:, 3].max()
        kept = near[faces].all(axis=1)
        if kept.any():
            points.append(places)
            triangles.append(faces[kept] + start)
            colors.append(corner_colors(thing)[kept])
            start += len(places)
    return Drawable(
        name=mesh_object.name,
        points=np.concatenate(points),
        triangles=np.concatenate(triangles),
        colors=np.concatenate(colors),
        own=np.arange(sum(map(len, triangles))) < len(rest),
        num_vertices=len(own),
        key_offsets=offsets.astype(np.float32),
        framings=framings,
    )


def _parts(context: Context, mesh_object: Object) -> Iterator[tuple[Object, np.ndarray]]:
    """Yield every other visible mesh of a character, with its matrix (4, 4) to the world; and what a Mirror makes."""
    for thing in dict.fromkeys([mesh_object, *context.view_layer.objects]):
        if thing.type != 'MESH' or thing.mode == 'EDIT':
            continue
        if thing != mesh_object and not (thing.visible_get() and _belong_together(thing, mesh_object)):
            continue
        matrix = resting_matrix(thing)
        for number, mirroring in enumerate(_mirrorings(thing, matrix)):
            if number or thing != mesh_object:
                yield thing, matrix @ mirroring


def _belong_together(first: Object, second: Object) -> bool:
    armature = armature_of_character(first)
    return _top(first) == _top(second) or armature is not None and armature == armature_of_character(second)


def _top(thing: Object) -> Object:
    while thing.parent is not None:
        thing = thing.parent
    return thing


def _mirrorings(thing: Object, matrix: np.ndarray) -> list[np.ndarray]:
    """Return the matrices (4, 4), in an object's space, of the copies that its Mirrors show; the first is itself."""
    copies = [np.eye(4)]
    for modifier in thing.modifiers:
        if modifier.type != 'MIRROR' or not modifier.show_viewport:
            continue
        into = np.eye(4)
        if modifier.mirror_object is not None:
            into = np.linalg.inv(matrix) @ resting_matrix(modifier.mirror_object)
        for axis in np.flatnonzero(modifier.use_axis):
            flip = np.eye(4)
            flip[axis, axis] = -1.0
            copies += [into @ flip @ np.linalg.inv(into) @ copy for copy in copies]
    return copies


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def _key_offsets(mesh_object: Object) -> np.ndarray:
    """Return what the keys at 1 add, (K, V, 3), in the mesh's coordinates; of many, those that move most."""
    num_vertices = len(mesh_object.data.vertices)
    shape_keys = mesh_object.data.shape_keys
    keys = [key for key in shape_keys.key_blocks if key != shape_keys.reference_key] if shape_keys is not None else []
    room = max(MOST_NUMBERS // (3 * max(num_vertices, 1)), 1)
    if len(keys) > room:
        most = {key.name: float(np.abs(key_offsets(key)).max()) for key in keys}
        keys = sorted(keys, key=lambda key: most[key.name], reverse=True)[:room]
    return np.array([key_offsets(key) for key in keys], np.float32).reshape(-1, num_vertices, 3)


def _jaw_offsets(mesh_object: Object) -> np.ndarray:
    """Return what a jaw bone adds that turns a little about each of its axes, (6, V, 3), or (0, V, 3) without one."""
    points = rest_points(mesh_object).astype(np.float64)
    armature = armature_of_character(mesh_object)
    bones = armature.data.bones if armature is not None else ()
    named = [bone for bone in bones if "jaw" in bone.name.lower() and bone.name in mesh_object.vertex_groups]
    if not named:
        return np.zeros((0, *points.shape))
    vertices, groups, weights = group_members(mesh_object)
    of_group = {
        mesh_object.vertex_groups[bone.name].index for bone in (named[0], *named[0].children_recursive)
        if bone.name in mesh_object.vertex_groups
    }
    chosen = np.isin(groups, list(of_group))
    follows = np.bincount(vertices[chosen], weights[chosen], len(points))[:, None].clip(0.0, 1.0)
    bone = into_resting(mesh_object) @ resting_matrix(armature) @ resting_bone(named[0])
    in_bone = _moved(points, np.linalg.inv(bone))
    offsets = []
    for axis in range(3):
        for angle in (JAW_TURN, -JAW_TURN):
            first, second = (axis + 1) % 3, (axis + 2) % 3
            turn = np.eye(3)
            turn[first, first] = turn[second, second] = np.cos(angle)
            turn[second, first], turn[first, second] = np.sin(angle), -np.sin(angle)
            offsets.append(follows * (_moved(in_bone @ turn.T, bone) - points))
    return np.array(offsets)


def _framings(mesh_object: Object, own: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return where the face may be, (N, 4): its middle and its size, in the world."""
    framings = []
    distance = np.linalg.norm(offsets, axis=2)
    most = distance.max(axis=1, initial=0.0)
    moved = distance[most > 0.0] > MOVED * most[most > 0.0, None]
    counts = moved.sum(axis=0)
    if counts.any():
        middle = _box(own[counts >= OFTEN * counts.max()])
        framings += [_box(own[counts > 0]), middle * [1, 1, 1, AROUND_MIDDLE]]
    heads = [group.index for group in mesh_object.vertex_groups if "head" in group.name.lower()]
    if heads:
        vertices, groups, weights = group_members(mesh_object)
        framings.append(_box(own[vertices[np.isin(groups, heads) & (weights > 0.5)]]))
    whole = _box(own)
    height = np.ptp(own[:, 2])
    top = np.append(whole[:3], height * HEAD_PART) + [0.0, 0.0, height * (1 - HEAD_PART) / 2, 0.0]
    framings += [whole, top]
    return np.array([framing for framing in framings if framing[3] > 0.0]).reshape(-1, 4)


def _box(points: np.ndarray) -> np.ndarray:
    """Return the middle of points' box and its longest side, (4,); the side is 0 without points."""
    if not len(points):
        return np.zeros(4)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.append((low + high) / 2, (high - low).max())
