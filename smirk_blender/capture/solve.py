"""A video solved into a take: decoding and landmarks in one thread, the solver in another, bounded queues between."""

import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SmirkError, TakeError, VideoError
from ..flame import BUILTIN_HEAD
from ..take import Take, save_take
from ..take.fill import gap_ranges
from .decode import Frame
from .face_mesh import FaceMesh, open_face_mesh
from .footage import COUNT_SLACK, Footage, Reader
from .memory import peak_memory_mb
from .performer import Origin, Performer
from .protocol import Done, Loading, Message, Progress, Warned
from .roster import MAX_FACES, Recognizer, Roster, load_roster
from .solvers import Solved, Solver, open_solver
from .steady import SteadyCrops
from .watch import POLL_S, StageClock, watch

ALL_FACES = "all"
TAKE_SUFFIX = ".take.npz"


@dataclass(frozen=True)
class SolveOptions(Footage):
    """How to solve; every default works with nothing but this package.

    Attributes:
        sequence, images, image_fps, first_frame, last_frame: see `Footage`.
        solver: "smirk", "landmarks", or None for SMIRK's where there are weights.
        head: "builtin" or a FLAME model file.
        eyelids: folder with SMIRK's eyelid shapes and landmark embedding.
        weights: SMIRK's checkpoint.
        landmark_model: MediaPipe's face_landmarker.task; None for the models inside its wheel.
        device: "cuda", "mps", "cpu", or None for the best that is there.
        live_folder: where parts of the take are written meanwhile; None for no parts.
        people: the roster that `people.find_people` has written.
        face: whose take it is, a number in the roster; "all" for one take of everybody; None where there is one face.
        smooth_crops: whether what SMIRK's encoder sees is cropped steadily, by some frames ahead and back; the landmark
            solver sees no crops.
    """

    solver: str | None = None
    head: str = BUILTIN_HEAD
    eyelids: str | None = None
    weights: str | None = None
    landmark_model: str | None = None
    device: str | None = None
    live_folder: str | None = None
    people: str | None = None
    face: int | str | None = None
    smooth_crops: bool = False


def solve_video(
    video_path: str | os.PathLike,
    take_path: str | os.PathLike,
    options: SolveOptions = SolveOptions(),
    *,
    finish: threading.Event | None = None,
) -> Iterator[Message]:
    """Solve a video into a take file, yielding messages; the last is `Done`.

    With the option face "all" there is a take of everybody: x_face1.take.npz and so on for x.take.npz. Closing the
    generator stops the solve between two frames and leaves no take. Setting `finish` meanwhile makes it a take of the
    frames so far.
    Raises:
        SmirkError: bad input or a file that cannot be written; the message is for the user.
    """
    reader = options.open(video_path)
    face_mesh = None
    try:
        _check_writable(Path(take_path).parent)
        roster = _open_roster(options, reader)
        yield Loading("Loading the landmark model")
        if roster is None or roster.most_at_once == 1 == len(roster.persons):
            face_mesh = open_face_mesh(options.landmark_model)
        else:
            most = min(roster.most_at_once + 1, MAX_FACES)  # between two looks somebody may pass by
            face_mesh = open_face_mesh(options.landmark_model, max_faces=most)
        yield Loading(f"Loading the {options.solver or ('smirk' if options.weights else 'landmarks')} solver")
        faces = _chosen_faces(options, roster)
        solvers = [_open_solver(options) for _ in faces]
        yield from (Warned(sentence) for sentence in (*reader.warnings, *solvers[0].warnings))
        pairs = dict(zip(faces, solvers))
        yield from _solve(reader, face_mesh, pairs, roster, Path(take_path), options, finish or threading.Event())
    finally:
        reader.close()
        if face_mesh is not None:
            face_mesh.close()


