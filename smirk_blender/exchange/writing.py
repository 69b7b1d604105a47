"""How a file of this room comes to be: under another name first, and with errors for people to read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ExportError
from ..partial import written_whole


@contextmanager
def written_export(path: str | os.PathLike) -> Iterator[Path]:
    """Give where to write a file, which takes its place at `path` in the end; its folder is made where there is none.

    Raises:
        ExportError: the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            yield temporary
    except OSError as error:
        raise ExportError(
            f"Cannot write {path} ({error.strerror or error}). Choose a folder that you may write to"
        ) from error


def numbered(path: str | os.PathLike, number: int) -> Path:
    """Return a path with a frame's number: face.obj becomes face_00042.obj."""
    path = Path(path)
    return path.with_name(f"{path.stem}_{number:05d}{path.suffix}")
