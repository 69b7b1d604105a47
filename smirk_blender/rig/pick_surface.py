"""A character's surface to click on: as it stands in the scene now, and as it is at rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bpy.types import Depsgraph, Object
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from ..errors import RetargetError
from ..retarget.nearest import closest_in_triangles
from ..retarget.surface_point import SurfacePoint, TriangleSurface
from .mesh_reading import check_places, mesh_triangles, rest_points

LEAST_AREA = 1e-6  # squared, of its edges': of a triangle that `Vector`, which has 7 digits, can tell from a line


@dataclass(frozen=True)
class Hit:
    """Where a ray meets a character.

    Attributes:
        point: on its surface.
        place: (3,) in the world.
    """

    point: SurfacePoint
    place: np.ndarray


class QuickSurface(TriangleSurface):
    """A surface that is asked often, such as while the mouse moves."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        super().__init__(vertices, triangles)
        self._tree = BVHTree.FromPolygons(self.vertices.tolist(), self.triangles.tolist(), all_triangles=True)

    def nearest(self, place: np.ndarray) -> SurfacePoint:
        found, _, number, _ = self._tree.find_nearest(Vector(place))
        return point_in(self.vertices, self.triangles[number], found)


class PickSurface:
    """A character's surface, read once.

    Attributes:
        rest: in object space, without keys, bones and modifiers.
        shown: (V, 3) float64, its vertices in the world now. Where modifiers add or remove vertices, those at rest.
        size: the diagonal of what is shown, in the world.
    """

    def __init__(self, mesh_object: Object, depsgraph: Depsgraph) -> None:
        """Read a mesh object.

        Raises:
            RetargetError: it has no faces, or vertices that are nowhere.
        """
        triangles = mesh_triangles(mesh_object)
        if not len(triangles):
            raise RetargetError(f"{mesh_object.name} has no faces to put landmarks on. Choose the mesh of its face")
        check_places(mesh_object, rest_points(mesh_object))
        self.rest = QuickSurface(rest_points(mesh_object), triangles)
        evaluated = mesh_object.evaluated_get(depsgraph)
        self._matrix = np.array(evaluated.matrix_world, np.float64)
        self.shown = shown_vertices(mesh_object, depsgraph)
        self.size = float(np.linalg.norm(np.ptp(self.shown, axis=0)))
        self._same = has_same_vertices(mesh_object, evaluated)
        vertices = self.shown
        if not self._same:  # what is seen is not what is stored: hit the one, then go to the nearest of the other
            triangles = mesh_triangles(evaluated)
            vertices = in_world(vertices_of(evaluated.data), self._matrix)
        self._outward = _outward(vertices, triangles)
        self._tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist(), all_triangles=True)

    def hit(self, start: np.ndarray, direction: np.ndarray) -> Hit | None:
        """Return where a ray of the world first meets the surface from outside; None where it does not.

        A ray that comes to the surface's inside first has gone in by an opening, such as that of an eye.
        """
        place, normal, number, _ = self._tree.ray_cast(Vector(start), Vector(direction))
        if place is None or self._outward * float(np.dot(normal, direction)) >= 0.0:
            return None
        place = np.array(place)
        if not self._same:
            return Hit(self.nearest(place), place)
        return Hit(point_in(self.shown, self.rest.triangles[number], place), place)

    def nearest(self, place: np.ndarray) -> SurfacePoint:
        """Return the point nearest to a place (3,) of the world, of the surface as `shown`."""
        if self._same:
            found, _, number, _ = self._tree.find_nearest(Vector(place))
            return point_in(self.shown, self.rest.triangles[number], found)
        return self.rest.nearest(np.linalg.inv(self._matrix)[:3] @ [*place, 1.0])

    def sees(self, start: np.ndarray, place: np.ndarray, slack: float) -> bool:
        """Return whether nothing of the surface is between two places (3,) of the world, but for what is so near."""
        way = place - start
        length = float(np.linalg.norm(way))
        if length <= slack:
            return True
        found = self._tree.ray_cast(Vector(start), Vector(way / length), length - slack)
        return found[0] is None

    def to_rest(self, direction: np.ndarray) -> np.ndarray:
        """Return a direction (3,) of the world in object space, of length 1."""
        turned = np.linalg.inv(self._matrix[:3, :3]) @ direction
        return turned / np.linalg.norm(turned)


def point_in(vertices: np.ndarray, corners: np.ndarray, place: Sequence[float]) -> SurfacePoint:
    """Return a place (3,) of a triangle as a point of it; a hundredth of a millisecond, where numpy takes one."""
    first, second, third = (Vector(vertex) for vertex in vertices[corners].tolist())
    b, c, p = second - first, third - first, Vector(place) - first
    bb, bc, cc, pb, pc = b.dot(b), b.dot(c), c.dot(c), p.dot(b), p.dot(c)
    area = bb * cc - bc * bc
    if area <= LEAST_AREA * bb * cc:  # next to none
        return SurfacePoint(corners, closest_in_triangles(np.array(place), vertices[corners][None])[0])
    along_b, along_c = max((cc * pb - bc * pc) / area, 0.0), max((bb * pc - bc * pb) / area, 0.0)
    beyond = max(along_b + along_c, 1.0)
    along_b, along_c = along_b / beyond, along_c / beyond
    return SurfacePoint(corners, np.array((1.0 - along_b - along_c, along_b, along_c)))


def shown_vertices(mesh_object: Object, depsgraph: Depsgraph) -> np.ndarray:
    """Return a mesh's vertices in the world as the scene shows them, (V, 3) float64.

    Where modifiers add or remove vertices, those at rest.
    """
    evaluated = mesh_object.evaluated_get(depsgraph)
    same = has_same_vertices(mesh_object, evaluated)
    points = vertices_of(evaluated.data) if same else rest_points(mesh_object)
    return in_world(points, np.array(evaluated.matrix_world, np.float64))


def has_same_vertices(mesh_object: Object, evaluated: Object) -> bool:
    """Return whether an evaluated mesh has the vertices and faces of its original, as far as numbers tell."""
    own, shown = mesh_object.data, evaluated.data
    return len(own.vertices) == len(shown.vertices) and len(own.polygons) == len(shown.polygons)


def vertices_of(mesh) -> np.ndarray:
    """Return a mesh's own vertices, (V, 3) float32; quick enough for every redraw."""
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.attributes["position"].data.foreach_get("vector", points)
    return points.reshape(-1, 3)


def in_world(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _outward(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Return 1 where the triangles' normals point away from the middle on the whole, -1 where they point to it."""
    corners = vertices[triangles]  # (F, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = np.einsum("fd,fd->", corners.mean(axis=1) - vertices.mean(axis=0), normals)
    return 1.0 if volume >= 0.0 else -1.0
