"""Points spread evenly over a head's face: what is to be seen of its skin."""

import numpy as np

from ..flame import Head
from ..flame.per_head import once_a_head
from ..flame.regions import face_mask
from .nearest import distances, unit, vertex_normals

ON_FACE = 0.3  # of the face mask
ALONG_FACE = 0.3  # least cosine to the normals of the landmarks around: the mouth's inside looks elsewhere
BEHIND_M, BESIDE_M = 0.003, 0.02  # behind a landmark that is no farther than this is inside the mouth or a nostril
BETWEEN_LIPS_M = 0.004  # from where lips or lids meet, only landmarks tell which side a point is on
PLENTY = 10  # times as many points as are wanted are chosen from


def spread_over_face(head: Head, vertices: np.ndarray, slits: np.ndarray, num_points: int) -> np.ndarray:
    """Return vertices (N,) int spread evenly over the head's face: skin that is seen, away from slits (S, 3)."""
    points = head.landmarks.points(vertices[None])[0]
    normals = vertex_normals(vertices, head.triangles)
    around = unit(np.einsum("lci,lc->li", normals[head.landmarks.corners], head.landmarks.weights))
    some = np.flatnonzero(_skin(head) & (face_mask(head) > ON_FACE))
    apart = distances(vertices[some], points)
    nearest = apart.argmin(axis=1)
    rows = np.arange(len(some))
    behind = ((vertices[some] - points[nearest]) * around[nearest]).sum(axis=1) < -BEHIND_M
    seen = ((normals[some] * around[nearest]).sum(axis=1) > ALONG_FACE) & ~(behind & (apart[rows, nearest] < BESIDE_M))
    if len(slits):
        seen &= distances(vertices[some], slits).min(axis=1) > BETWEEN_LIPS_M
    return _evenly(vertices, some[seen], num_points)


@once_a_head
def _skin(head: Head) -> np.ndarray:
    """Return which vertices (V,) hang together with those that most landmarks lie on."""
    part = np.arange(len(head.template))
    while True:
        least = part.copy()
        np.minimum.at(least, head.triangles.ravel(), np.repeat(part[head.triangles].min(axis=1), 3))
        least = least[least]
        if np.array_equal(least, part):
            break
        part = least
    found, counts = np.unique(part[head.landmarks.corners], return_counts=True)
    return part == found[counts.argmax()]


def _evenly(vertices: np.ndarray, some: np.ndarray, count: int) -> np.ndarray:
    """Return so many of some vertices, each the farthest from those before it."""
    if len(some) <= count or not count:
        return some[:count]
    some = some[:: max(1, len(some) // (PLENTY * count))]
    chosen = [0]
    apart = np.full(len(some), np.inf)
    for _ in range(count - 1):
        apart = np.minimum(apart, ((vertices[some] - vertices[some[chosen[-1]]]) ** 2).sum(axis=1))
        chosen.append(int(apart.argmax()))
    return some[chosen]