def _solve(
    reader: Reader,
    face_mesh: FaceMesh,
    solvers: dict[int, Solver],
    roster: Roster | None,
    take_path: Path,
    options: SolveOptions,
    finish: threading.Event,
) -> Iterator[Message]:
    start, clock = time.perf_counter(), StageClock()
    origin = Origin(reader, options.first_frame, face_mesh.name)
    performers = [Performer(face, solver, origin, clock) for face, solver in solvers.items()]
    num_frames = yield from _watch_all(reader, face_mesh, performers, roster, options, clock, finish)
    seen = [performer for performer in performers if performer.num_seen]
    if not seen:
        if finish.is_set():
            raise VideoError(
                f"Finished after {num_frames} frames of {reader.path.name}, before a face was seen. "
                "Let it run longer, or begin where the face is seen"
            )
        raise _nobody(reader, num_frames, roster, options)
    for performer in performers:
        yield from (Warned(sentence) for sentence in _gap_sentences(performer, reader, options))
    total, fitted, takes = sum(performer.num_seen for performer in seen), 0, {}
    for performer in seen:
        num_seen = performer.num_seen
        landmarks, transforms = performer.seen()
        with clock.stage("fit" if performer.solver.batch_size == 0 else "finish"):
            solved = yield from _finished(performer.solver, landmarks, transforms, fitted, total)
        take = performer.take(solved, landmarks, transforms)
        path = take_path_of(take_path, performer.face) if options.face == ALL_FACES else take_path
        takes[path] = take
        fitted += num_seen
    _save_all(takes)
    elapsed_s = time.perf_counter() - start
    yield Done(
        paths=[str(path) for path in takes],
        num_frames=num_frames,
        num_faces=total,
        fps=num_frames / elapsed_s,
        stage_fps={name: num_frames / seconds for name, seconds in clock.seconds.items() if name != "finish"},
        peak_memory_mb=peak_memory_mb(),
    )


def _watch_all(
    reader: Reader,
    face_mesh: FaceMesh,
    performers: Sequence[Performer],
    roster: Roster | None,
    options: SolveOptions,
    clock: StageClock,
    finish: threading.Event,
) -> Iterator[Message]:
    """Take every performer through the footage, yielding progress and parts; return how many frames there were."""
    stated, num_frames, last_progress = options.num_frames(reader), 0, 0.0
    find = _finder(face_mesh, roster, [performer.face for performer in performers])
    wants_crops = performers[0].solver.batch_size > 0
    live_folder = None if options.live_folder is None else Path(options.live_folder)
    steady = SteadyCrops(float(reader.fps)) if options.smooth_crops and wants_crops else None
    for sighting in watch(options.frames(reader), find, wants_crops, clock, steady=steady):
        num_frames += 1
        for performer, found in zip(performers, sighting.faces, strict=True):
            performer.add(sighting.time_s, found)
            if live_folder is not None and (part := performer.part(live_folder)):
                yield part
        if time.perf_counter() - last_progress > POLL_S:
            last_progress = time.perf_counter()
            yield Progress(num_frames, stated if stated >= num_frames else 0)
        if finish.is_set():
            break
    for performer in performers:
        performer.flush()
        if live_folder is not None and (part := performer.part(live_folder, at_once=True)):
            yield part
    yield Progress(num_frames, num_frames)
    if num_frames < stated - COUNT_SLACK and not finish.is_set():
        yield Warned(
            f"{reader.path.name} states {reader.num_frames} frames, but only {options.first_frame + num_frames} "
            "could be decoded. It may be damaged: play it to its end, or convert it again"
        )
    return num_frames


def _finder(
    face_mesh: FaceMesh, roster: Roster | None, faces: Sequence[int]
) -> Callable[[Frame], Sequence[np.ndarray | None]]:
    """Return what finds these faces' landmarks in a frame."""
    if roster is None:
        return lambda frame: (face_mesh.find(frame.rgb, frame.time_s),)
    recognizer = Recognizer(roster)

    def find(frame: Frame) -> list[np.ndarray | None]:
        faces_found = face_mesh.find_all(frame.rgb, frame.time_s)
        everybody = recognizer.assign(faces_found, frame.video_frame, frame.rgb)
        return [everybody[face] for face in faces]

    return find


