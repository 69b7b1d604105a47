"""Where a head's eyes are in its mesh, by geometry alone: eyeballs, the skin around them, the edge of the lids."""

from dataclasses import dataclass

import numpy as np

from .head import JOINT_NAMES, Head

EYE_JOINTS = (JOINT_NAMES.index("eye_L"), JOINT_NAMES.index("eye_R"))
WHOLLY = 0.99  # of a vertex's skinning weight: it hangs on one joint alone
MIN_BALL_VERTICES = 12  # fewer do not tell a sphere
MIN_EDGE_VERTICES = 8  # nor do these tell an upper lid from a lower one
MAX_RINGS = 40  # from the pocket's back: FLAME's lids' edge is ring 3, the built-in head's is 5, and skin follows


@dataclass(frozen=True)
class Eye:
    """One eye's part of the mesh.

    Attributes:
        ball: (B,) int, the eyeball's vertices.
        rings: (V,) int, steps from the back of the pocket behind the lids; -1 where there is no way.
        edge: the ring at the lids' edge.
        edges: (K, 2) int, the skin's edges, each once.
        triangles: (G, 3) int, the skin on the near side of the lids' edge.
    """

    ball: np.ndarray
    rings: np.ndarray
    edge: int
    edges: np.ndarray
    triangles: np.ndarray


@dataclass(frozen=True)
class Ball:
    """An eyeball in place: the sphere through its white, and its real surface, which may bulge at the cornea."""

    center: np.ndarray  # (3,) metres
    radius: float  # metres
    directions: np.ndarray  # (B, 3) from the centre to each vertex, of length 1
    distances: np.ndarray  # (B,) metres

    def clearance(self, points: np.ndarray, up_to_m: float = 0.0) -> np.ndarray:
        """Return how far points (..., 3) lie outside the surface, (...), metres; less than 0 inside.

        It is exact up to `up_to_m`; of points farther out it only tells that they are, which is quicker.
        """
        local = (points - self.center).reshape(-1, 3)
        distance = np.linalg.norm(local, axis=1)
        surface = np.full(len(local), self.radius)
        near = distance < self.distances.max() + up_to_m
        surface[near] = self.distances[np.argmax(local[near] @ self.directions.T, axis=1)]
        return (distance - surface).reshape(points.shape[:-1])


def find_eye(head: Head, joint: int) -> Eye | None:
    """Return the eye that hangs on a joint, one of EYE_JOINTS; None without an eyeball, or lids around it."""
    on_ball = head.skinning_weights[:, joint] > WHOLLY
    if on_ball.sum() < MIN_BALL_VERTICES:
        return None
    triangles = head.triangles[~on_ball[head.triangles].any(axis=1)]
    if not len(triangles):
        return None
    edges, is_border = _edges(triangles)
    points = head.template.astype(np.float64)
    ball = fit_ball(points[on_ball])
    rings = _rings(points - ball.center, triangles, edges, edges[is_border])
    edge = _narrowest_ring(points - ball.center, rings)
    if edge is None:
        return None
    near_side = triangles[(rings[triangles] >= edge).all(axis=1)]
    return Eye(np.flatnonzero(on_ball), rings, edge, edges, near_side)


def _edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the triangles' edges (K, 2), each once, and which of them (K,) bound only one triangle."""
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    stride = triangles.max() + 1  # one number an edge: far quicker than comparing rows
    numbers, count = np.unique(sides[:, 0] * stride + sides[:, 1], return_counts=True)
    return np.column_stack(np.divmod(numbers, stride)), count == 1


def _rings(local: np.ndarray, triangles: np.ndarray, edges: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Return steps (V,) from the back of the pocket behind the lids, to skin within MAX_RINGS; -1 elsewhere.

    The back is the skin's place nearest the ball's centre: the bottom of FLAME's pocket, which is closed. A pocket
    that is open at the back begins with the whole of that border.
    """
    is_skin = np.zeros(len(local), bool)
    is_skin[triangles] = True
    distance = np.where(is_skin, np.linalg.norm(local, axis=1), np.inf)
    reached = np.zeros(len(local), bool)
    reached[np.argmin(distance)] = True
    while True:  # round the border; a place inside the skin has none
        fresh = border[reached[border[:, 0]] | reached[border[:, 1]]]
        if reached[fresh].all():
            break
        reached[fresh] = True
    rings = np.where(reached, 0, -1)
    for ring in range(1, MAX_RINGS):
        first, second = rings[edges.T] >= 0
        fresh = edges[first != second]
        fresh = fresh[rings[fresh] < 0]
        if not len(fresh):
            break
        rings[fresh] = ring
    return rings


def _narrowest_ring(local: np.ndarray, rings: np.ndarray) -> int | None:
    """Return the ring at the pocket's mouth: the first, from the back, that is narrower than the one on either side.

    Seen from the front, that is: by the area that a ring encloses. None where the skin forms no such pocket.
    """
    areas = []
    for ring in range(rings.max() + 1):
        loop = local[around(local, np.flatnonzero(rings == ring)), :2]
        following = np.roll(loop, -1, axis=0)
        areas.append(0.5 * (loop[:, 0] * following[:, 1] - loop[:, 1] * following[:, 0]).sum())
    narrower = [ring for ring in range(1, len(areas) - 2) if areas[ring - 1] > areas[ring] < areas[ring + 1]]
    if not narrower:
        return None
    edge = local[rings == narrower[0]]
    is_in_front = len(edge) >= MIN_EDGE_VERTICES and (edge[:, 2] > 0).all()
    is_around = (edge[:, :2].min(axis=0) < 0).all() and (edge[:, :2].max(axis=0) > 0).all()
    return narrower[0] if is_in_front and is_around else None


def around(local: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return a ring's vertices in order, counter-clockwise seen from the front."""
    middle = local[members].mean(axis=0)
    y, x = (local[members] - middle)[:, 1::-1].T
    return members[np.argsort(np.arctan2(y, x), kind="stable")]


def fit_ball(points: np.ndarray) -> Ball:
    """Return the ball through an eyeball's vertices (B, 3), metres.

    The sphere fits the four fifths nearest to one, so that a cornea's bulge does not move its centre.
    """
    chosen = points
    for _ in range(3):
        equations = np.column_stack([2.0 * chosen, np.ones(len(chosen))])
        solution = np.linalg.lstsq(equations, (chosen**2).sum(axis=1), rcond=None)[0]
        center = solution[:3]
        radius = np.sqrt(solution[3] + center @ center)
        misfit = np.abs(np.linalg.norm(points - center, axis=1) - radius)
        chosen = points[misfit <= np.quantile(misfit, 0.8)]
    distances = np.linalg.norm(points - center, axis=1)
    return Ball(center, float(radius), (points - center) / distances[:, None], distances)
