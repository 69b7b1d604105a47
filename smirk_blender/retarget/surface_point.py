"""Places on a mesh's surface: inside one of its triangles, so that they follow the mesh however it moves."""

from dataclasses import dataclass

import numpy as np

from .nearest import closest_in_triangles

CHUNK_PAIRS = 2_000_000  # of a place and a triangle at once: about 50 MB


@dataclass(frozen=True)
class SurfacePoint:
    """A point inside a triangle.

    Attributes:
        corners: (3,) int, the triangle's vertices.
        weights: (3,) float64, barycentric, none below 0; together 1.
    """

    corners: np.ndarray
    weights: np.ndarray

    def on(self, vertices: np.ndarray) -> np.ndarray:
        """Return its place, (3,), for vertices (V, 3), in their unit."""
        return self.weights @ vertices[self.corners]


class TriangleSurface:
    """A surface of triangles, asked for the places nearest to points.

    Attributes:
        vertices: (V, 3) float64, any unit.
        triangles: (F, 3) int, at least one.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.vertices, self.triangles = np.asarray(vertices, np.float64), np.asarray(triangles)
        self._corners = self.vertices[self.triangles]  # (F, 3, 3)
        self._middles = self._corners.mean(axis=1)
        self._reach = np.sqrt(((self._corners - self._middles[:, None]) ** 2).sum(axis=2).max(axis=1))

    def nearest(self, place: np.ndarray) -> SurfacePoint:
        """Return the point of the surface nearest to a place (3,)."""
        (triangle,), (weights,), _ = self.all_nearest(np.asarray(place)[None])
        return SurfacePoint(self.triangles[triangle], weights)

    def all_nearest(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where the surface is nearest to each place.

        Args:
            places: (N, 3), in the vertices' unit and frame.
        Returns:
            triangle: (N,) int, which one.
            weights: (N, 3) float64, barycentric.
            distance: (N,) float64.
        """
        found, all_weights, distance = np.empty(len(places), int), np.empty((len(places), 3)), np.empty(len(places))
        step = max(CHUNK_PAIRS // len(self.triangles), 1)
        for start in range(0, len(places), step):
            part = np.asarray(places[start : start + step], np.float64)
            away = np.sqrt(((part[:, None] - self._middles) ** 2).sum(axis=2))
            point, triangle = np.nonzero(away - self._reach <= away.min(axis=1)[:, None])  # no other can come nearer
            corners = self._corners[triangle]
            weights = closest_in_triangles(part[point], corners)
            gap = np.linalg.norm(np.einsum("kc,kcd->kd", weights, corners) - part[point], axis=1)
            order = np.lexsort((gap, point))
            first = order[np.searchsorted(point[order], np.arange(len(part)))]
            kept = slice(start, start + len(part))
            found[kept], all_weights[kept], distance[kept] = triangle[first], weights[first], gap[first]
        return found, all_weights, distance

    def normal_at(self, point: SurfacePoint) -> np.ndarray:
        """Return the normal, (3,) of length 1, of the triangle that holds a point; 0 where it has no area."""
        first, second, third = self.vertices[point.corners]
        normal = np.cross(second - first, third - first)
        length = np.linalg.norm(normal)
        return normal / length if length > 0.0 else np.zeros(3)
