"""Pictures of a character's face from any side, drawn without a graphics card."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..retarget.drawable import Drawable
from .mesh_raster import draw_triangles

DISTANCE = 5.0  # of the camera, in sizes of what the picture shows: a portrait's
AMBIENT = 0.35
SKIN = np.array([0.55, 0.33, 0.24], np.float32)  # linear RGB, of a mesh that is to look like skin
DARK = 0.03  # linear, of what is to look like the inside of a mouth
BACKGROUND = np.array([0.25, 0.30, 0.36], np.float32)  # linear RGB
SAME_PLACE = 1e-5  # of the mesh's size: vertices that near are one where the light is reckoned


@dataclass(frozen=True)
class View:
    """From where a picture is taken.

    Attributes:
        axes: (3, 3) rows: to the right in the picture, up, and towards the camera; unit vectors of the world.
        centre: (3,) the place in the picture's middle.
        size: how much of the world the picture shows there, from side to side.
    """

    axes: np.ndarray
    centre: np.ndarray
    size: float

    def turned(self, yaw_deg: float, pitch_deg: float) -> "View":
        """Return the view from further to the right of the picture, and from further above."""
        yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
        toward = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]) @ self.axes
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)]) @ self.axes
        return View(np.stack([right, np.cross(toward, right), toward]), self.centre, self.size)

    def points_px(self, points: np.ndarray, size_px: int) -> np.ndarray:
        """Return (P, 3): x right, y down in pixels, and the distance in sizes of the picture."""
        seen = (points - self.centre) @ self.axes.T / self.size
        distance = DISTANCE - seen[:, 2:]
        flat = seen[:, :2] * [1.0, -1.0] * DISTANCE / np.where(distance > 0.0, distance, 1.0)
        return np.column_stack([(flat + 0.5) * size_px - 0.5, distance])


class MeshPicture:
    """A character drawn from one side, to be lit in any way.

    Attributes:
        view: from where.
        drawn: what each pixel shows.
    """

    def __init__(
        self,
        drawable: Drawable,
        points: np.ndarray,
        normals: np.ndarray,
        view: View,
        size_px: int,
        *,
        dark: np.ndarray | None = None,
    ) -> None:
        """Draw a character, its points and their normals (P, 3); `dark` (F,) bool are triangles without any light."""
        self.view = view
        self.drawn = drawn = draw_triangles(view.points_px(points, size_px), drawable.triangles, size_px)
        normal = drawn.values(drawable.triangles, normals @ view.axes.T)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
        self._normal = np.where(normal[..., 2:] < 0.0, -normal, normal)  # seen from both sides
        shown = np.maximum(drawn.triangle, 0)
        color = np.einsum("hwkc,hwk->hwc", drawable.colors[shown], drawn.weights)
        self._color, self._clay = color, np.where(drawable.own[shown][..., None], SKIN, color)
        self._dark = None if dark is None else dark[shown]

    def rgb(self, light: tuple[float, float, float], *, clay: bool) -> np.ndarray:
        """Return the picture (H, W, 3) uint8 RGB.

        Args:
            light: towards it: right, up, towards the camera.
            clay: whether the mesh has the colour of skin all over, rather than its own colours.
        """
        towards = (np.array(light) / np.linalg.norm(light)).astype(np.float32)
        brightness = AMBIENT + (1.0 - AMBIENT) * np.clip(self._normal @ towards, 0.0, 1.0)
        color = (self._clay if clay else self._color) * brightness[..., None]
        if self._dark is not None:
            color[self._dark] = DARK
        color[~self.drawn.covered] = BACKGROUND
        return (np.sqrt(np.clip(color, 0.0, 1.0)) * 255.0).astype(np.uint8)  # a screen's curve, nearly

    def corners_at(
        self, places_px: np.ndarray, nearest: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is seen at places (L, 2): the triangle (L,), -1 for none, its weights (L, 3), and its slant (L,).

        The slant is 1 for what faces the camera, and 0 for what is seen from its side. `nearest` is what
        `nearest_pixels` returned, for the nearest pixels that show certain triangles.
        """
        x, y = np.clip(np.round(places_px), 0, len(self.drawn.triangle) - 1).astype(int).T
        if nearest is not None:
            y, x = nearest[:, y, x]
        return self.drawn.triangle[y, x], self.drawn.weights[y, x], self._normal[y, x, 2]

    def nearest_pixels(self, allowed: np.ndarray) -> np.ndarray | None:
        """Return for each pixel the nearest one, (2, H, W) down and right, that shows some triangles; None without any.

        Args:
            allowed: (F,) bool, which triangles.
        """
        right = self.drawn.covered & allowed[np.maximum(self.drawn.triangle, 0)]
        if not right.any():
            return None
        return distance_transform_edt(~right, return_distances=False, return_indices=True)


def smooth_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the vertices' normals (P, 3), the same for vertices in one place, as files have along seams."""
    same = same_places(points)
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    sums = np.stack(
        [sum(np.bincount(same[triangles[:, k]], face[:, axis], same.max() + 1) for k in range(3)) for axis in range(3)],
        axis=1,
    )[same]
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-300)


def same_places(points: np.ndarray) -> np.ndarray:
    """Return a number (P,) for each vertex, the same for those in one place."""
    step = max(float(np.ptp(points, axis=0).max()), 1e-300) * SAME_PLACE
    _, same = np.unique(np.round(points / step).astype(np.int64), axis=0, return_inverse=True)
    return same.ravel()
