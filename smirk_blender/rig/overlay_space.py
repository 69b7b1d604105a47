"""Where a picture of the footage lies in an editor: as a camera's background, in an image or clip editor, as a strip.

A place is a (2, 3) float64 matrix: region pixel, from the region's lower left corner, = place @ (u, v, 1), where u and
v run from 0 to 1 over the picture, from its lower left corner.
"""

import os
from pathlib import Path

import bpy
import numpy as np
from bpy.types import CameraBackgroundImage, Object, Scene

from . import compat

IMAGE_SUFFIXES = frozenset(bpy.path.extensions_image)


class ShownMedia:
    """Tells which of Blender's media show a take's footage."""

    def __init__(self, name: str, path: str | os.PathLike = "") -> None:
        """Go by the whole path where it is given, by the file's name else; any picture of a sequence stands for all."""
        self._name, self._path = name, Path(path).absolute() if path else None

    def is_at(self, filepath: str) -> bool:
        """Return whether a path, as Blender's media have them, is the footage's."""
        if not filepath:
            return False
        path = Path(bpy.path.abspath(filepath)).absolute()
        if self._path is None:
            return self._name in (path.name, path.parent.name)
        both_pictures = {path.suffix.lower(), self._path.suffix.lower()} <= IMAGE_SUFFIXES
        return path in (self._path, self._path / path.name) or (both_pictures and path.parent == self._path.parent)


def in_region(points_px: np.ndarray, picture_px: tuple[int, int], place: np.ndarray) -> np.ndarray:
    """Return where picture points lie in a region, (K, 2) float64, region pixels.

    Args:
        points_px: (K, 2) pixels from the picture's left and upper edge.
        picture_px: its width and height.
    """
    width_px, height_px = picture_px
    u_v = points_px / (width_px, -height_px) + (0.0, 1.0)
    return u_v @ place[:, :2].T + place[:, 2]


def places_in_camera_view(
    scene: Scene, camera: Object, footage: ShownMedia, window_matrix: np.ndarray, region_px: tuple[int, int]
) -> list[np.ndarray]:
    """Return where a camera's backgrounds show the footage, in a viewport that looks through it.

    Args:
        window_matrix: (4, 4), of the viewport's `RegionView3D`: from the camera's own axes to its picture.
        region_px: the viewport's width and height.
    """
    if not camera.data.show_background_images:
        return []
    backgrounds = [
        item for item in camera.data.background_images if item.show_background_image and _shows(item, footage)
    ]
    corners = np.array(camera.data.view_frame(scene=scene))  # upper right, lower right, lower left, upper left
    return [
        _flat_place(_background_corners(camera, item, corners), np.asarray(window_matrix), region_px)
        for item in backgrounds
    ]


def place_in_view2d(low: tuple[float, float], high: tuple[float, float], region_px: tuple[int, int]) -> np.ndarray:
    """Return where an image or clip editor shows its picture.

    Args:
        low, high: what `View2D.region_to_view` makes of the region's lower left and upper right corner.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    scale = np.asarray(region_px) / (high - low)
    return np.column_stack([np.diag(scale), -low * scale])


def places_in_preview(
    scene: Scene, footage: ShownMedia, picture_px: tuple[int, int], view: np.ndarray
) -> list[np.ndarray]:
    """Return where the sequencer's preview shows strips of the footage at the scene's frame.

    Args:
        picture_px: the footage's width and height.
        view: `place_in_view2d` of the preview, whose unit is a pixel of the scene's picture, from its middle.
    """
    places = []
    for strip in compat.sequencer_strips(scene) if scene.sequence_editor else ():
        if strip.mute or not footage.is_at(_strip_file(strip)):
            continue
        timing = compat.strip_timing(strip)
        if not timing.left <= scene.frame_current_final < timing.right:
            continue
        transform = strip.transform
        size = np.array(picture_px) * (transform.scale_x, transform.scale_y)
        turn = _turn(transform.rotation)
        pivot = (np.array(transform.origin) - 0.5) * size
        middle = np.array((transform.offset_x, transform.offset_y)) + pivot - turn @ pivot
        mirror = np.diag((-1 if strip.use_flip_x else 1, -1 if strip.use_flip_y else 1))  # of everything, offset too
        unit = mirror @ np.column_stack([turn @ np.diag(size), middle - turn @ size / 2])
        places.append(view @ np.vstack([unit, (0, 0, 1)]))
    return places


def _shows(background: CameraBackgroundImage, footage: ShownMedia) -> bool:
    thing = background.clip if background.source == 'MOVIE_CLIP' else background.image
    return thing is not None and footage.is_at(thing.filepath) and min(thing.size) > 0


def _strip_file(strip) -> str:
    """Return a movie strip's file or an image strip's first one, "" for others."""
    if strip.type == 'IMAGE' and len(strip.elements):
        return os.path.join(strip.directory, strip.elements[0].filename)
    return strip.filepath if strip.type == 'MOVIE' else ""


def _background_corners(camera: Object, background: CameraBackgroundImage, frame: np.ndarray) -> np.ndarray:
    """Return a background's lower left, lower right and upper left corner, (3, 3), in the camera's axes.

    Args:
        frame: (4, 3) the corners of the camera's picture, from the upper right clockwise.
    Source: image_camera_background_matrix_get in Blender's overlay engine, 4.2 to 5.2.
    """
    width, height = np.abs(frame[0] - frame[2])[:2]
    aspect, picture_aspect = _aspect(background), width / height
    wider = aspect > picture_aspect
    if background.frame_method == 'STRETCH':
        size = np.array([width, height])
    elif wider == (background.frame_method == 'FIT'):
        size = np.array([width, width / aspect])
    else:
        size = np.array([height * aspect, height])
    size *= background.scale
    size *= (-1 if background.use_flip_x else 1, -1 if background.use_flip_y else 1)
    shift = np.array(background.offset) * (camera.data.ortho_scale if camera.data.type == 'ORTHO' else 1.0)
    shift *= (min(1.0, picture_aspect), picture_aspect / (max(1.0, picture_aspect) * aspect))
    middle = (frame[0] + frame[2])[:2] / 2 + shift
    unit = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]])
    corners = unit * size @ _turn(-background.rotation).T + middle
    return np.column_stack([corners, np.full(3, frame[0, 2])])


def _aspect(background: CameraBackgroundImage) -> float:
    """Return the shown picture's width over its height."""
    thing = background.clip if background.source == 'MOVIE_CLIP' else background.image
    (width, height), (x, y) = thing.size, thing.display_aspect
    return width * x / (height * y)


def _flat_place(corners: np.ndarray, window_matrix: np.ndarray, region_px: tuple[int, int]) -> np.ndarray:
    """Return the place of a picture that faces the camera: lower left, lower right, upper left corner (3, 3)."""
    clip = np.pad(corners, ((0, 0), (0, 1)), constant_values=1) @ window_matrix.T
    origin, right, upper = (clip[:, :2] / clip[:, 3:] + 1) / 2 * region_px
    return np.column_stack([right - origin, upper - origin, origin])


def _turn(angle_rad: float) -> np.ndarray:
    """Return the matrix of a counter-clockwise turn."""
    return np.array([[np.cos(angle_rad), -np.sin(angle_rad)], [np.sin(angle_rad), np.cos(angle_rad)]])
