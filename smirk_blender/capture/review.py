"""Look at a take: a preview movie (footage | mesh over it | head alone) and, if asked for, a report sheet.

`python -m smirk_blender.capture.review REQUEST.json`, with the arguments of `review_take` and log_path in the file;
messages as the worker's. The movie is silent: Blender adds the sound when it encodes it.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from ..clean.frame_by_frame import cleaned_frame_by_frame
from ..errors import SmirkError, VideoError
from ..flame import BUILTIN_HEAD, Head, open_head
from ..sequences import is_image
from ..take import Take, load_take
from ..take.camera import image_points
from .footage import Footage
from .memory import peak_memory_mb
from .protocol import Done, Loading, Message, Progress
from .raster import HeadRaster
from .report import choose_frames, write_report
from .worker import run_job

PANEL_MAX_PX = (640, 480)  # width, height
OVERLAY_ALPHA = 0.7
BACKGROUND_BGR = (58, 54, 52)
HEAD_MARGIN = 1.15  # room around the head in its own panel
CHUNK_FRAMES = 16
NUM_THUMBNAILS, THUMBNAIL_HEIGHT_PX = 3, 96
GAP_TEXT, GAP_BGR = "no face", (60, 60, 235)


def review_take(
    video_path: str,
    take_path: str,
    movie_path: str,
    report_path: str | None = None,
    *,
    thumbnail_path: str | None = None,
    head: str = BUILTIN_HEAD,
    eyelids: str | None = None,
    footage: dict | None = None,
) -> Iterator[Message]:
    """Write the preview movie of a take, yielding messages; the last is `Done`.

    A take that says how it is cleaned is shown so, every frame of it at its own speed; the report shows both. One of
    several frames whose footage is an image shows the sequence that the image begins.
    Args:
        report_path: where the report goes, if there is to be one; it is drawn with matplotlib.
        thumbnail_path: where a small picture of some frames goes, if there is to be one.
        footage: the fields of `Footage`, as they were given to the solve.
    Raises:
        SmirkError: bad input, or a file that cannot be written.
    """
    start = time.perf_counter()
    if report_path and find_spec("matplotlib") is None:  # before any of the work
        raise SmirkError(f"A report is drawn with matplotlib, which {sys.executable} does not have. Install it there")
    yield Loading("Drawing the preview")
    take, model = load_take(take_path), open_head(head, eyelids)
    cleaned = cleaned_frame_by_frame(take, model)
    chosen, pictures = set(choose_frames(take)), {}
    panels = PanelPainter(model, take if cleaned is None else cleaned)
    held = frames_held(take)
    footage = Footage(**footage or {})
    if footage.images is None and is_image(video_path) and not take.is_still:
        footage = replace(footage, sequence=True)
    part_only = take.first_frame > 0 or footage.last_frame is not None
    last_frame = take.first_frame + len(take) - 1 if part_only else None
    reader, num_painted = footage.open(video_path), 0
    writer = cv2.VideoWriter(movie_path, cv2.VideoWriter_fourcc(*"MJPG"), float(take.fps), panels.movie_size_px)
    try:
        if not writer.isOpened():
            raise VideoError(f"Cannot write the preview {movie_path}. Choose another output folder")
        for row, frame in enumerate(reader.frames(take.first_frame, last_frame)):
            if row >= len(take):
                raise VideoError(
                    f"{video_path} has more frames than the take {take_path}, which has {len(take)}. Name the range of "
                    "frames that was solved, or choose the video that it was solved from"
                )
            picture = panels.paint(row, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
            for _ in range(held[row]):
                writer.write(picture)
            if row in chosen:
                pictures[row] = panels.overlay_of(picture)
            num_painted = row + 1
            yield Progress(num_painted, len(take), "preview")
        if num_painted < len(take):
            raise VideoError(f"{video_path} ends before the take {take_path}. Choose the video that it was solved from")
    finally:
        writer.release()
        reader.close()
    if report_path:
        write_report(take, model, pictures, Path(report_path), cleaned)
    if thumbnail_path:
        _write_thumbnail(list(pictures.values()), thumbnail_path)
    seconds = time.perf_counter() - start
    paths = [path for path in (movie_path, report_path, thumbnail_path) if path]
    yield Done(paths, len(take), int((~take.gap).sum()), len(take) / seconds, {}, peak_memory_mb())


def frames_held(take: Take) -> np.ndarray:
    """Return how many of the preview's frames show each of the take's, (T,) int: 1 for footage of constant rate.

    Footage of variable rate stays in step with its sound: a frame is shown until the next one's time.
    """
    starts = np.round(take.time_s * float(take.fps)).astype(int)
    return np.diff(np.append(starts, starts[-1] + 1))


def _write_thumbnail(pictures: Sequence[np.ndarray], path: str) -> None:
    """Write some of these pictures (H, W, 3) uint8 BGR side by side, from the first to the last."""
    rows = np.unique(np.linspace(0, len(pictures) - 1, NUM_THUMBNAILS).astype(int))
    height, width = pictures[0].shape[:2]
    size_px = max(1, round(THUMBNAIL_HEIGHT_PX * width / height)), THUMBNAIL_HEIGHT_PX
    strip = np.hstack([cv2.resize(pictures[row], size_px, interpolation=cv2.INTER_AREA) for row in rows])
    try:
        Path(path).write_bytes(cv2.imencode(".jpg", strip)[1])
    except OSError as error:
        raise VideoError(f"Cannot write {path}: {error.strerror or error}. Choose another output folder") from error


class PanelPainter:
    """Paints the three panels of one frame."""

    def __init__(self, head: Head, take: Take) -> None:
        self._head, self._take = head, take
        self._raster = HeadRaster(head)
        source = take.source
        self._scale = min(PANEL_MAX_PX[0] / source.width_px, PANEL_MAX_PX[1] / source.height_px)
        even = lambda size: 2 * round(size * self._scale / 2)  # video encoders want even sizes
        self.panel_px = even(source.width_px), even(source.height_px)
        self.movie_size_px = 3 * self.panel_px[0], self.panel_px[1]
        self._chunk_start, self._chunk = 0, np.empty((0, 0, 3))
        neutral = head.vertices(shape=take.shape)[0][head.skinning_weights[:, 0] < 0.5]  # without the shoulders
        low, high = neutral.min(axis=0), neutral.max(axis=0)
        self._center, self._radius = (low + high) / 2, (high - low)[:2].max() / 2

    def paint(self, row: int, bgr: np.ndarray) -> np.ndarray:
        """Return the movie's frame for a row of the take, (H, 3 W, 3) uint8 BGR."""
        width_px, height_px = self.panel_px
        footage = cv2.resize(bgr, self.panel_px, interpolation=cv2.INTER_AREA)
        posed = self._posed(row)
        color, cover = self._raster.draw(self._framed(posed), width_px, height_px)
        alone = (np.float32(BACKGROUND_BGR) * (1 - cover) + color).clip(0, 255).astype(np.uint8)
        if self._take.gap[row]:
            overlay = footage.copy()
            for picture in (overlay, alone):
                cv2.putText(picture, GAP_TEXT, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, GAP_BGR, 2, cv2.LINE_AA)
        else:
            at = slice(row, row + 1)
            points = image_points(posed[None], self._take.camera[at], self._take.crop_transform[at])[0]
            color, cover = self._raster.draw(self._to_panel(points), width_px, height_px)
            overlay = (footage * (1 - OVERLAY_ALPHA * cover) + OVERLAY_ALPHA * color).astype(np.uint8)
        return np.hstack([footage, overlay, alone])

    def overlay_of(self, row: np.ndarray) -> np.ndarray:
        """Return the middle panel of a painted frame."""
        return row[:, self.panel_px[0] : 2 * self.panel_px[0]]

    def _posed(self, row: int) -> np.ndarray:
        """Return the head's vertices at a row of the take, (V, 3); computed for a chunk of rows at once."""
        inside = row - self._chunk_start
        if not 0 <= inside < len(self._chunk):
            self._chunk_start, inside = row, 0
            frames = slice(row, row + CHUNK_FRAMES)
            self._chunk = self._head.vertices(**self._take.head_parameters(frames))
        return self._chunk[inside]

    def _to_panel(self, points_px: np.ndarray) -> np.ndarray:
        return (points_px + [0.5, 0.5, 0.0]) * self._scale - [0.5, 0.5, 0.0]

    def _framed(self, posed: np.ndarray) -> np.ndarray:
        """Return the head's points in its own panel: it fills the panel and turns on the spot."""
        width_px, height_px = self.panel_px
        scale = min(width_px, height_px) / (2 * self._radius * HEAD_MARGIN)
        center = self._center
        return (posed - center) * [scale, -scale, scale] + [width_px / 2, height_px / 2, 0.0]


if __name__ == "__main__":
    run_job(review_take, sys.argv[1:])
