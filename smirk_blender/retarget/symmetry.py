"""Where a mesh mirrors itself, so that one side of a face tells the other."""

from dataclasses import dataclass

import numpy as np

from .surface_point import TriangleSurface

NUM_SAMPLES, NUM_FIRST = 240, 24  # vertices that are looked at; first a few, which most wrong planes fail
LEAST_SHARE, LEAST_FIRST_SHARE = 0.95, 0.7  # of them, that have their mirror image on the surface
TOLERANCE = 0.002  # of the mesh's diagonal: half a millimetre of a head, 4 mm of a body
SAME_DIRECTION = 0.999  # cosine between two planes' normals that are one


@dataclass(frozen=True)
class MirrorPlane:
    """A plane that mirrors a mesh.

    Attributes:
        normal: (3,) float64 of length 1.
        offset: of the plane from the origin along the normal, in the mesh's unit.
    """

    normal: np.ndarray
    offset: float

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Return how far points (..., 3) lie before the plane, (...); negative behind it."""
        return points @ self.normal - self.offset

    def mirrored(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) on the plane's other side."""
        return points - 2.0 * self.distances(points)[..., None] * self.normal

    def flattened(self, points: np.ndarray) -> np.ndarray:
        """Return the points of the plane nearest to points (..., 3)."""
        return points - self.distances(points)[..., None] * self.normal


def mirror_planes(surface: TriangleSurface) -> list[MirrorPlane]:
    """Return the planes that mirror a surface, likeliest first; none where it is asymmetric.

    Tried are those across x, y and z through the origin, then through the vertices' middle and their bounds' middle,
    then across the directions in which the vertices spread.
    """
    vertices = surface.vertices
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    samples = vertices[np.random.default_rng(0).permutation(len(vertices))[:NUM_SAMPLES]]
    found: list[MirrorPlane] = []
    for plane in _candidates(vertices):
        known = any(
            abs(plane.normal @ other.normal) > SAME_DIRECTION
            and np.abs(plane.distances(other.normal * other.offset)) < TOLERANCE * size
            for other in found
        )
        if not known and _mirrors(surface, plane, samples, TOLERANCE * size):
            found.append(plane)
    return found


def _candidates(vertices: np.ndarray) -> list[MirrorPlane]:
    axes, spread = np.eye(3), np.linalg.eigh(np.cov(vertices.T))[1].T
    middle, bounds_middle = vertices.mean(axis=0), (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    places = [(axis, place) for place in (np.zeros(3), middle, bounds_middle) for axis in axes]
    return [MirrorPlane(axis, float(axis @ place)) for axis, place in (*places, *((axis, middle) for axis in spread))]


def _mirrors(surface: TriangleSurface, plane: MirrorPlane, samples: np.ndarray, tolerance: float) -> bool:
    first = _share(surface, plane, samples[:NUM_FIRST], tolerance)
    return first >= LEAST_FIRST_SHARE and _share(surface, plane, samples, tolerance) >= LEAST_SHARE


def _share(surface: TriangleSurface, plane: MirrorPlane, samples: np.ndarray, tolerance: float) -> float:
    """Return which share of samples (N, 3) have their mirror image on the surface."""
    images = plane.mirrored(samples)
    missed = [np.linalg.norm(surface.nearest(image).on(surface.vertices) - image) for image in images]
    return float(np.mean(np.array(missed) <= tolerance))
