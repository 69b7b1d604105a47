"""The first thread of a solve: decode, find faces, crop; a bounded queue takes what it sees to the second."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .crop import crop_picture
from .decode import Frame
from .steady import SteadyCrops, framed

QUEUE_FRAMES = 32  # crops waiting for the solver; 5 MB for each face
POLL_S = 0.05  # how often a waiting thread looks whether it should stop


class Found(NamedTuple):
    """A face in a frame: landmarks (478, 3) pixels, transform (3, 3), and its crop where the solver wants one."""

    landmarks: np.ndarray
    transform: np.ndarray
    crop: np.ndarray | None = None


class Sighting(NamedTuple):
    """What the first thread knows of a frame: for everybody who is looked for, where they are; None if not seen."""

    time_s: float
    faces: tuple[Found | None, ...]


class StageClock:
    """Seconds that each stage spent at work, by name; stages in different threads overlap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


def watch(
    frames: Iterator[Frame],
    find: Callable[[Frame], Sequence[np.ndarray | None]],
    wants_crops: bool,
    clock: StageClock,
    *,
    steady: SteadyCrops | None = None,
) -> Iterator[Sighting]:
    """Yield every frame's sighting, looked for ahead in a thread.

    Args:
        find: returns everybody's landmarks in a frame, (478, 3) pixels each, None who is not seen.
        wants_crops: whether the solver does.
        clock: counts the stages' time.
        steady: what keeps the crops from shaking; None for each frame's own.
    """
    waiting: queue.Queue[Sighting | Exception | None] = queue.Queue(maxsize=QUEUE_FRAMES)
    stop = threading.Event()
    thread = threading.Thread(
        target=_look, args=(frames, find, wants_crops, steady, clock, waiting, stop), name="landmarks", daemon=True
    )
    thread.start()
    try:
        while (sighting := waiting.get()) is not None:
            if isinstance(sighting, Exception):
                raise sighting
            yield sighting
    finally:
        stop.set()
        thread.join()


def _look(
    frames: Iterator[Frame],
    find: Callable[[Frame], Sequence[np.ndarray | None]],
    wants_crops: bool,
    steady: SteadyCrops | None,
    clock: StageClock,
    waiting: "queue.Queue[Sighting | Exception | None]",
    stop: threading.Event,
) -> None:
    """Put sightings on the queue, at last None, or the exception that ended it."""
    try:
        while not stop.is_set():
            with clock.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                due = steady.rest() if steady else ()
            else:
                with clock.stage("landmarks"):
                    everybody = find(frame)
                due = steady.add(frame, everybody) if steady else (framed(frame, everybody),)
            for seen in due:
                with clock.stage("crop"):
                    faces = zip(seen.faces, seen.transforms)
                    faces = tuple(_found(seen.frame.rgb, *face, wants_crops) for face in faces)
                _put(waiting, Sighting(seen.frame.time_s, faces), stop)
            if frame is None:
                _put(waiting, None, stop)
                return
    except Exception as error:  # carried to the thread that waits, and raised there
        _put(waiting, error, stop)


def _found(
    rgb: np.ndarray, landmarks: np.ndarray | None, transform: np.ndarray | None, wants_crop: bool
) -> Found | None:
    if landmarks is None:
        return None
    return Found(landmarks, transform, crop_picture(rgb, transform) if wants_crop else None)


def _put(waiting: queue.Queue, item: object, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return waiting.put(item, timeout=POLL_S)
        except queue.Full:
            continue
