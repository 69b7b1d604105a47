"""Worker processes that commands wait for: on which Python, with which models, and what is said of their work."""

import argparse
import os
from collections.abc import Callable

from ..capture.protocol import Loading, Message, Progress, Warned
from ..flame import BUILTIN_HEAD

MODEL_OPTIONS = ("solver", "head", "eyelids", "weights", "landmark_model", "device", "smooth_crops")


def add_python_option(add: Callable) -> None:
    add("--python", metavar="PYTHON", help="the worker's Python; the preferences' where left out, or Blender's own")


def add_model_options(add: Callable) -> None:
    """Add options by which `model_settings` says how to solve; what is left out is as in the add-on's preferences."""
    add("--solver", choices=("smirk", "landmarks"), help="smirk where there are weights (usual), else landmarks")
    add("--head", metavar=f"{BUILTIN_HEAD}|FLAME.pkl", help="the head to solve on")
    add("--eyelids", metavar="DIR", help="the folder with SMIRK's eyelid shapes for a FLAME model")
    add("--weights", metavar="SMIRK_em1.pt", help="SMIRK's checkpoint")
    add("--landmark-model", metavar="face_landmarker.task", help="MediaPipe's landmark model")
    add("--device", choices=("cuda", "mps", "cpu"), help="what SMIRK's encoder runs on")
    add("--smooth-crops", action="store_true", help="crop steadily what SMIRK's encoder sees")


def model_settings(options: argparse.Namespace) -> dict[str, object]:
    """Return how to solve, by name as in MODEL_OPTIONS: what the options say, and the preferences for the rest."""
    from ..ui.preferences import solve_options  # other commands do without the panels

    preferred = solve_options()
    given = {name: getattr(options, name) for name in MODEL_OPTIONS if getattr(options, name)}
    for name in ("head", "eyelids", "weights", "landmark_model"):
        if given.get(name) and given[name] != BUILTIN_HEAD:
            given[name] = os.path.abspath(given[name])  # the worker runs elsewhere
    settings = dict.fromkeys(MODEL_OPTIONS) | {"smooth_crops": False} | preferred | given
    if settings["head"] == BUILTIN_HEAD and "solver" not in given and "weights" not in given:
        settings["solver"] = "landmarks"  # the preferences' weights are for a FLAME model
    return settings


def worker_python(python: str | None) -> tuple[str, list[str]]:
    """Return the worker's Python and the folders of packages that it needs besides its own, as `Job` takes them."""
    from ..ui.preferences import worker_arguments

    return (python, []) if python else worker_arguments()


def spoken(say: Callable[[str], None]) -> Callable[[Message], None]:
    """Return what says a worker's messages: sentences, and a line for each quarter of what it does."""
    told: dict[str, int] = {}

    def hear(message: Message) -> None:
        if isinstance(message, (Loading, Warned)):
            say(message.text)
        elif isinstance(message, Progress) and message.num_frames:
            quarter = 4 * message.video_frame // message.num_frames
            if quarter > told.get(message.stage, 0):
                told[message.stage] = quarter
                say(f"{message.stage}: {message.video_frame} of {message.num_frames} frames")

    return hear
