"""Images that are numbered one after another, as footage: which they are, and what they are called together."""

import os
import re
from pathlib import Path

from .errors import VideoError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
UNREAD_SUFFIXES = (".exr", ".hdr", ".dpx", ".cin", ".psd", ".heic", ".jp2", ".tga", ".avif")  # Blender's or cameras'
NUMBER_AT_END = re.compile(r"(?P<stem>.*?)(?P<number>\d+)$")
SEPARATORS = " ._-"  # between a sequence's name and its numbers


def is_image(path: str | os.PathLike) -> bool:
    """Return whether a file is an image by its name, one that can be read or not."""
    return Path(path).suffix.lower() in IMAGE_SUFFIXES + UNREAD_SUFFIXES


def sequence_from(first: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return a sequence's images, and a sentence if it is broken off.

    They are the first image and those with its name and the number at its end counted up, until one is missing.
    Raises:
        VideoError: no number at the end of the first image's name.
    """
    match = NUMBER_AT_END.match(first.stem)
    if match is None:
        raise VideoError(
            f"{first.name} has no number at the end of its name, so no sequence starts with it. "
            "Choose an image such as shot_0001.png, or use it as a single image"
        )
    stem, digits, number = match["stem"], match["number"], int(match["number"])
    name = lambda at: f"{stem}{at:0{len(digits)}d}{first.suffix}"
    names = set(os.listdir(first.parent)) if first.parent.is_dir() else set()
    paths = [first]
    while name(number + len(paths)) in names:
        paths.append(first.with_name(name(number + len(paths))))
    missing = number + len(paths)
    pattern = re.compile(rf"{re.escape(stem)}(\d+){re.escape(first.suffix)}")
    numbers = [int(found[1]) for found in map(pattern.fullmatch, names) if found]
    later = [found for found in numbers if found > missing]
    if not later:
        return paths, ()
    return paths, (
        f"{name(missing)} is missing: the sequence ends before it, and {len(later)} later images up to "
        f"{name(max(later))} are left out. Put the missing image in its place to use them",
    )


def sequence_name(image: Path) -> str:
    """Return what a sequence is called: shot.0001.png is of "shot", and 0001.png of what its folder is called."""
    match = NUMBER_AT_END.match(image.stem)
    return (match["stem"].rstrip(SEPARATORS) if match else image.stem) or image.parent.name


def first_images(images: list[Path]) -> list[Path]:
    """Return the first image of each sequence among these, in their order; those without a number are left out."""
    lowest: dict[tuple[Path, str, str], tuple[int, Path]] = {}
    for image in images:
        if match := NUMBER_AT_END.match(image.stem):
            sequence, numbered = (image.parent, match["stem"], image.suffix), (int(match["number"]), image)
            lowest[sequence] = min(lowest.get(sequence, numbered), numbered)
    return [image for _, image in lowest.values()]
