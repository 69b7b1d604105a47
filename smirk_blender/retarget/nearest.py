"""The place of a triangle, and of a surface that faces the same way, that lies nearest to a point."""

import numpy as np

NEAR_VERTICES = 6  # whose triangles are looked at
FACES_ALONG = 0.3  # least cosine between a point's normal and a triangle's
CHUNK_POINTS = 24  # that lie beside each other, looked at together


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return (F, 3), as long as twice the triangle's area, outward where the corners run counter-clockwise."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return unit normals (V, 3), triangles weighed by area; zero where a vertex has none."""
    across = triangle_normals(vertices, triangles)
    sums = np.zeros((len(vertices), 3))
    for axis in range(3):
        repeated = np.repeat(across[:, axis], 3)
        sums[:, axis] = np.bincount(triangles.ravel(), repeated, minlength=len(vertices))
    return unit(sums)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) of length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def nearest_on_surface(
    points: np.ndarray, normals: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, *, reach: float = np.inf
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each point a triangle's corners (P, 3), barycentric weights (P, 3) and the distance (P,).

    Only triangles count that face the way of the point's normal; where none in reach does, the distance is infinite.
    Args:
        points, normals: (P, 3); normals of length 1.
        vertices: (V, 3), triangles: (F, 3), in the points' space.
        reach: how far to look at least; a larger mesh is searched faster with a short one.
    """
    facing = vertex_normals(vertices, triangles)
    used = np.flatnonzero(np.any(facing != 0, axis=1))
    around = _triangles_of(triangles, len(vertices))
    flat = unit(triangle_normals(vertices, triangles))
    corners, weights = np.zeros((len(points), 3), int), np.tile([1.0, 0.0, 0.0], (len(points), 1))
    distance = np.full(len(points), np.inf)
    reach = reach + _longest_edge(vertices, triangles)  # a large triangle may be near, and its corners far away
    order = np.argsort(points[:, 0], kind="stable")
    for start in range(0, len(order), CHUNK_POINTS):
        some = order[start : start + CHUNK_POINTS]
        low, high = points[some].min(axis=0) - reach, points[some].max(axis=0) + reach
        close = used[np.all((vertices[used] >= low) & (vertices[used] <= high), axis=1)]
        if not len(close):
            continue
        apart = distances(points[some], vertices[close])
        apart[normals[some] @ facing[close].T < FACES_ALONG] = np.inf
        count = min(NEAR_VERTICES, len(close))
        near = np.argpartition(apart, count - 1, axis=1)[:, :count]
        row, column = np.nonzero(np.isfinite(np.take_along_axis(apart, near, axis=1)))
        point, triangle = _pairs(around, some[row], close[near[row, column]])
        along = (flat[triangle] * normals[point]).sum(axis=1) >= FACES_ALONG
        point, triangle = point[along], triangle[along]
        mixed = closest_in_triangles(points[point], vertices[triangles[triangle]])
        away = np.linalg.norm(_place(mixed, vertices[triangles[triangle]]) - points[point], axis=1)
        by_point = np.lexsort((away, point))
        found, first = np.unique(point[by_point], return_index=True)
        best = by_point[first]
        corners[found], weights[found], distance[found] = triangles[triangle[best]], mixed[best], away[best]
    return corners, weights, distance


def closest_in_triangles(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return barycentric weights (F, 3) of each triangle's place that is nearest to a point.

    Args:
        point: (3,), or (F, 3) one for each triangle.
        corners: (F, 3, 3).
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    inside = _in_plane(point, a, b, c)
    best = np.where((inside >= 0).all(axis=1, keepdims=True), inside, np.nan)
    distance = np.where(np.isnan(best[:, 0]), np.inf, np.linalg.norm(_place(inside, corners) - point, axis=1))
    for first, second in ((0, 1), (1, 2), (2, 0)):
        begin, along = corners[:, first], corners[:, second] - corners[:, first]
        length = np.maximum((along**2).sum(axis=1), np.finfo(float).tiny)
        way = np.clip(((point - begin) * along).sum(axis=1) / length, 0.0, 1.0)
        mixed = np.zeros((len(corners), 3))
        mixed[:, first], mixed[:, second] = 1.0 - way, way
        away = np.linalg.norm(_place(mixed, corners) - point, axis=1)
        nearer = away < distance
        best[nearer], distance[nearer] = mixed[nearer], away[nearer]
    return best


def _in_plane(point: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return barycentric weights (F, 3) of the point's foot in each triangle's plane; -1 where one has no area."""
    across = np.cross(b - a, c - a)
    square = (across**2).sum(axis=1)
    flat = square <= np.finfo(float).tiny
    square = np.where(flat, 1.0, square)
    second = (np.cross(point - a, c - a) * across).sum(axis=1) / square
    third = (np.cross(b - a, point - a) * across).sum(axis=1) / square
    return np.where(flat[:, None], -1.0, np.stack([1.0 - second - third, second, third], axis=1))


def _place(weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    return np.einsum("fc,fci->fi", weights, corners)


def distances(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return how far points (P, 3) lie from each of some places (N, 3), (P, N)."""
    middle = places.mean(axis=0)  # near 0, where no digits are lost
    points, places = points - middle, places - middle
    squares = (points**2).sum(axis=1)[:, None] - 2.0 * points @ places.T + (places**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0.0))


def _longest_edge(vertices: np.ndarray, triangles: np.ndarray) -> float:
    corners = vertices[triangles]
    return float(np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=-1).max(initial=0.0))


def _triangles_of(triangles: np.ndarray, num_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Return triangles ordered by their corners (3 F,), and where each vertex's begin, (V + 1,)."""
    order = np.argsort(triangles.ravel(), kind="stable")
    return order // 3, np.searchsorted(triangles.ravel()[order], np.arange(num_vertices + 1))


def _pairs(
    around: tuple[np.ndarray, np.ndarray], points: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of a point (N,) and a triangle (N,): those that a vertex (M,) near a point (M,) is a corner of."""
    triangles, starts = around
    counts = np.diff(starts)[near]
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    return np.repeat(points, counts), triangles[np.repeat(starts[near], counts) + within]
