"""What an overlay draws for a frame of a take: lines between points of the footage's picture."""

from typing import NamedTuple

import numpy as np

from ..flame.head import Head
from ..flame.wire import FaceWire
from ..take import Take
from ..take.camera import image_points
from ..take.contours import contour_lines

KEPT_ROWS = 256  # of a mesh; together some 25 MB for the built-in head


class Lines(NamedTuple):
    """Lines in a picture.

    Attributes:
        points_px: (K, 2) float64, pixels from the picture's left and upper edge.
        edges: (E, 2) int, the lines' ends.
        dots: (D,) int, points to be marked as such.
    """

    points_px: np.ndarray
    edges: np.ndarray
    dots: np.ndarray


NO_DOTS = np.empty(0, np.int64)


def landmark_lines(take: Take, row: int) -> Lines:
    """Return MediaPipe's landmarks of a row as dots, and the outlines between them."""
    points_px = take.landmarks[row, :, :2].astype(np.float64)
    return Lines(points_px, contour_lines(), np.arange(len(points_px)))


class MeshLines:
    """The solved face's edges in the picture, as a take's camera sees them; each row is computed once."""

    def __init__(self, take: Take, head: Head, before: "MeshLines | None" = None) -> None:
        """Compute nothing yet. `before` lends its wire if it is of the same head and identity, as in a live solve."""
        self._take, self._head, self._wire, self._kept = take, head, None, {}
        if before and before._head is head and np.array_equal(before._take.shape, take.shape):
            self._wire = before._wire

    def at(self, row: int) -> Lines:
        """Return the lines of a row."""
        if row not in self._kept:
            if len(self._kept) >= KEPT_ROWS:
                del self._kept[next(iter(self._kept))]
            self._kept[row] = self._computed(row)
        return self._kept[row]

    def _computed(self, row: int) -> Lines:
        take, at = self._take, slice(row, row + 1)
        self._wire = self._wire or FaceWire(self._head, take.shape)
        parameters = take.head_parameters(at) | {"shape": None}  # the wire wears it
        posed = self._wire.head.vertices(**parameters)
        points_px = image_points(posed, take.camera[at], take.crop_transform[at])[0, :, :2].astype(np.float64)
        return Lines(points_px, self._wire.facing_edges(points_px).astype(np.int32), NO_DOTS)
