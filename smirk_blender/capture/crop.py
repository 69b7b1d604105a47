"""The square around a face that SMIRK's encoders look at."""

import numpy as np

from ..take.camera import CROP_SIZE_PX

CROP_SCALE = 1.4  # side of the square over the mean of the landmarks' width and height; the encoders saw this framing


def crop_transform(landmarks_px: np.ndarray) -> np.ndarray:
    """Return the similarity transform from image pixels to crop pixels, (3, 3) float64.

    The square's corner goes to (0, 0) and its far side to 223, so that pixel centres meet pixel centres.
    Args:
        landmarks_px: (L, 2 or more) image pixels, x right, y down.
    """
    square = crop_square(landmarks_px)
    square[2] = int(square[2])  # SMIRK truncates to a whole pixel
    return square_transform(square)


def crop_square(landmarks_px: np.ndarray) -> np.ndarray:
    """Return the square around landmarks (L, 2 or more): its centre's x and y, and its side; (3,) image pixels."""
    low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
    return np.append((low + high) / 2, (high - low).mean() * CROP_SCALE)


def square_transform(square: np.ndarray) -> np.ndarray:
    """Return the transform from image pixels to crop pixels, (3, 3) float64, of a square (3,): see `crop_transform`."""
    side = max(square[2], 1.0)
    scale = (CROP_SIZE_PX - 1) / side
    corner = square[:2] - side / 2
    return np.array([[scale, 0.0, -scale * corner[0]], [0.0, scale, -scale * corner[1]], [0.0, 0.0, 1.0]])


def crop_face(frame_rgb: np.ndarray, landmarks_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the face crop, as `crop_picture` makes it, and the transform that made it, (3, 3).

    Args:
        frame_rgb: (H, W, 3) uint8.
        landmarks_px: (L, 2 or more) image pixels, all of the face's landmarks.
    """
    transform = crop_transform(landmarks_px)
    return crop_picture(frame_rgb, transform), transform


def crop_picture(frame_rgb: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Return the crop, (224, 224, 3) uint8; black where the square leaves the picture.

    Args:
        frame_rgb: (H, W, 3) uint8.
        transform: (3, 3) image pixels -> crop pixels.
    Source: SMIRK's video demo (Retsinas et al. 2024): framing, bilinear sampling, truncation to whole grey levels.
    """
    # Not cv2.warpAffine: it samples at 32nds of a pixel and rounds, which moves the encoders' output by 5 to 10 %.
    left, right, weight_left, weight_right = _taps(transform[0, 0], transform[0, 2], frame_rgb.shape[1])
    top, bottom, weight_top, weight_bottom = _taps(transform[1, 1], transform[1, 2], frame_rgb.shape[0])
    weight_left, weight_right = weight_left[:, None], weight_right[:, None]
    upper = weight_left * frame_rgb[top[:, None], left] + weight_right * frame_rgb[top[:, None], right]
    lower = weight_left * frame_rgb[bottom[:, None], left] + weight_right * frame_rgb[bottom[:, None], right]
    crop = weight_top[:, None, None] * upper + weight_bottom[:, None, None] * lower
    return crop.astype(np.uint8)


def _taps(scale: float, shift: float, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each crop pixel along one axis, its two image pixels and their weights (0 outside the picture)."""
    position = (np.arange(CROP_SIZE_PX) - shift) / scale
    first = np.floor(position).astype(int)
    fraction = position - first
    weight_first = np.where((first >= 0) & (first < size), 1.0 - fraction, 0.0)
    weight_second = np.where((first >= -1) & (first < size - 1), fraction, 0.0)
    return first.clip(0, size - 1), (first + 1).clip(0, size - 1), weight_first, weight_second
