"""What a mesh holds, as arrays."""

import numpy as np
from bpy.types import Object

from ..errors import RetargetError
from .shape_keys import key_points


def rest_points(mesh_object: Object) -> np.ndarray:
    """Return the vertices without any key, (V, 3) float32, in the mesh's coordinates."""
    if mesh_object.data.shape_keys is not None:
        return key_points(mesh_object.data.shape_keys.reference_key)
    points = np.empty(3 * len(mesh_object.data.vertices), np.float32)
    mesh_object.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def check_places(mesh_object: Object, points: np.ndarray, where: str = "at rest") -> None:
    """Raise RetargetError where points of a mesh are not numbers, as broken files have them."""
    nowhere = len(points) - int(np.isfinite(points).all(axis=-1).sum())
    if nowhere:
        raise RetargetError(
            f"{mesh_object.name} has {nowhere} {'vertex' if nowhere == 1 else 'vertices'} {where} whose place is not a "
            "number. Delete or repair what is broken of its mesh"
        )


def mesh_triangles(mesh_object: Object) -> np.ndarray:
    """Return a mesh's faces as triangles, (F, 3) int32 vertex indices."""
    mesh = mesh_object.data
    mesh.calc_loop_triangles()
    corners = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return corners.reshape(-1, 3)


def group_members(mesh_object: Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every membership in a vertex group: its vertex (M,) int, group (M,) int and weight (M,) float32."""
    vertices = mesh_object.data.vertices
    members = [(group.group, group.weight) for vertex in vertices for group in vertex.groups]
    counts = np.fromiter((len(vertex.groups) for vertex in vertices), int, len(vertices))
    groups, weights = np.array(members, np.float64).reshape(-1, 2).T
    return np.repeat(np.arange(len(vertices)), counts), groups.astype(int), weights.astype(np.float32)


def mesh_edges(mesh_object: Object) -> np.ndarray:
    """Return a mesh's edges, (E, 2) int32 vertex indices, the lower one first."""
    edges = np.empty(2 * len(mesh_object.data.edges), np.int32)
    mesh_object.data.edges.foreach_get("vertices", edges)
    return np.sort(edges.reshape(-1, 2), axis=1)


def group_weights(mesh_object: Object) -> dict[str, np.ndarray]:
    """Return each vertex group's weights, (V,) float64."""
    groups = mesh_object.vertex_groups
    weights = np.zeros((len(groups), len(mesh_object.data.vertices)))
    for vertex in mesh_object.data.vertices:
        for member in vertex.groups:
            weights[member.group, vertex.index] = member.weight
    return dict(zip(groups.keys(), weights))
