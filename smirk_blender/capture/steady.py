"""Crops that do not shake: each frame's square is the mean of those shortly before and after it.

To look ahead, frames wait here; how many is bounded, whatever the clip's length.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .crop import crop_square, crop_transform, square_transform
from .decode import Frame

REACH_S = 0.16  # seconds to each side; a head that turns quickly leaves its crop's middle by a few pixels
MOST_FRAMES = 8  # of pictures that wait: 50 MB of full HD
SAME_FACE = 0.3  # of the square's side; one whose middle jumps by more is another shot's, or another face


class Framed(NamedTuple):
    """A frame, everybody's landmarks in it (478, 3) and their crops' transforms (3, 3); None for who is not seen."""

    frame: Frame
    faces: Sequence[np.ndarray | None]
    transforms: Sequence[np.ndarray | None]


def framed(frame: Frame, faces: Sequence[np.ndarray | None]) -> Framed:
    """Return a frame with each face's own square."""
    return Framed(frame, faces, [None if face is None else crop_transform(face) for face in faces])


class SteadyCrops:
    """Takes frames in their order and gives them back some frames later with steady crops.

    Args:
        fps: of the footage.
    """

    def __init__(self, fps: float) -> None:
        self._reach = int(np.clip(round(REACH_S * fps), 1, MOST_FRAMES))
        distance = np.arange(1, self._reach + 1)
        self._weights = 1.0 - distance / (self._reach + 1.0)  # of the neighbours; the frame itself has 1
        self._before: deque[Sequence[np.ndarray | None]] = deque(maxlen=self._reach)  # squares (3,)
        self._waiting: deque[tuple[Frame, Sequence[np.ndarray | None], Sequence[np.ndarray | None]]] = deque()

    def add(self, frame: Frame, faces: Sequence[np.ndarray | None]) -> Iterator[Framed]:
        """Take the next frame and everybody's landmarks in it, (478, 3) pixels; yield the frame that is now due."""
        self._waiting.append((frame, faces, [None if face is None else crop_square(face) for face in faces]))
        if len(self._waiting) > self._reach:
            yield self._next()

    def rest(self) -> Iterator[Framed]:
        """Yield the frames that still wait, after the last."""
        while self._waiting:
            yield self._next()

    def _next(self) -> Framed:
        frame, faces, squares = self._waiting.popleft()
        after = [later for _, _, later in self._waiting]
        before = list(self._before)[::-1]
        transforms = [
            None if square is None else self._steady(square, [[one[who] for one in side] for side in (before, after)])
            for who, square in enumerate(squares)
        ]
        self._before.append(squares)
        return Framed(frame, faces, transforms)

    def _steady(self, square: np.ndarray, sides: Sequence[Sequence[np.ndarray | None]]) -> np.ndarray:
        """Return the transform of the mean of a square and its neighbours, nearest first, while they are the face's.

        As many count before as after, so that nothing comes late.
        """
        near = min(self._length(square, side) for side in sides)
        weights = self._weights[:near]
        total = square + sum(weight * (one + other) for weight, one, other in zip(weights, *sides))
        return square_transform(total / (1.0 + 2.0 * weights.sum()))

    def _length(self, square: np.ndarray, side: Sequence[np.ndarray | None]) -> int:
        for length, other in enumerate(side):
            if other is None or np.abs(other[:2] - square[:2]).max() > SAME_FACE * square[2]:
                return length
        return len(side)
