"""A job for a Blender without a window: encode a movie with sound, so that the one with the window goes on.

`blender -b --python .../capture/launch.py -- encode REQUEST.json`, with the arguments of `encode` and log_path in the
file; messages as the worker's. In the `bpy` module the interpreter itself will do.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from .capture.protocol import Done, Loading, Message, Progress
from .capture.worker import run_job


def encode(
    picture_path: str,
    out_path: str,
    take_path: str,
    folder: str,
    send: Callable[[Message], None],
    *,
    sound_path: str | None = None,
) -> Iterator[Message]:
    """Encode the pictures of a take as `rig.movie.encode_movie` does, yielding messages; the last is `Done`.

    Args:
        picture_path, out_path, sound_path: see there.
        take_path: gives the rate, and where in the sound the pictures start.
        folder: for what is unfinished; the parent removes it, even if this process is killed.
        send: gets the progress, since Blender encodes all frames in one call.
    Raises:
        SmirkError: as `encode_movie` and `load_take`.
    """
    yield Loading("Encoding the preview")
    from .rig.movie import encode_movie  # needs bpy, whose absence must reach the parent as a message
    from .take import load_take

    take = load_take(take_path)
    tempfile.tempdir = folder
    start, num_frames = time.perf_counter(), 0

    def on_frame(done: int, total: int) -> None:
        nonlocal num_frames
        num_frames = done
        send(Progress(done, total, "encode"))

    options = dict(sound_path=sound_path, first_frame=round(float(take.time_s[0] * take.fps)), on_frame=on_frame)
    path = encode_movie(picture_path, out_path, fps=take.fps, **options)
    yield Done([str(path)], num_frames, fps=num_frames / (time.perf_counter() - start))


if __name__ == "__main__":
    run_job(encode, sys.argv[1:])
