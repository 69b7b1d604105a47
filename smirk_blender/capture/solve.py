"""A video solved into a take: decoding and landmarks in one thread, the solver in another, bounded queues between."""

import os
import queue
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import TakeError, VideoError
from ..flame import BUILTIN_HEAD
from ..take import Take, save_take
from ..take.fill import fill_gaps, gap_ranges
from ..take.take import NUM_LANDMARKS
from .confidence import landmark_confidence
from .crop import crop_face, crop_transform
from .decode import MAX_FPS_DENOMINATOR, VideoReader
from .face_mesh import FaceMesh, open_face_mesh
from .protocol import Done, Loading, Message, Progress, Warned
from .solvers import Solved, Solver, open_solver

QUEUE_FRAMES = 32  # crops waiting for the solver; 5 MB
VARIABLE_FRAMES = 0.5  # a frame this far from its place at a constant rate makes the clip one of variable rate
COUNT_SLACK = 2  # frames by which containers that hold a duration, not a count, may be off
POLL_S = 0.05  # how often a waiting thread looks whether it should stop


@dataclass(frozen=True)
class SolveOptions:
    """How to solve; every default works with nothing but this package.

    Attributes:
        solver: "smirk", "landmarks", or None for SMIRK's where there are weights.
        head: "builtin" or a FLAME model file.
        eyelids: folder with SMIRK's eyelid shapes and landmark embedding.
        weights: SMIRK's checkpoint.
        landmark_model: MediaPipe's face_landmarker.task; None for the models inside its wheel.
        device: "cuda", "mps", "cpu", or None for the best that is there.
    """

    solver: str | None = None
    head: str = BUILTIN_HEAD
    eyelids: str | None = None
    weights: str | None = None
    landmark_model: str | None = None
    device: str | None = None


class Sighting(NamedTuple):
    """What the first thread knows of a frame; landmarks, transform and crop are None where there is no face."""

    time_s: float
    landmarks: np.ndarray | None = None
    transform: np.ndarray | None = None
    crop: np.ndarray | None = None


class StageClock:
    """Seconds that each stage spent at work, by name; stages in different threads overlap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


def solve_video(
    video_path: str | os.PathLike, take_path: str | os.PathLike, options: SolveOptions = SolveOptions()
) -> Iterator[Message]:
    """Solve a video into a take file, yielding messages; the last is `Done`.

    Closing the generator stops the solve between two frames and leaves no take.
    Raises:
        SmirkError: bad input or a file that cannot be written; the message is for the user.
    """
    reader = VideoReader(video_path)
    face_mesh = None
    try:
        _check_writable(Path(take_path).parent)
        yield Loading("Loading the landmark model")
        face_mesh = open_face_mesh(options.landmark_model)
        yield Loading(f"Loading the {options.solver or ('smirk' if options.weights else 'landmarks')} solver")
        solver = open_solver(
            options.solver, head=options.head, eyelids=options.eyelids, weights=options.weights, device=options.device
        )
        yield from (Warned(sentence) for sentence in solver.warnings)
        yield from _solve(reader, face_mesh, solver, Path(take_path))
    finally:
        reader.close()
        if face_mesh is not None:
            face_mesh.close()


def _solve(reader: VideoReader, face_mesh: FaceMesh, solver: Solver, take_path: Path) -> Iterator[Message]:
    start, clock = time.perf_counter(), StageClock()
    sightings, last_progress = [], 0.0
    for sighting in _watched(reader, face_mesh, solver, clock):
        sightings.append(sighting)
        if time.perf_counter() - last_progress > POLL_S:
            last_progress = time.perf_counter()
            yield Progress(len(sightings), reader.num_frames if reader.num_frames >= len(sightings) else 0)
    yield Progress(len(sightings), len(sightings))
    if len(sightings) < reader.num_frames - COUNT_SLACK:
        yield Warned(
            f"{reader.path.name} states {reader.num_frames} frames, but only {len(sightings)} could be decoded. "
            "It may be damaged: play it to its end, or convert it again"
        )
    gap = np.array([sighting.landmarks is None for sighting in sightings])
    if gap.all():
        raise VideoError(
            f"No face in any of the {len(gap)} frames of {reader.path.name}. Choose a clip that shows one face larger than "
            "a tenth of the picture, lit and not turned away"
        )
    for first, last in gap_ranges(gap):
        frames = f"frame {first}" if first == last else f"frames {first}-{last}"
        yield Warned(
            f"No face in {frames} of {reader.path.name}; filled from the neighbours. Trim the clip, or mend them by hand"
        )
    landmarks = np.stack([sighting.landmarks for sighting in sightings if sighting.landmarks is not None])
    transforms = np.stack([sighting.transform for sighting in sightings if sighting.transform is not None])
    time_s = np.array([sighting.time_s for sighting in sightings])
    del sightings  # its landmarks are in the stack: long clips hold them once
    with clock.stage("fit" if solver.batch_size == 0 else "finish"):
        solved = yield from _finished(solver, landmarks, transforms)
    take = _assemble(reader, face_mesh, solver, solved, time_s, gap, landmarks, transforms)
    save_take(take, take_path)
    elapsed_s = time.perf_counter() - start
    yield Done(
        take_path=str(take_path),
        num_frames=len(take),
        num_faces=int((~gap).sum()),
        fps=len(take) / elapsed_s,
        stage_fps={name: len(take) / seconds for name, seconds in clock.seconds.items() if name != "finish"},
        peak_memory_mb=peak_memory_mb(),
    )


def _watched(reader: VideoReader, face_mesh: FaceMesh, solver: Solver, clock: StageClock) -> Iterator[Sighting]:
    """Yield every frame's sighting, without its crop: those have gone to the solver, in batches."""
    waiting: queue.Queue[Sighting | Exception | None] = queue.Queue(maxsize=QUEUE_FRAMES)
    stop = threading.Event()
    thread = threading.Thread(
        target=_look,
        args=(reader, face_mesh, solver.batch_size > 0, clock, waiting, stop),
        name="landmarks",
        daemon=True,
    )
    thread.start()
    crops = []

    def flush() -> None:
        with clock.stage("encoder"):
            solver.add(np.stack(crops))
        crops.clear()

    try:
        while (sighting := waiting.get()) is not None:
            if isinstance(sighting, Exception):
                raise sighting
            if sighting.crop is not None:
                crops.append(sighting.crop)
            if crops and len(crops) >= solver.batch_size:
                flush()
            yield sighting._replace(crop=None)
        if crops:
            flush()
    finally:
        stop.set()
        thread.join()


