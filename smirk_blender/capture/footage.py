"""Footage of every kind behind one interface: a video, a sequence of images, a single image."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from ..errors import VideoError
from ..sequences import is_image, sequence_from
from ..take import Source
from .decode import Frame, VideoReader
from .images import ImageReader

COUNT_SLACK = 2  # frames by which containers that hold a duration, not a count, may be off


@dataclass(frozen=True)
class Footage:
    """How a path is read, and which of its frames are looked at.

    Attributes:
        sequence: the path is the first image of a sequence; otherwise an image is a clip of one frame.
        images: names of a sequence's images in order, absolute or beside the path, where no numbers order them.
        image_fps: the rate of images, frames per second; None for Blender's 24.
        first_frame, last_frame: the range, both included, counted from the video's first frame; None for its end.
    """

    sequence: bool = False
    images: Sequence[str] | None = None
    image_fps: float | None = None
    first_frame: int = 0
    last_frame: int | None = None

    def open(self, path: str | os.PathLike) -> "Reader":
        """Return a reader of the whole footage.

        Raises:
            VideoError: footage that cannot be read, or a range that lies outside it as far as can be told by now.
        """
        reader = open_footage(path, sequence=self.sequence, images=self.images, image_fps=self.image_fps)
        last_frame = self.first_frame if self.last_frame is None else self.last_frame
        known = reader.num_frames + COUNT_SLACK if reader.num_frames else None
        if not 0 <= self.first_frame <= last_frame or known is not None and last_frame >= known:
            reader.close()
            raise self._outside(reader)
        return reader

    def frames(self, reader: "Reader", *, every: int = 1) -> Iterator[Frame]:
        """Yield the range's frames, every so many.

        Raises:
            VideoError: there are none.
        """
        frame = None
        for frame in reader.frames(self.first_frame, self.last_frame, every=every):
            yield frame
        if frame is None:
            raise self._outside(reader)

    def num_frames(self, reader: "Reader") -> int:
        """Return how many frames the range has, as far as the file states it; 0 if it does not."""
        end = reader.num_frames if self.last_frame is None else min(reader.num_frames, self.last_frame + 1)
        return max(end - self.first_frame, 0)

    def _outside(self, reader: "Reader") -> VideoError:
        num_frames = reader.num_frames
        last = "its end" if self.last_frame is None else self.last_frame
        length = f"has {num_frames} frames, 0-{num_frames - 1}" if num_frames else "ends before it"
        return VideoError(
            f"Frames {self.first_frame}-{last} do not lie in {reader.path.name}, which {length}. "
            "Choose a range inside it"
        )


class Reader(Protocol):
    """What `VideoReader` and `ImageReader` have in common; see there."""

    path: Path
    fps: Fraction
    num_frames: int
    width_px: int
    height_px: int
    warnings: tuple[str, ...]

    def __iter__(self) -> Iterator[Frame]: ...

    def frames(self, first_frame: int = 0, last_frame: int | None = None, *, every: int = 1) -> Iterator[Frame]: ...

    def close(self) -> None: ...

    def source(self) -> Source: ...


def open_footage(
    path: str | os.PathLike,
    *,
    sequence: bool = False,
    images: Sequence[str] | None = None,
    image_fps: float | None = None,
    num_images: int | None = None,
) -> Reader:
    """Return a reader of a video, an image or a sequence.

    Args:
        sequence, images, image_fps: see `Footage`.
        num_images: of a sequence, no more than these.
    Raises:
        VideoError: footage that is missing or cannot be read.
    """
    path, warnings = Path(path), ()
    if images is not None:
        paths = [path.parent / name for name in images]
    elif not is_image(path):
        return VideoReader(path)
    else:
        if not path.is_file():
            raise VideoError(f"No image at {path}. Check the path")
        paths, warnings = sequence_from(path) if sequence else ([path], ())
    if num_images is not None and num_images <= len(paths):
        paths, warnings = paths[:num_images], ()
    return ImageReader(paths, fps=image_fps, warnings=warnings)