def _save_all(takes: dict[Path, Take]) -> None:
    """Write the takes, or where one cannot be written none."""
    saved = []
    try:
        for path, take in takes.items():
            saved.append(save_take(take, path))
    except BaseException:
        for path in saved:
            with suppress(OSError):  # the first error is the one to tell
                path.unlink()
        raise


def take_path_of(take_path: Path, face: int) -> Path:
    """Return where somebody's take goes when everybody's is made: x.take.npz -> x_face1.take.npz for face 0."""
    suffix = TAKE_SUFFIX if take_path.name.endswith(TAKE_SUFFIX) else take_path.suffix
    return take_path.with_name(f"{take_path.name.removesuffix(suffix)}_face{face + 1}{suffix}")


def _open_solver(options: SolveOptions) -> Solver:
    return open_solver(
        options.solver, head=options.head, eyelids=options.eyelids, weights=options.weights, device=options.device
    )


def _open_roster(options: SolveOptions, reader: Reader) -> Roster | None:
    """Return who is in the footage; None where nobody has to be told apart."""
    if options.face is None:
        return None
    if options.people is None:
        raise SmirkError(f"Nobody knows yet who face {options.face} is. Find the faces in {reader.path.name} first")
    roster = load_roster(options.people)
    if roster.size_px != (reader.width_px, reader.height_px):
        raise VideoError(
            f"The faces were found in footage of {roster.size_px[0]} x {roster.size_px[1]} pixels, but "
            f"{reader.path.name} has {reader.width_px} x {reader.height_px}. Find the faces again"
        )
    if options.face != ALL_FACES and options.face not in range(len(roster.persons)):
        raise VideoError(
            f"There is no face {options.face} in {reader.path.name}: {len(roster.persons)} were found, counted from 0. "
            "Choose one of them"
        )
    return roster


def _chosen_faces(options: SolveOptions, roster: Roster | None) -> list[int]:
    if roster is None:
        return [0]
    return list(range(len(roster.persons))) if options.face == ALL_FACES else [options.face]


def _nobody(reader: Reader, num_frames: int, roster: Roster | None, options: SolveOptions) -> VideoError:
    where = f"in any of the {num_frames} frames of {reader.path.name}"
    if options.first_frame:
        where += f" from {options.first_frame} on"
    if roster is None:
        return VideoError(
            f"No face {where}. Choose a clip that shows one face larger than a tenth of the picture, "
            "lit and not turned away"
        )
    who = "None of the faces is seen" if options.face == ALL_FACES else f"Face {options.face + 1} is not seen"
    return VideoError(f"{who} {where}. Choose another face or a longer range, or find the faces again")


def _gap_sentences(performer: Performer, reader: Reader, options: SolveOptions) -> Iterator[str]:
    """Yield what the user should know of the frames in which a face was not seen."""
    who = "No face" if options.face is None else f"Face {performer.face + 1} is not seen"
    if not performer.num_seen:
        yield f"{who} in any of the {len(performer.gap)} frames of {reader.path.name}; it gets no take"
        return
    for first, last in gap_ranges(np.array(performer.gap)):
        first, last = first + options.first_frame, last + options.first_frame
        frames = f"frame {first}" if first == last else f"frames {first}-{last}"
        what = f"{who} in {frames} of {reader.path.name}"
        yield f"{what}; filled from the neighbours. Trim the clip, or mend them by hand"


def _finished(
    solver: Solver, landmarks: np.ndarray, transforms: np.ndarray, fitted: int, total: int
) -> Iterator[Message]:
    """Run the solver's last part in a thread, so that its progress comes out as messages; return what it solved.

    Progress is of all faces: `fitted` frames of `total` are behind other solvers.
    """
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
            yield Progress(fitted + item, total, "fit")
    finally:
        stop.set()
        thread.join()
    if isinstance(item, Exception):
        raise item
    return item


def _check_writable(folder: Path) -> None:
    """Raise TakeError now rather than after the solve."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TakeError(
            f"Cannot write to the folder {folder}: {error.strerror or error}. Choose another output folder"
        ) from error
