"""Draws triangles with a depth buffer, and tells which one each pixel shows. Needs no graphics card and no display."""

from dataclasses import dataclass

import numpy as np

NEAREST = 1e-6  # of the view's depth; what is nearer than this is behind the camera
SMALLEST_BOX_PX = 2  # triangles are drawn together whose boxes are alike, in groups half as wide again as the last
TRIED_AT_ONCE = 1_000_000  # pixels of those boxes: about 30 MB
EDGE = 1e-5  # of a triangle; as far outside a pixel still counts, so that neighbours leave no gap
LEAST_AREA_PX2 = 1e-6


@dataclass(frozen=True)
class Drawn:
    """What each pixel of a picture shows.

    Attributes:
        triangle: (H, W) int32, -1 where there is nothing.
        weights: (H, W, 3) float32, barycentric, on the triangle in space; zero where there is nothing.
        depth: (H, W) float32, in the unit of what was drawn; infinite where there is nothing.
    """

    triangle: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        return self.triangle >= 0

    def values(self, triangles: np.ndarray, of_vertices: np.ndarray) -> np.ndarray:
        """Return (H, W, C) float32: what vertices hold, (V, C), between the corners; zero where there is nothing."""
        corners = of_vertices.astype(np.float32)[triangles[np.maximum(self.triangle, 0)]]  # (H, W, 3, C)
        return np.einsum("hwkc,hwk->hwc", corners, self.weights)


def draw_triangles(points_px: np.ndarray, triangles: np.ndarray, size_px: int) -> Drawn:
    """Return which triangles a square picture shows, seen from both sides.

    Args:
        points_px: (V, 3) x right, y down in pixels, the middle of the first at 0, and the distance from the camera's
            plane; vertices are seen in perspective where distances differ.
        triangles: (F, 3) int.
        size_px: the picture's width and height.
    """
    points = points_px.astype(np.float32)
    corners = points[triangles]  # (F, 3, 3)
    low = np.clip(np.ceil(corners[..., :2].min(axis=1)), 0, size_px)
    high = np.clip(np.floor(corners[..., :2].max(axis=1)), -1, size_px - 1)
    in_front = corners[..., 2].min(axis=1) > NEAREST * np.abs(points[:, 2]).max()
    area = _cross(corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2])
    shown = np.flatnonzero(in_front & (low <= high).all(axis=1) & (np.abs(area) > LEAST_AREA_PX2))
    low, box = low[shown].astype(np.int32), (high - low)[shown].max(axis=1) + 1
    hits = [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty((0, 2), np.float32))]
    width, done = 0, 0
    while done < len(shown):
        last, width = width, max(width * 3 // 2, SMALLEST_BOX_PX)
        group = np.flatnonzero((box > last) & (box <= width))
        done += len(group)
        step = max(TRIED_AT_ONCE // width**2, 1)
        for start in range(0, len(group), step):
            part = group[start : start + step]
            pixel, which, flat = _tried(corners[shown[part]], low[part], width, size_px)
            hits.append((pixel, shown[part][which], flat))
    pixel, triangle, flat = (np.concatenate(arrays) for arrays in zip(*hits))
    if not len(pixel):
        nothing = np.full((size_px, size_px), -1, np.int32)
        return Drawn(nothing, np.zeros((size_px, size_px, 3), np.float32), np.full(nothing.shape, np.inf, np.float32))
    weights = np.column_stack([1.0 - flat.sum(axis=1), flat])  # on the picture
    nearness = weights / corners[triangle, :, 2]
    depth = 1.0 / nearness.sum(axis=1)
    order = np.argsort(-depth, kind="stable")  # the last that is written to a pixel stays
    seen = np.full(size_px**2, -1)
    seen[pixel[order]] = order
    shape, empty = (size_px, size_px), seen < 0
    return Drawn(
        np.where(empty, -1, triangle[seen]).astype(np.int32).reshape(shape),
        np.where(empty[:, None], 0.0, nearness[seen] * depth[seen, None]).astype(np.float32).reshape(*shape, 3),
        np.where(empty, np.inf, depth[seen]).astype(np.float32).reshape(shape),
    )


def _tried(
    corners: np.ndarray, low: np.ndarray, width: int, size_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pixel, triangle and last two weights of all pixels within triangles (N, 3, 3), boxes so wide at most."""
    steps = np.arange(width, dtype=np.float32)
    a, b, c = (corners[:, corner, :2] - low for corner in range(3))
    area = _cross(b - a, c - a)
    of_second = np.stack([c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]], axis=1) / area[:, None]  # a pixel to the right, down
    of_third = np.stack([a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]], axis=1) / area[:, None]
    second, third = (
        (slope[:, 1, None] * steps - (slope * a).sum(axis=1)[:, None])[:, :, None]
        + (slope[:, 0, None] * steps)[:, None, :]
        for slope in (of_second, of_third)
    )  # (N, width down, width right)
    which, y, x = np.nonzero((np.minimum(second, third) >= -EDGE) & (second + third <= 1.0 + EDGE))
    flat = np.stack([second[which, y, x], third[which, y, x]], axis=1)
    y, x = y + low[which, 1], x + low[which, 0]
    within = (x < size_px) & (y < size_px)
    return (y * size_px + x)[within], which[within], np.clip(flat[within], 0.0, 1.0)


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
