"""`smirk solve`: footage in, a take out; by a worker, as everywhere."""

import argparse
import math
import os
import re
import tempfile
from pathlib import Path

from ..capture.solving import ALL_FACES, NO_IMAGE_FPS, refine_file, solve_to
from ..sequences import is_image
from .console import say
from .workers import add_model_options, add_python_option, model_settings, spoken, worker_python

TAKE_ENDING = ".take.npz"


def add_to(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("solve", help="solve a video into a take")
    command.set_defaults(command=solve, check_usage=_check_usage)
    add = command.add_argument
    add("video", metavar="VIDEO", help="a video, an image, or the first image of a sequence")
    add("--out", required=True, metavar="NAME.take.npz", help="the take to write; of everybody, a file each")
    sequence = "the image is the first of a numbered sequence of this rate; one frame where left out"
    add("--image-fps", type=image_rate, metavar="FPS", help=sequence)
    add("--range", type=frame_range, default=(0, None), metavar="N-M", help="frames of the video; N- goes to its end")
    add("--face", type=face_number, metavar=f"N|{ALL_FACES}", help="whose take: 1 is who is seen most; everybody's")
    add("--refine", action="store_true", help="find besides where lips and lids are in the picture")
    add("--log", metavar="FILE", help="keep what the worker's libraries print")
    add_model_options(command.add_argument_group("models").add_argument)
    add_python_option(add)


def solve(options: argparse.Namespace) -> None:
    """Solve, and say what came of it.

    Raises:
        SmirkError: footage or a model that cannot be used, or a file that cannot be written.
    """
    first, last = options.range
    settings = model_settings(options) | {"first_frame": first, "last_frame": last, "face": options.face}
    settings["image_fps"] = options.image_fps
    python = worker_python(options.python)
    with tempfile.TemporaryDirectory(prefix="smirk_") as folder:
        log_path = os.path.abspath(options.log or Path(folder) / "solve.log")
        where = dict(log_path=log_path, python=python, hear=spoken(say))
        done = solve_to(options.video, options.out, settings, folder=folder, **where)
        if options.refine:
            for path in done.paths:
                refine_file(path, settings, **where)
    for path in done.paths:
        say(f"Saved {path}")
    say(f"{done.num_frames} frames at {done.fps:.0f} frames per second")


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where a take would be called something else, or there are no images to give a rate to."""
    if not options.out.lower().endswith(".npz"):
        parser.error(f"--out {options.out}: a take's name ends in {TAKE_ENDING}")
    if options.image_fps is not None and not is_image(options.video):
        parser.error(f"--image-fps: {Path(options.video).name} {NO_IMAGE_FPS}")


def image_rate(text: str) -> float:
    """Return the rate of images, in frames per second."""
    rate = float(text)  # argparse reports a ValueError
    if not (math.isfinite(rate) and rate > 0):
        raise argparse.ArgumentTypeError(f"{text} is no rate in frames per second")
    return rate


def frame_range(text: str) -> tuple[int, int | None]:
    """Return the first and the last frame of "12-80", "12-" or "12"."""
    found = re.fullmatch(r"(\d+)(-(\d+)?)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no range of frames, such as 12-80 or 12-")
    first = int(found[1])
    last = int(found[3]) if found[3] else None if found[2] else first
    if last is not None and last < first:
        raise argparse.ArgumentTypeError(f"{text} ends before it starts")
    return first, last


def face_number(text: str) -> int | str:
    """Return a face's number, counted from 1, or "all"."""
    if text == ALL_FACES:
        return text
    number = int(text)  # argparse reports a ValueError
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no face: they count from 1")
    return number
