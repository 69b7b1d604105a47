"""`smirk preview`: a take and its footage in, a video to look at out."""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ..capture.protocol import Done, Message
from ..capture.solving import run_worker
from ..errors import VideoError
from ..flame import BUILTIN_HEAD
from ..rig.movie import encode_movie
from ..take import Take, load_take
from .console import quiet, say
from .solve import frame_range
from .workers import add_python_option, spoken, worker_python

PICTURES = ".pictures.avi"


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("preview", help="a video of a take: footage, the mesh over it, the head alone")
    command.set_defaults(command=preview)
    add = command.add_argument
    add("take", metavar="TAKE.npz", help="the take; shown cleaned, where it says how")
    add("video", metavar="VIDEO", help="what it was solved from; of a sequence the first image")
    add("--out", required=True, metavar="NAME.mp4", help="the video to write")
    add("--report", metavar="NAME.png", help="a sheet of pictures and curves besides, which needs matplotlib")
    part = "the frames that were solved, as they were given to `solve`"
    add("--range", type=frame_range, default=(0, None), metavar="N-M", help=part)
    head = "the head that the take was solved on: the built-in one (usual), or a FLAME model"
    add("--head", default=BUILTIN_HEAD, metavar=f"{BUILTIN_HEAD}|FLAME.pkl", help=head)
    add("--eyelids", metavar="DIR", help="the folder with SMIRK's eyelid shapes for a FLAME model")
    add("--log", metavar="FILE", help="keep what the worker's libraries print")
    add_python_option(add)


def preview(options: argparse.Namespace) -> None:
    """Draw in a worker, and encode in this Blender.

    Raises:
        SmirkError: a file that cannot be read or written.
    """
    how = {name: getattr(options, name) for name in ("head", "eyelids", "report", "python", "log")}
    make_preview(options.take, options.video, options.out, frames=options.range, hear=spoken(say), **how)
    say(f"Saved {options.out}")
    if options.report:
        say(f"Saved {options.report}")


def make_preview(
    take: str,
    video: str,
    out: str,
    *,
    head: str = BUILTIN_HEAD,
    eyelids: str | None = None,
    frames: tuple[int, int | None] = (0, None),
    report: str | None = None,
    python: str | None = None,
    log: str | None = None,
    hear: Callable[[Message], None] = lambda message: None,
) -> None:
    """Draw the preview video of a take's file in a worker, and encode it; what is what, the command's options say.

    Raises:
        SmirkError: a file that cannot be read or written.
    """
    if not out.lower().endswith(".mp4"):  # before any of the work
        raise VideoError(f"{out} does not end in .mp4. Choose a name that does")
    if not Path(out).absolute().parent.is_dir():
        raise VideoError(f"No folder {Path(out).absolute().parent}. Make it, or choose another")
    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        pictures = Path(folder) / PICTURES
        files = {"video": video, "take": take, "movie": pictures, "report": report}
        log_path = os.path.abspath(log or Path(folder) / "preview.log")
        models, footage = {"head": head, "eyelids": eyelids}, dict(zip(("first_frame", "last_frame"), frames))
        review(files, models, footage, log_path=log_path, python=worker_python(python), hear=hear)
        encode(pictures, out, load_take(take, landmarks=False), video)


def review(
    files: Mapping[str, str | os.PathLike | None],
    models: Mapping[str, str | None],
    footage: Mapping[str, int | None],
    *,
    log_path: str | os.PathLike,
    python: tuple[str, list[str]],
    hear: Callable[[Message], None],
) -> Done:
    """Have a worker draw a take.

    Args:
        files: video, take, the silent movie and the report, if there is to be one; and "thumbnail", likewise.
        models: head and eyelids.
        footage: first_frame and last_frame, as they were given to the solve.
    Raises:
        SmirkError: it failed.
    """
    paths = {f"{name}_path": os.path.abspath(path) for name, path in files.items() if path}
    models = {name: os.path.abspath(path) for name, path in models.items() if path and path != BUILTIN_HEAD}
    arguments = paths | models | {"footage": dict(footage)}
    return run_worker("capture.review", arguments, log_path=log_path, python=python, hear=hear)


def encode(pictures: str | os.PathLike, out: str | os.PathLike, take: Take, video: str | os.PathLike) -> None:
    """Encode a preview's pictures, with the footage's sound from the take's first frame on.

    Raises:
        VideoError: a file that cannot be read or written.
    """
    first_frame = round(float(take.time_s[0] * take.fps))
    with quiet():
        encode_movie(pictures, out, fps=take.fps, sound_path=video, first_frame=first_frame)
