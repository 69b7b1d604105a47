"""Solves in a worker that is waited for: a video becomes takes, a take is refined, or the reason why not is raised."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import SmirkError, VideoError
from ..sequences import is_image
from .job import Job
from .protocol import REFINE, Done, Failed, Message, Seen

ALL_FACES = "all"
POLL_S = 0.02
FOOTAGE = ("first_frame", "last_frame", "sequence", "image_fps")  # settings that say which frames are looked at
NO_IMAGE_FPS = "is a video, which has a rate of its own. Leave out the rate of images"


class WorkerFailed(SmirkError):
    """A worker ended without a result; `hint` says what to do, where the text does not."""

    def __init__(self, ending: Failed) -> None:
        super().__init__(ending.text)
        self.hint, self.lacks = ending.hint, ending.lacks

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}. {self.hint}" if self.hint else text


def run_worker(
    module: str,
    arguments: dict,
    log_path: str | os.PathLike,
    *,
    python: tuple[str, list[str]],
    hear: Callable[[Message], None] = lambda message: None,
) -> Done:
    """Run a module in a worker until it ends, and return its last message.

    Args:
        module: below this package, as `Job` takes it.
        arguments: of its job; with absolute paths, since the worker runs elsewhere.
        python: the interpreter, and the folders of packages that it needs besides its own.
        hear: gets the other messages as they come.
    Raises:
        SmirkError: it failed, could not be started, or was stopped.
    """
    job = Job(python[0], module, arguments, log_path, site_packages=python[1])
    try:
        while True:  # not blocked in a queue, which Windows cannot interrupt
            for message in job.poll():
                if isinstance(message, Done):
                    return message
                if isinstance(message, Failed):
                    raise WorkerFailed(message)
                hear(message)
            if job.ended:
                raise SmirkError("The worker was stopped. Start it again")
            time.sleep(POLL_S)
    finally:
        job.close()


def solve_to(
    video: str,
    take_path: str | os.PathLike,
    settings: Mapping[str, object],
    *,
    folder: str | os.PathLike,
    log_path: str | os.PathLike,
    python: tuple[str, list[str]],
    hear: Callable[[Message], None],
) -> Done:
    """Solve a video into a take, and return the worker's last message, which names the takes.

    Args:
        settings: fields of `SolveOptions`, with absolute paths; `face` counts from 1, or is None where there is one; an
            `image_fps` makes an image the first of a sequence, otherwise it is one frame.
        folder: for what passes.
        log_path, python, hear: as in `run_worker`.
    Raises:
        SmirkError: it failed, there is no such face, or a video was given the rate of images.
    """
    settings, video = dict(settings), os.path.abspath(video)
    settings["sequence"] = settings.get("image_fps") is not None
    if settings["sequence"] and not is_image(video):
        raise VideoError(f"{Path(video).name} {NO_IMAGE_FPS}")
    run = dict(log_path=log_path, python=python, hear=hear)
    if settings["face"] is not None:
        footage = {name: settings[name] for name in FOOTAGE if name in settings}
        arguments = {"video_path": video, "folder": str(folder), "footage": footage}
        arguments["landmark_model"] = settings["landmark_model"]
        seen = []

        def look(message: Message) -> None:
            seen.append(message) if isinstance(message, Seen) else hear(message)

        found = run_worker("capture.people", arguments, **run | {"hear": look})
        settings["people"] = found.paths[0]
        if settings["face"] != ALL_FACES:
            if settings["face"] > len(seen):
                raise VideoError(
                    f"There is no face {settings['face']} in {Path(video).name}; faces found: {len(seen)}"
                )
            settings["face"] -= 1
    return run_worker(
        "capture.worker",
        {"video_path": video, "take_path": os.path.abspath(take_path), "options": settings},
        **run,
    )


def refine_file(
    take_path: str | os.PathLike, settings: Mapping[str, object], *, clean_up: dict | None = None, **where: object
) -> Done:
    """Have a worker refine a take in its file; a head without landmarks leaves it as it is. Return its last message.

    Args:
        settings: of which `head` and `eyelids` are those that it was solved on.
        clean_up: the settings to leave in the file, as `CleanUp.facts`; its own where left out.
        where: what `run_worker` takes: log_path, python, hear.
    Raises:
        SmirkError: it failed.
    """
    arguments = {"work": REFINE, "take_path": os.path.abspath(take_path), "optional": True, "clean_up": clean_up}
    return run_worker("capture.cleaner", arguments | {name: settings[name] for name in ("head", "eyelids")}, **where)
