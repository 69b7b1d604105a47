"""From where a character is looked in the face."""

import numpy as np
from bpy.types import Object
from mathutils import Matrix, Quaternion, Vector

from ..flame import BUILTIN_HEAD, LandmarkEmbedding
from ..flame.align import align_similarity
from .mesh_reading import rest_points
from .models import open_model
from .retarget_memory import profile_of

VIEW_ROOM = 1.7  # of the face's height, that the view shows
LEAST_SHARED = 4  # landmarks that the built-in head has too: fewer do not say how a face is turned
FRONT = np.column_stack([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # of a character that looks along -Y


def face_view(mesh_object: Object) -> tuple[Vector, Quaternion, float]:
    """Return where a character's face is, how a viewer before it is turned, and how much is to be seen of it.

    By its landmarks; where it has none, by the vertices that shape keys move, of a character that looks along -Y.
    Returns:
        the middle, world units; the turn of the view, whose Z points at the viewer; a distance, world units.
    """
    points, landmarks = rest_points(mesh_object).astype(np.float64), profile_of(mesh_object).landmarks
    places = points[_moved(mesh_object, points)] if landmarks is None else landmarks.points(points[None])[0]
    world = np.array(mesh_object.matrix_world)
    places = places @ world[:3, :3].T + world[:3, 3]
    axes = FRONT if landmarks is None else _face_axes(landmarks, places)
    low, high = places.min(axis=0), places.max(axis=0)
    height = float(np.ptp(places @ axes[:, 1]))
    return Vector((low + high) / 2), Matrix(axes).to_quaternion(), VIEW_ROOM * height


def _face_axes(landmarks: LandmarkEmbedding, places: np.ndarray) -> np.ndarray:
    """Return what is right, up and towards a viewer before a face with landmarks at `places` (L, 3): columns, (3, 3).

    As the built-in head lies best on them: eyes and mouth alone say little of how a face is tilted.
    """
    head = open_model(BUILTIN_HEAD)
    usual = dict(zip(head.landmarks.indices.tolist(), head.landmarks.points(head.template[None])[0]))
    shared = [row for row, index in enumerate(landmarks.indices.tolist()) if index in usual]
    if len(shared) < LEAST_SHARED:
        return FRONT
    source = np.array([usual[index] for index in landmarks.indices[shared].tolist()])
    return align_similarity(source, places[shared][None])[0][0]


def _moved(mesh_object: Object, points: np.ndarray) -> np.ndarray:
    """Return which vertices shape keys move, (V,) bool; all of a mesh without keys that move any."""
    shape_keys, moved = mesh_object.data.shape_keys, np.zeros(len(points), bool)
    key_points = np.empty(points.size, np.float32)
    for block in shape_keys.key_blocks if shape_keys is not None else ():
        block.points.foreach_get("co", key_points)
        moved |= np.any(key_points.reshape(-1, 3) != points, axis=1)
    return moved if moved.any() else ~moved
