"""From a posed head to the picture: the take's orthographic camera and its crop."""

import numpy as np

CROP_SIZE_PX = 224


def camera_points(vertices: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Return vertices before the camera: the crop's edge at +-1, +y up, +z towards the camera.

    Args:
        vertices: (T, V, 3) metres, posed.
        camera: (T, 3) scale, tx, ty.
    Returns:
        (T, V, 3).
    """
    shift = np.pad(camera[:, 1:], ((0, 0), (0, 1)))
    return camera[:, :1, None] * (vertices + shift[:, None])


def image_points(vertices: np.ndarray, camera: np.ndarray, crop_transform: np.ndarray) -> np.ndarray:
    """Return where vertices lie in the picture: (T, V, 3) image pixels, y down, z in the same scale towards the camera."""
    crop_px = (camera_points(vertices, camera) * [1, -1, 1] + [1, 1, 0]) * (CROP_SIZE_PX / 2)
    scale, shift = _scale_and_shift(crop_transform)
    return (crop_px - shift) / scale


def picture_scale(camera: np.ndarray, crop_transform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `image_points` comes to, a scale and a shift: pixel = origin_px + scale * (x, -y).

    Args:
        camera: (T, 3) scale, tx, ty.
        crop_transform: (T, 3, 3) image pixels -> crop pixels.
    Returns:
        scale: (T,) float64, pixels per metre.
        origin_px: (T, 2) float64, where x = y = 0 lies; pixels from the picture's left and upper edge.
    """
    camera, crop_transform = camera.astype(np.float64), crop_transform.astype(np.float64)
    origin_px = image_points(np.zeros((len(camera), 1, 3)), camera, crop_transform)[:, 0, :2]
    return camera[:, 0] * (CROP_SIZE_PX / 2) / crop_transform[:, 0, 0], origin_px


def camera_from_picture(scale: np.ndarray, origin_px: np.ndarray, crop_transform: np.ndarray) -> np.ndarray:
    """Return cameras (T, 3) float64, scale, tx, ty, that show this in crops (T, 3, 3); inverse of `picture_scale`."""
    half, crop_scale = CROP_SIZE_PX / 2, crop_transform[:, 0, 0].astype(np.float64)
    size = scale * crop_scale / half
    shift = (origin_px * crop_scale[:, None] + crop_transform[:, :2, 2]) / half - 1.0
    safe = np.where(size == 0.0, 1.0, size)[:, None]  # a take without a camera gets no shift out of it
    return np.concatenate([size[:, None], shift * [1.0, -1.0] / safe], axis=1)


def camera_points_from_image(points_px: np.ndarray, crop_transform: np.ndarray) -> np.ndarray:
    """Return picture points before the camera, the inverse of `image_points` but for depth's sign.

    Args:
        points_px: (T, L, 3) image pixels, y down; z in the same scale, away from the camera as MediaPipe has it.
        crop_transform: (T, 3, 3) image pixels -> crop pixels.
    """
    scale, shift = (values.astype(points_px.dtype) for values in _scale_and_shift(crop_transform))
    points = points_px * scale
    points += shift
    points /= CROP_SIZE_PX / 2
    points -= np.array([1, 1, 0], points.dtype)
    points *= np.array([1, -1, -1], points.dtype)
    return points


def _scale_and_shift(crop_transform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, 1, 1) and (T, 1, 3); a crop is never rotated."""
    return crop_transform[:, :1, :1], np.pad(crop_transform[:, :2, 2], ((0, 0), (0, 1)))[:, None]
