"""Draws a head with cv2: faces from far to near, flat-shaded. Needs no graphics card and no display."""

import cv2
import numpy as np

from ..flame import Head

SUPERSAMPLE = 2  # drawn this much larger, then averaged: cheaper than cv2's anti-aliased polygons, and without seams
SHIFT = 4  # fractional bits of cv2's polygon coordinates
LIGHT = np.array([-0.35, 0.45, 0.82])  # towards the light: upper left of the camera
AMBIENT = 0.35
GAMMA = 2.2
# What sorting faces by their middles, and light without shadows, get wrong, by the material's name:
LIFT_M = {"hair": 0.004}  # strands lie on the skin, in front of it
SHADE = {"mouth": 0.4, "teeth": 0.45, "tongue": 0.5}  # it is dark behind the lips


class HeadRaster:
    """Draws one head again and again."""

    def __init__(self, head: Head) -> None:
        surface = head.surface
        self._polygons = surface.polygons
        self._color = self._face_colors(head)
        names = [name for name, _, _ in surface.materials]
        self._lift_m = np.array([LIFT_M.get(name, 0.0) for name in names])[surface.material_index]
        self._color = self._color * np.array([SHADE.get(name, 1.0) for name in names])[surface.material_index, None]
        self._size_m = np.linalg.norm(np.ptp(head.template, axis=0))
        # Newell's normal needs only the two diagonals of a quad, or two edges of a triangle.
        self._diagonals = ((0, 2), (1, 3)) if surface.polygons.shape[1] == 4 else ((0, 1), (0, 2))

    def draw(self, points_px: np.ndarray, width_px: int, height_px: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a picture of the head and how much of each pixel it covers.

        Args:
            points_px: (V, 3) x right, y down in pixels, z in the same scale towards the viewer.
        Returns:
            color: (height, width, 3) float32 BGR, 0 to 255, black outside.
            cover: (height, width, 1) float32, 0 to 1.
        """
        corners = points_px[self._polygons]  # (P, 3 or 4, 3)
        (a, b), (c, d) = self._diagonals
        normals = np.cross(corners[:, b] - corners[:, a], corners[:, d] - corners[:, c]) * [1, -1, 1]
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        facing = -normals  # pixel rows run down, which mirrors every face
        visible = np.flatnonzero(facing[:, 2] > 0)
        px_per_m = np.linalg.norm(np.ptp(points_px, axis=0)) / self._size_m
        depth = corners[visible, :, 2].mean(axis=1) + self._lift_m[visible] * px_per_m
        order = visible[np.argsort(depth)]
        light = AMBIENT + (1.0 - AMBIENT) * np.clip(facing[order] @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
        bgra = np.full((len(order), 4), 255.0)
        bgra[:, 2::-1] *= np.clip(self._color[order] * light[:, None], 0.0, 1.0) ** (1 / GAMMA)
        fixed = np.round((corners[order, :, :2] * SUPERSAMPLE + (SUPERSAMPLE - 1) / 2) * (1 << SHIFT)).astype(np.int32)
        picture = np.zeros((height_px * SUPERSAMPLE, width_px * SUPERSAMPLE, 4), np.uint8)  # BGR and cover
        for polygon, color in zip(fixed, bgra.tolist()):
            cv2.fillConvexPoly(picture, polygon, color, cv2.LINE_8, SHIFT)
        picture = cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA).astype(np.float32)
        return picture[..., :3], picture[..., 3:] / 255.0

    @staticmethod
    def _face_colors(head: Head) -> np.ndarray:
        """Return (P, 3) linear RGB: the vertices' colours where the head has them, else the material's."""
        surface = head.surface
        if surface.colors is not None:
            return surface.colors[surface.polygons].mean(axis=1)
        return np.array([color for _, color, _ in surface.materials])[surface.material_index]
