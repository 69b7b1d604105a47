"""A small picture of a head, drawn with numpy alone, for previews: it needs neither a graphics card nor a package."""

import numpy as np

SIZE_PX = 256  # as Blender's own previews of assets
SUPERSAMPLE = 2  # drawn this much larger, then averaged
MARGIN = 1.06  # room around the mesh
FACE_PART = (0.10, 0.84)  # of a head's height, from its top: what of it a picture of its face shows
LIGHT = np.array([-0.35, 0.45, 0.82]) / np.linalg.norm([-0.35, 0.45, 0.82])  # towards it: upper left of the viewer
AMBIENT = 0.35
GAMMA = 2.2
SAMPLES_PER_PX, MOST_SAMPLES = 1.2, 512  # along a triangle's longest edge; fewer leave holes


def portrait(
    points: np.ndarray,
    triangles: np.ndarray,
    colors: np.ndarray,
    *,
    part: tuple[float, float] | None = None,
    size_px: int = SIZE_PX,
) -> np.ndarray:
    """Return a picture of a mesh seen from the front, smoothly shaded.

    Args:
        points: (V, 3), any unit, +X right, +Y up, +Z towards the viewer.
        triangles: (F, 3) int, counter-clockwise seen from outside.
        colors: (F, 3) linear RGB.
        part: of its height, from the top, that fills the picture; the whole mesh where left out.
    Returns:
        (size_px, size_px, 4) float32 RGBA, 0 to 1, gamma-corrected, transparent outside; the lowest row first.
    """
    side = size_px * SUPERSAMPLE
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    middle, extent = (low + high) / 2, MARGIN * float((high - low).max())
    if part is not None:
        top, bottom = (high[1] - share * (high[1] - low[1]) for share in part)
        middle[1], extent = (top + bottom) / 2, top - bottom
    scale = side / max(extent, 1e-12)
    seen = np.column_stack([(points[:, :2] - middle) * scale + side / 2, points[:, 2] * scale])
    corners = seen.astype(np.float32)[triangles]  # (F, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lit = AMBIENT + (1 - AMBIENT) * np.clip(_vertex_normals(len(points), triangles, normals) @ LIGHT, 0.0, 1.0)  # (V,)
    flat = corners[..., :2]
    inside = np.all((flat.max(axis=1) >= 0) & (flat.min(axis=1) < side), axis=1)
    shown = np.flatnonzero(inside & (normals[:, 2] > 0))
    pixels, depths, owners, shades = _samples(corners[shown], lit[triangles[shown]].astype(np.float32), side)
    nearest = np.full(side * side, -np.inf, np.float32)
    np.maximum.at(nearest, pixels, depths)
    seen_ones = np.flatnonzero(depths == nearest[pixels])
    owners, pixels = owners[seen_ones], pixels[seen_ones]
    picture = np.zeros((side * side, 4))
    picture[pixels, :3] = np.clip(colors[shown[owners]] * shades[seen_ones, None], 0.0, 1.0) ** (1 / GAMMA)
    picture[pixels, 3] = 1.0
    blocks = picture.reshape(size_px, SUPERSAMPLE, size_px, SUPERSAMPLE, 4).mean(axis=(1, 3))
    cover = blocks[..., 3:]
    return np.concatenate([blocks[..., :3] / np.maximum(cover, 1e-6), cover], axis=-1).astype(np.float32)


def _vertex_normals(num_points: int, triangles: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the points' normals, (V, 3), of length 1: the triangles' (F, 3), weighted by their area."""
    corners = triangles.ravel()
    sums = [np.bincount(corners, np.repeat(axis, 3), num_points) for axis in normals.T]
    summed = np.stack(sums, axis=1)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


def _samples(
    corners: np.ndarray, lit: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return points on triangles (F, 3, 3), dense enough to fill them: pixels, depths, triangles, light, (N,) each.

    Args:
        lit: (F, 3), the light at the corners.
    """
    edges = np.linalg.norm(corners[..., :2] - np.roll(corners[..., :2], 1, axis=1), axis=-1).max(axis=1)
    steps = np.clip(np.ceil(SAMPLES_PER_PX * edges), 1, MOST_SAMPLES).astype(int)
    found = []
    for count in np.unique(steps):
        owners = np.flatnonzero(steps == count)
        first, second = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        inside = first + second <= count
        weights = np.stack([first[inside], second[inside], count - (first + second)[inside]], -1)  # (M, 3)
        weights = (weights / count).astype(np.float32)
        points = (weights @ corners[owners]).reshape(-1, 3)
        columns, rows = np.floor(points[:, :2]).astype(int).T
        there = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
        light = (lit[owners] @ weights.T).ravel()
        pixels = (rows * side + columns)[there]
        found.append((pixels, points[there, 2], np.repeat(owners, len(weights))[there], light[there]))
    return tuple(np.concatenate(parts) for parts in zip(*found))
