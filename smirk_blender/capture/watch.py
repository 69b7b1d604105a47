"""The first thread of a solve: decode, find faces, crop; a bounded queue takes what it sees to the second."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .crop import crop_face, crop_transform
from .decode import Frame

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
) -> Iterator[Sighting]:
    """Yield every frame's sighting, looked for ahead in a thread.

    Args:
        find: returns everybody's landmarks in a frame, (478, 3) pixels each, None who is not seen.
        wants_crops: whether the solver does.
        clock: counts the stages' time.
    """
    waiting: queue.Queue[Sighting | Exception | None] = queue.Queue(maxsize=QUEUE_FRAMES)
    stop = threading.Event()
    thread = threading.Thread(
        target=_look, args=(frames, find, wants_crops, clock, waiting, stop), name="landmarks", daemon=True
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
                _put(waiting, None, stop)
                return
            with clock.stage("landmarks"):
                everybody = find(frame)
            if wants_crops:
                with clock.stage("crop"):
                    faces = tuple(_found(frame.rgb, landmarks) for landmarks in everybody)
            else:
                faces = tuple(_placed(landmarks) for landmarks in everybody)
            _put(waiting, Sighting(frame.time_s, faces), stop)
    except Exception as error:  # carried to the thread that waits, and raised there
        _put(waiting, error, stop)


def _placed(landmarks: np.ndarray | None) -> Found | None:
    return None if landmarks is None else Found(landmarks, crop_transform(landmarks))


def _found(rgb: np.ndarray, landmarks: np.ndarray | None) -> Found | None:
    if landmarks is None:
        return None
    crop, transform = crop_face(rgb, landmarks)
    return Found(landmarks, transform, crop)


def _put(waiting: queue.Queue, item: object, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return waiting.put(item, timeout=POLL_S)
        except queue.Full:
            continue
