"""Pictures as footage: one image, or a sequence of them."""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from ..errors import VideoError
from ..sequences import UNREAD_SUFFIXES
from ..take import Source
from .decode import MAX_FPS_DENOMINATOR, PLAUSIBLE_FPS, Frame, size_and_sha256

IMAGE_FPS = 24.0  # of images that come without a rate; a new Blender scene's


class ImageReader:
    """Every image once, in order, upright as its EXIF data asks, 8 bits a channel.

    Attributes:
        path: the first image.
        fps: the rate at which they are to be shown.
        num_frames: how many there are.
        warnings: sentences on what was left out, for the user.
    """

    def __init__(
        self, paths: Sequence[str | os.PathLike], *, fps: float | None = None, warnings: tuple[str, ...] = ()
    ) -> None:
        """Open images; only the first is read now.

        Raises:
            VideoError: no images, a rate that cannot be, or a first image that is missing or cannot be read.
        """
        if not paths:
            raise VideoError("No images are named. Choose the sequence's first image")
        fps = IMAGE_FPS if fps is None else fps
        if not PLAUSIBLE_FPS[0] <= fps <= PLAUSIBLE_FPS[1]:
            raise VideoError(f"Images cannot be shown at {fps} frames per second. Choose a rate such as 24 or 25")
        self._paths = [Path(path) for path in paths]
        self.path = self._paths[0]
        self.fps = Fraction(fps).limit_denominator(MAX_FPS_DENOMINATOR)
        self.num_frames = len(self._paths)
        self.warnings = warnings
        self.height_px, self.width_px = read_image(self.path).shape[:2]

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, first_frame: int = 0, last_frame: int | None = None, *, every: int = 1) -> Iterator[Frame]:
        """Yield every so many images from the first to the last, both included.

        Raises:
            VideoError: an image that is missing, cannot be read, or is of another size than the first.
        """
        end = self.num_frames if last_frame is None else min(last_frame + 1, self.num_frames)
        for video_frame in range(first_frame, end, every):
            path = self._paths[video_frame]
            bgr = read_image(path)
            height_px, width_px = bgr.shape[:2]
            if (width_px, height_px) != (self.width_px, self.height_px):
                raise VideoError(
                    f"{path.name} has {width_px} x {height_px} pixels, but the sequence's first image "
                    f"{self.path.name} has {self.width_px} x {self.height_px}. Give all images one size"
                )
            yield Frame(video_frame, float(video_frame / self.fps), cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

    def close(self) -> None:
        """Nothing is held open."""

    def source(self) -> Source:
        """Return what a take remembers: the first's name, the size and hash of all; reads them when first asked."""
        return self._source

    @cached_property
    def _source(self) -> Source:
        size_bytes, digest = size_and_sha256(self._paths)
        return Source(self.path.name, size_bytes, digest, self.width_px, self.height_px)


def read_image(path: Path) -> np.ndarray:
    """Return an image, (H, W, 3) uint8 BGR.

    Raises:
        VideoError: no such file, or not an image that can be read.
    """
    if path.suffix.lower() in UNREAD_SUFFIXES:
        raise VideoError(f"{path.name}: {path.suffix.lower()} images cannot be read. Save them as PNG or JPEG")
    content = np.frombuffer(_content(path), np.uint8)  # not cv2.imread: on Windows it needs plain letters in the path
    bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if bgr is None:
        raise VideoError(f"{path} is not an image that can be read, or it is damaged. Save it again as PNG or JPEG")
    return bgr


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError(f"Cannot read the image {path}: {error.strerror or error}. Check the path") from error
