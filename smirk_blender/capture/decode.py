"""Video files, frame by frame."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..errors import VideoError
from ..take import Source

MAX_FPS_DENOMINATOR = 1001  # 24000/1001, 30000/1001, 60000/1001 and every whole rate
PLAUSIBLE_FPS = (0.1, 1000.0)
TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}  # by rotation metadata, degrees
CHUNK_BYTES = 1 << 20


class Frame(NamedTuple):
    """One picture: its number from 0, seconds from the first frame, (H, W, 3) uint8 RGB."""

    video_frame: int
    time_s: float
    rgb: np.ndarray


class VideoReader:
    """Every frame of a video once, in order, upright as its rotation metadata asks.

    Attributes:
        fps: the nominal rate as a fraction.
        num_frames: as the file states it; 0 if it does not. Only decoding knows.
        warnings: sentences on what was left out, for the user; a video has none.
    """

    warnings: tuple[str, ...] = ()

    def __init__(self, path: str | os.PathLike) -> None:
        """Open a video.

        Raises:
            VideoError: no such file, or nothing in it that can be decoded.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise VideoError(f"No video at {self.path}. Check the path")
        self._capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # whether OpenCV turns pictures itself depends on its build
        self._turn = TURNS.get(round(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360)
        self._first = self._retrieve() if self._capture.grab() else None
        if self._first is None:
            self._capture.release()
            raise VideoError(
                f"{self.path} is not a video that can be decoded, or it is damaged. "
                "Play it to check, or convert it to MP4 (H.264)"
            )
        self._first_time_s = self._timestamp_s()
        self.height_px, self.width_px = self._first.shape[:2]
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        if not PLAUSIBLE_FPS[0] <= fps <= PLAUSIBLE_FPS[1]:
            self._capture.release()
            raise VideoError(f"{self.path} states a frame rate of {fps}. Convert it to MP4 with a constant rate")
        self.fps = Fraction(fps).limit_denominator(MAX_FPS_DENOMINATOR)
        self.num_frames = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; once only."""
        return self.frames()

    def frames(self, first_frame: int = 0, last_frame: int | None = None, *, every: int = 1) -> Iterator[Frame]:
        """Yield every so many frames from the first to the last, both included; once only.

        The others are passed over without being turned into pictures. There is no seeking: it lands beside the frame.
        """
        video_frame, last_s, found = 0, -1.0, True
        while found and (last_frame is None or video_frame <= last_frame):
            time_s = self._timestamp_s() - self._first_time_s
            if time_s <= last_s:  # a container without usable timestamps
                time_s = last_s + 1.0 / float(self.fps)
            if video_frame >= first_frame and (video_frame - first_frame) % every == 0:
                bgr = self._first if video_frame == 0 else self._retrieve()
                if bgr is None:
                    return
                yield Frame(video_frame, time_s, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
            last_s = time_s
            video_frame += 1
            found = self._capture.grab()

    def close(self) -> None:
        self._capture.release()

    def source(self) -> Source:
        """Return what a take remembers of this file; reads all of it, for the hash, when first asked."""
        return self._source

    @cached_property
    def _source(self) -> Source:
        size_bytes, digest = size_and_sha256([self.path])
        return Source(self.path.name, size_bytes, digest, self.width_px, self.height_px)

    def _retrieve(self) -> np.ndarray | None:
        """Return the picture that was grabbed, upright, BGR; None if it cannot be decoded."""
        found, bgr = self._capture.retrieve()
        if not found:
            return None
        return bgr if self._turn is None else cv2.rotate(bgr, self._turn)

    def _timestamp_s(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0


def size_and_sha256(paths: Sequence[Path]) -> tuple[int, str]:
    """Return the bytes of all files together and the hash of them one after another.

    Raises:
        VideoError: one cannot be read.
    """
    digest, size_bytes = hashlib.sha256(), 0  # not hashlib.file_digest: the worker runs on Python 3.10 too
    for path in paths:
        try:
            with open(path, "rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size_bytes += len(chunk)
        except OSError as error:
            raise VideoError(f"Cannot read {path}: {error.strerror or error}. Check the path") from error
    return size_bytes, digest.hexdigest()
