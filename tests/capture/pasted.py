"""Footage of several faces: clips pasted on one canvas, each along its own way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from smirk_blender.capture.face_mesh import open_face_mesh

CANVAS_PX = (960, 400)  # width, height
BACKGROUND = 96
FPS = 25.0

Way = Callable[[int], tuple[float, float] | None]


def read_clip(path: Path, size_px: int, num_frames: int, *, square: Sequence[int] | None = None) -> list[np.ndarray]:
    """Return a clip's frames, (size, size, 3) uint8 BGR, over and over until there are enough.

    Args:
        square: left, top and side of what is cut out, pixels; all of it if left out.
    """
    capture, frames = cv2.VideoCapture(str(path)), []
    while (frame := capture.read()[1]) is not None:
        if square is not None:
            left, top, side = square
            frame = frame[top : top + side, left : left + side]
        frames.append(cv2.resize(frame, (size_px, size_px), interpolation=cv2.INTER_AREA))
    there_and_back = frames + frames[::-1]
    return [there_and_back[number % len(there_and_back)] for number in range(num_frames)]


def write_pasted(path: Path, clips: Sequence[Sequence[np.ndarray]], ways: Sequence[Way], num_frames: int) -> Path:
    """Write a video: each clip's pictures with their centres where its way says, later clips over earlier ones.

    Args:
        ways: from the frame's number to the centre (x, y), pixels, or None where the clip is not to be seen.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, CANVAS_PX)
    assert writer.isOpened()
    for number in range(num_frames):
        canvas = np.full((CANVAS_PX[1], CANVAS_PX[0], 3), BACKGROUND, np.uint8)
        for clip, way in zip(clips, ways, strict=True):
            if (center := way(number)) is not None:
                picture = clip[number]
                half = picture.shape[0] // 2
                shift = np.float64([[1, 0, center[0] - half], [0, 1, center[1] - half]])
                cv2.warpAffine(picture, shift, CANVAS_PX, dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)
        writer.write(canvas)
    writer.release()
    return path


def from_left_to_right(num_frames: int, *, back: bool = False) -> Way:
    """Return the way across the canvas, or that from right to left."""
    start, end = (CANVAS_PX[0] - 160, 160) if back else (160, CANVAS_PX[0] - 160)
    return lambda number: (start + (end - start) * number / (num_frames - 1), CANVAS_PX[1] / 2)


def truth(clip: Sequence[np.ndarray], way: Way) -> np.ndarray:
    """Return where a clip's landmarks are on the canvas, (T, 478, 2) pixels, found in the clip alone; NaN if unseen."""
    mesh, margin_px = open_face_mesh(), clip[0].shape[0] // 2
    rows = np.full((len(clip), 478, 2), np.nan)
    for number, picture in enumerate(clip):
        wide = cv2.copyMakeBorder(picture, *[margin_px] * 4, cv2.BORDER_CONSTANT, value=[BACKGROUND] * 3)
        landmarks = mesh.find(cv2.cvtColor(wide, cv2.COLOR_BGR2RGB), number / FPS)
        if landmarks is not None and (center := way(number)) is not None:
            rows[number] = landmarks[:, :2] - wide.shape[0] // 2 + center
    mesh.close()
    return rows