def _look(
    reader: VideoReader,
    face_mesh: FaceMesh,
    wants_crops: bool,
    clock: StageClock,
    waiting: "queue.Queue[Sighting | Exception | None]",
    stop: threading.Event,
) -> None:
    """Decode, find the face, crop; put sightings on the queue, at last None, or the exception that ended it."""
    frames = iter(reader)
    try:
        while not stop.is_set():
            with clock.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                _put(waiting, None, stop)
                return
            with clock.stage("landmarks"):
                landmarks = face_mesh.find(frame.rgb, frame.time_s)
            sighting = Sighting(frame.time_s)
            if landmarks is not None and wants_crops:
                with clock.stage("crop"):
                    crop, transform = crop_face(frame.rgb, landmarks)
                sighting = Sighting(frame.time_s, landmarks, transform, crop)
            elif landmarks is not None:
                sighting = Sighting(frame.time_s, landmarks, crop_transform(landmarks))
            _put(waiting, sighting, stop)
    except Exception as error:  # carried to the thread that waits, and raised there
        _put(waiting, error, stop)


def _put(waiting: queue.Queue, item: object, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return waiting.put(item, timeout=POLL_S)
        except queue.Full:
            continue


def _finished(solver: Solver, landmarks: np.ndarray, transforms: np.ndarray) -> Iterator[Message]:
    """Run the solver's last part in a thread, so that its progress comes out as messages; return what it solved."""
    done: queue.Queue[int | Exception | Solved] = queue.Queue()
    stop = threading.Event()

    def progress(num_frames: int) -> None:
        if stop.is_set():
            raise InterruptedError
        done.put(num_frames)

    def run() -> None:
        try:
            done.put(solver.finish(landmarks, transforms, progress))
        except Exception as error:  # raised again below
            done.put(error)

    thread = threading.Thread(target=run, name="fit", daemon=True)
    thread.start()
    try:
        while isinstance(item := done.get(), int):
            yield Progress(item, len(landmarks), "fit")
    finally:
        stop.set()
        thread.join()
    if isinstance(item, Exception):
        raise item
    return item


def _assemble(
    reader: VideoReader,
    face_mesh: FaceMesh,
    solver: Solver,
    solved: Solved,
    time_s: np.ndarray,
    gap: np.ndarray,
    landmarks: np.ndarray,
    transforms: np.ndarray,
) -> Take:
    """Return the take: the solved frames in their places, gaps filled and marked."""
    per_frame = {item.name: getattr(solved, item.name) for item in fields(Solved) if item.name != "shape"}
    all_landmarks = np.full((len(gap), NUM_LANDMARKS, 3), np.nan, np.float32)
    all_landmarks[~gap] = landmarks
    confidence = np.zeros(len(gap), np.float32)
    confidence[~gap] = landmark_confidence(landmarks)
    return Take(
        **{name: fill_gaps(values, gap) for name, values in per_frame.items()},
        crop_transform=fill_gaps(transforms, gap),
        neck_pose=np.zeros((len(gap), 3), np.float32),  # the whole turn is in head_pose, as SMIRK has it
        landmarks=all_landmarks,
        confidence=confidence,
        gap=gap,
        time_s=time_s,
        shape=solved.shape,
        fps=_grid_fps(reader.fps, time_s),
        source=reader.source(),
        solver=solver.name,
        models=solver.models | {"landmarks": face_mesh.name},
        expression_names=solver.expression_names,
    )


def _grid_fps(stated: Fraction, time_s: np.ndarray) -> Fraction:
    """Return the rate that the frames keep to: the stated one, or where that is only their average, the usual one."""
    if len(time_s) < 3 or np.abs(time_s * float(stated) - np.arange(len(time_s))).max() <= VARIABLE_FRAMES:
        return stated
    return Fraction(1.0 / float(np.median(np.diff(time_s)))).limit_denominator(MAX_FPS_DENOMINATOR)


def _check_writable(folder: Path) -> None:
    """Raise TakeError now rather than after the solve."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TakeError(
            f"Cannot write to the folder {folder}: {error.strerror or error}. Choose another output folder"
        ) from error


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, MB; 0 where the system does not say (Windows)."""
    status = Path("/proc/self/status")
    if status.is_file():  # not getrusage: Linux hands its figure down from the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes
