"""The 3D viewport under the mouse: the ray through a pixel, and the pixels of places."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from bpy.types import Area, Event, Region, RegionView3D, Window
from bpy_extras import view3d_utils

from ..rig.pick_surface import Hit, PickSurface

NAVIGATION = frozenset((
    'MIDDLEMOUSE', 'WHEELUPMOUSE', 'WHEELDOWNMOUSE', 'WHEELINMOUSE', 'WHEELOUTMOUSE', 'TRACKPADPAN', 'TRACKPADZOOM',
    'MOUSEROTATE', 'MOUSESMARTZOOM', 'NDOF_MOTION', 'NUMPAD_0', 'NUMPAD_1', 'NUMPAD_2', 'NUMPAD_3', 'NUMPAD_4',
    'NUMPAD_5', 'NUMPAD_6', 'NUMPAD_7', 'NUMPAD_8', 'NUMPAD_9', 'NUMPAD_PERIOD', 'NUMPAD_PLUS', 'NUMPAD_MINUS',
))  # fmt: skip
AROUND_PX = (4.0, 8.0, 12.0)  # where a click that goes into an opening, or just past the face, is tried again
AROUND = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)


@dataclass(frozen=True)
class View:
    """A viewport's region, and the mouse in it.

    Attributes:
        x, y: pixels from the region's lower left corner.
    """

    area: Area
    region: Region
    region_data: RegionView3D
    x: float
    y: float

    def ray(self, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Return start and direction, (3,) each, of the ray through a pixel, in the world."""
        direction = view3d_utils.region_2d_to_vector_3d(self.region, self.region_data, (x, y))
        start = view3d_utils.region_2d_to_origin_3d(self.region, self.region_data, (x, y))
        return np.array(start), np.array(direction)

    def hit(self, surface: PickSurface, *, around: bool = True) -> Hit | None:
        """Return where the mouse is on a surface; None beside it.

        Args:
            around: whether the surface's nearest place within some pixels does, too.
        """
        tried = [(0.0, 0.0)]
        if around:
            tried += [(px * np.cos(angle), px * np.sin(angle)) for px in AROUND_PX for angle in AROUND]
        for aside, up in tried:
            found = surface.hit(*self.ray_before(surface, self.x + aside, self.y + up))
            if found is not None:
                return found
        return None

    def ray_before(self, surface: PickSurface, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ray through a pixel; in an orthographic view, from before all of the surface."""
        start, direction = self.ray(x, y)
        if not self.region_data.is_perspective:
            start = start + direction * (((surface.shown - start) @ direction).min() - surface.size)
        return start, direction

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Return where the region shows places (L, 3) of the world, (L, 2); NaN for those behind the viewer."""
        matrix = np.array(self.region_data.perspective_matrix, np.float64)
        return pixels_of(places, matrix, (self.region.width, self.region.height))

    @property
    def across(self) -> np.ndarray:
        """The direction to the right, (3,) in the world."""
        return np.array(self.region_data.view_matrix, np.float64)[0, :3]

    @property
    def up(self) -> np.ndarray:
        """The direction upwards, (3,) in the world."""
        return np.array(self.region_data.view_matrix, np.float64)[1, :3]

    @property
    def towards(self) -> np.ndarray:
        """The direction to the viewer, (3,) in the world."""
        return np.array(self.region_data.view_matrix, np.float64)[2, :3]


def view_under(window: Window, event: Event) -> View | None:
    """Return the viewport that the mouse is in; None over other editors, sidebars and headers."""
    for area in window.screen.areas:
        if area.type == 'VIEW_3D' and _holds(area, event):
            over = [region for region in area.regions if region.type != 'WINDOW' and _holds(region, event)]
            if over:
                return None
            for region, region_data in _views(area):
                if _holds(region, event):
                    return View(area, region, region_data, event.mouse_x - region.x, event.mouse_y - region.y)
    return None


def pixels_of(places: np.ndarray, matrix: np.ndarray, region_px: tuple[int, int]) -> np.ndarray:
    """Return where a view shows places (L, 3), (L, 2) pixels; NaN for those behind the viewer.

    Args:
        matrix: (4, 4) from the world to the region, -1 to 1 after the division.
        region_px: its width and height.
    """
    seen = np.column_stack([places, np.ones(len(places))]) @ matrix.T
    depth = np.where(seen[:, 3:] > 0.0, seen[:, 3:], np.nan)
    return (seen[:, :2] / depth + 1.0) / 2.0 * region_px


def redraw(window: Window) -> None:
    """Let every viewport of a window be drawn again."""
    for area in window.screen.areas:
        if area.type == 'VIEW_3D':
            area.tag_redraw()


def _views(area: Area) -> Iterator[tuple[Region, RegionView3D]]:
    space = area.spaces.active
    windows = [region for region in area.regions if region.type == 'WINDOW']
    return zip(windows, space.region_quadviews if len(windows) > 1 else [space.region_3d])


def _holds(part: Area | Region, event: Event) -> bool:
    return (
        part.width > 1
        and part.height > 1
        and part.x <= event.mouse_x < part.x + part.width
        and part.y <= event.mouse_y < part.y + part.height
    )
