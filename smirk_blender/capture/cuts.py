"""Where a film was cut, told from two pictures of it and the faces in them."""

from collections.abc import Sequence

import cv2
import numpy as np

from .crop import crop_transform

# Correlations, measured at five looks a second: small pictures of one shot 0.9 and more where the camera stands, down
# to 0.2 where somebody fills or crosses the picture, 0.3 to 0.6 from shot to reverse shot. Faces laid on each other:
# one person usually 0.8 and more, 0.3 at worst, two persons 0.4 to 0.6.
SURE_CUT = 0.3
SAME_SHOT = 0.65  # below it was a cut, if no face looks as one before
SAME_FACE = 0.65
SMALL_PX = (32, 18)
FACE_PX = 24


class CutFinder:
    """Tells of one picture after another whether the film was cut before it."""

    def __init__(self) -> None:
        self._small: np.ndarray | None = None
        self._faces: list[np.ndarray] = []

    def is_cut(self, rgb: np.ndarray, faces: Sequence[np.ndarray]) -> bool:
        """Take the next picture, (H, W, 3) uint8 RGB, and the faces in it, (478, 3) pixels each."""
        before, faces_before = self._small, self._faces
        self._small = _standardized(cv2.resize(rgb, SMALL_PX, interpolation=cv2.INTER_AREA))
        self._faces = [_standardized(_face_picture(rgb, face)) for face in faces]
        if before is None or not (before.any() and self._small.any()):
            return False
        alike = float(before @ self._small)
        if alike >= SAME_SHOT:
            return False
        return alike < SURE_CUT or not any(one @ other > SAME_FACE for one in self._faces for other in faces_before)


def _face_picture(rgb: np.ndarray, face: np.ndarray) -> np.ndarray:
    to_small = np.diag([FACE_PX / 224, FACE_PX / 224, 1.0]) @ crop_transform(face)
    return cv2.warpAffine(rgb, to_small[:2], (FACE_PX, FACE_PX), flags=cv2.INTER_AREA)


def _standardized(picture: np.ndarray) -> np.ndarray:
    """Return a picture as a vector of mean 0 and length 1, or of zeros where it is of one colour."""
    values = picture.ravel().astype(float)
    values -= values.mean()
    length = np.linalg.norm(values)
    return values / length if length else values
