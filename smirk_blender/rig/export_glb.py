"""GLB: Blender's exporter writes meshes, materials, bones and how they move; shape keys are added to its file.

The exporter takes ten times as long over a face's shape keys as over all else, and rounds them.
"""

from collections.abc import Iterator
from fractions import Fraction

import bpy
import numpy as np
from bpy.types import Mesh, Object

from ..exchange.glb import CORNER, Glb, add_morphs, corners_of, forget_corners, set_times
from .export_copy import Playing
from .export_keys import PlayedKey

SAME_NORMAL = 1e-4  # of each of its coordinates; the exporter's own
FITS = 1e-4  # of a mesh's size: how far the file's vertices may lie from where the mesh has them


def export_glb(path: str, playing: Playing, fps: Fraction) -> None:
    """Write a scene of copies, whose meshes have no shape keys, and the keys that are to play on them.

    Raises:
        RuntimeError: the exporter failed, or wrote what is not understood.
    """
    scene, corners = playing.scene, {}
    scene.render.fps, scene.render.fps_base = 1, 1.0  # see exchange.glb
    for mesh_object, keys in playing.keys.items():
        mesh = mesh_object.data
        for name in [item.name for item in mesh.attributes if item.name.startswith("_")]:
            mesh.attributes.remove(mesh.attributes[name])
        if keys:
            corners[mesh_object] = _alike(mesh, keys)
            attribute = mesh.attributes.new(CORNER, 'FLOAT', 'CORNER')
            attribute.data.foreach_set("value", corners[mesh_object].astype(np.float32))
    bpy.ops.export_scene.gltf(
        filepath=path,
        export_format='GLB',
        use_active_scene=True,
        export_attributes=True,  # for CORNER
        export_animation_mode='ACTIVE_ACTIONS',  # others would bring every action that fits,
        export_anim_single_armature=False,  # as would this
        export_nla_strips_merged_animation_name=scene.name,
        export_force_sampling=True,
        export_optimize_animation_size=False,  # drops keys
        export_all_influences=True,  # four are too few for five joints
        export_reset_pose_bones=False,
    )
    glb = Glb(path)
    set_times(glb, fps)
    for mesh_object in corners:
        keys = playing.keys[mesh_object]
        add_morphs(
            glb,
            mesh_object.name,
            [key.name for key in keys],
            _targets(mesh_object.data, keys, _turn(glb, mesh_object)),
            _vertices_of(mesh_object.data),
            np.column_stack([key.values for key in keys]),
            fps=fps,
            animation_name=scene.name,
        )
    forget_corners(glb)
    glb.save(path)


def _alike(mesh: Mesh, keys: list[PlayedKey]) -> np.ndarray:
    """Return for each corner the first one of its vertex that has the same normal, whichever key plays, (C,) int.

    Where all of a vertex have, it is the vertex instead.
    """
    vertex_of = _loop_vertices(mesh)
    if _is_smooth(mesh):
        return vertex_of
    _, first, inverse = np.unique(vertex_of, return_index=True, return_inverse=True)
    same_as = first[inverse]
    for normals in _normals(mesh, keys):
        apart = _apart(normals, same_as)
        while len(apart):
            _, first, inverse = np.unique(same_as[apart], return_index=True, return_inverse=True)
            same_as[apart] = apart[first[inverse]]
            apart = apart[np.isin(apart, _apart(normals, same_as))]
    return same_as


def _apart(normals: np.ndarray, same_as: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.any(np.abs(normals - normals[same_as]) > SAME_NORMAL, axis=1))


def _targets(mesh: Mesh, keys: list[PlayedKey], turn: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what each key adds to vertices (V, 3) and to normals (C or V, 3), in the file's axes.

    Args:
        turn: (3, 3), from the mesh's axes to the file's.
    """
    turned = []
    turn = turn.astype(np.float32)
    across = np.linalg.inv(turn)  # normals turn by the inverse's transpose
    for index, normals in enumerate(_normals(mesh, keys)):
        normals = normals @ across
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        if index == 0:
            turned = normals
        else:
            yield keys[index - 1].moves @ turn.T, normals - turned


def _normals(mesh: Mesh, keys: list[PlayedKey]) -> Iterator[np.ndarray]:
    """Yield the normals of the Basis, and of each key at 1: of corners (C, 3), or of smooth vertices (V, 3)."""
    smooth, basis, trial = _is_smooth(mesh), _points(mesh), mesh.copy()
    normals = np.empty(3 * (len(mesh.vertices) if smooth else len(mesh.loops)), np.float32)
    try:
        for points in (basis, *(basis + key.moves for key in keys)):
            trial.vertices.foreach_set("co", points.ravel())
            trial.update()
            (trial.vertex_normals if smooth else trial.corner_normals).foreach_get("vector", normals)
            yield normals.reshape(-1, 3).copy()
    finally:
        bpy.data.meshes.remove(trial)


def _turn(glb: Glb, mesh_object: Object) -> np.ndarray:
    """Return what turns a mesh's axes into those of its vertices in the file, (3, 3): the world's where it is skinned.

    Raises:
        RuntimeError: its vertices are somewhere else.
    """
    node = next(item for item in glb.document["nodes"] if "mesh" in item and item["name"] == mesh_object.name)
    matrix = np.array(mesh_object.matrix_world) if "skin" in node else np.eye(4)
    matrix = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]) @ matrix  # glTF has +Y up
    points, vertex_of = _points(mesh_object.data), _vertices_of(mesh_object.data)
    placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    for primitive in glb.document["meshes"][node["mesh"]]["primitives"]:
        corner = corners_of(glb, primitive)
        off = np.abs(glb.values(primitive["attributes"]["POSITION"]) - placed[vertex_of[corner]]).max()
        if off > FITS * np.ptp(placed, axis=0).max():
            raise RuntimeError(f"{mesh_object.name}'s vertices were written in another place")
    return matrix[:3, :3]


def _points(mesh: Mesh) -> np.ndarray:
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def _is_smooth(mesh: Mesh) -> bool:
    return mesh.normals_domain == 'POINT'


def _vertices_of(mesh: Mesh) -> np.ndarray:
    """Return the vertex of each number that `_alike` gives."""
    return np.arange(len(mesh.vertices)) if _is_smooth(mesh) else _loop_vertices(mesh)


def _loop_vertices(mesh: Mesh) -> np.ndarray:
    vertex_of = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertex_of)
    return vertex_of
