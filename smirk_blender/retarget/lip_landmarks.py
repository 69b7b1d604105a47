"""Landmarks of lips that touch, each put on its own lip.

Where a mouth is closed, both lips' inner landmarks lie within a hair of each other, and one seen from the front may
have come to lie on the other lip. It is the mesh that tells the lips apart: from one to the other is a long way along
the surface, around the corner of the mouth or through its inside.
"""

import numpy as np

from ..flame import LandmarkEmbedding
from .nearest import closest_in_triangles

# MediaPipe's landmarks from one corner of the mouth to the other, from the lips' outside to where they meet.
UPPER_ROWS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_ROWS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
UPPER, LOWER = (frozenset(index for row in rows for index in row) for rows in (UPPER_ROWS, LOWER_ROWS))
CORNERS = (61, 291)
AROUND = 1.2  # mouth widths from its middle that are looked at


def settle_lips(vertices: np.ndarray, triangles: np.ndarray, landmarks: LandmarkEmbedding) -> LandmarkEmbedding:
    """Return the landmarks with those that lay on the wrong lip moved to the nearest place of their own.

    Where landmarks of the lips' outsides are missing, or the mesh has no slit between them, all stay as they are.
    Args:
        vertices: (V, 3), triangles: (F, 3), of the mesh that the landmarks lie on.
    """
    row_of = {int(index): row for row, index in enumerate(landmarks.indices)}
    upper, lower = ([row_of[index] for index in rows[0][1:-1] if index in row_of] for rows in (UPPER_ROWS, LOWER_ROWS))
    if not upper or not lower or not all(corner in row_of for corner in CORNERS):
        return landmarks
    points = landmarks.points(vertices[None])[0]
    ends = points[[row_of[corner] for corner in CORNERS]]
    reach = AROUND * np.linalg.norm(ends[0] - ends[1])
    near = np.linalg.norm(vertices - ends.mean(axis=0), axis=1) < reach
    some = triangles[near[triangles].all(axis=1)]
    to_upper, to_lower = (_way_along(vertices, some, landmarks.corners[rows].ravel()) for rows in (upper, lower))
    of_upper = np.where(np.isfinite(to_upper) | np.isfinite(to_lower), to_lower > to_upper, np.nan)
    corners, weights = landmarks.corners.copy(), landmarks.weights.copy()
    for members, wanted in ((UPPER, 1.0), (LOWER, 0.0)):
        own = some[(of_upper[some] == wanted).all(axis=1)]
        for row in (row_of[index] for index in members if index in row_of):
            there = of_upper[corners[row]]
            if len(own) and weights[row] @ np.nan_to_num(there != wanted) > 0.5:
                mixed = closest_in_triangles(points[row], vertices[own])
                away = np.linalg.norm(np.einsum("fc,fci->fi", mixed, vertices[own]) - points[row], axis=1)
                corners[row], weights[row] = own[away.argmin()], mixed[away.argmin()]
    return LandmarkEmbedding(landmarks.indices, corners, weights)


def _way_along(vertices: np.ndarray, triangles: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return how far each vertex is from the nearest start along the triangles' edges, (V,); infinite beyond them."""
    way = np.full(len(vertices), np.inf)
    way[start] = 0.0
    if not len(triangles):
        return way
    begin, end = triangles[:, [0, 1, 2, 1, 2, 0]].ravel(), triangles[:, [1, 2, 0, 0, 1, 2]].ravel()
    order = np.argsort(end, kind="stable")
    begin, end = begin[order], end[order]
    length = np.linalg.norm(vertices[begin] - vertices[end], axis=1)
    reached, first = np.unique(end, return_index=True)
    while True:
        nearest = np.minimum(way[reached], np.minimum.reduceat(way[begin] + length, first))
        if np.array_equal(nearest, way[reached]):
            return way
        way[reached] = nearest
