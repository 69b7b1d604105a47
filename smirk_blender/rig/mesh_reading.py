"""What a mesh holds, as arrays."""

import numpy as np
from bpy.types import Object

from .shape_keys import key_points


def rest_points(mesh_object: Object) -> np.ndarray:
    """Return the vertices without any key, (V, 3) float32, in the mesh's coordinates."""
    if mesh_object.data.shape_keys is not None:
        return key_points(mesh_object.data.shape_keys.reference_key)
    points = np.empty(3 * len(mesh_object.data.vertices), np.float32)
    mesh_object.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


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
