"""One face's way through a solve: what is seen of it goes to its solver, and comes back as a take or parts of one."""

import time
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..take import Take, save_take
from ..take.fill import fill_gaps
from ..take.take import NUM_LANDMARKS
from .confidence import landmark_confidence
from .decode import MAX_FPS_DENOMINATOR
from .footage import Reader
from .protocol import Part
from .solvers import Solved, Solver
from .watch import Found, StageClock

LIVE_EVERY_S = 0.4  # between two parts
VARIABLE_FRAMES = 0.5  # a frame this far from its place at a constant rate makes the clip one of variable rate
PER_FRAME = tuple(item.name for item in fields(Solved) if item.name not in ("shape", "frame_shape"))


@dataclass(frozen=True)
class Origin:
    """Where a solve's takes come from: the footage, the video's frame that starts it, and the landmark models' name."""

    reader: Reader
    first_frame: int
    landmark_model: str


class Performer:
    """A face, its solver, and everything that was seen of it.

    Attributes:
        face: its number in the roster; 0 where nobody was told apart.
        solver: its own.
        gap: a bool a frame, True where it was not seen.
    """

    def __init__(self, face: int, solver: Solver, origin: Origin, clock: StageClock) -> None:
        self.face, self.solver = face, solver
        self.gap: list[bool] = []
        self._origin, self._clock = origin, clock
        self._times: list[float] = []
        self._landmarks: list[np.ndarray] = []  # of the frames that show the face, as are transforms
        self._transforms: list[np.ndarray] = []
        self._crops: list[np.ndarray] = []  # that the solver has not yet
        self._num_given = 0  # frames up to which the solver has all crops
        self._num_told = 0  # frames that are in parts
        self._last_part: Take | None = None
        self._num_parts, self._part_time = 0, time.perf_counter()

    @property
    def num_seen(self) -> int:
        return len(self._landmarks)

    def add(self, time_s: float, found: Found | None) -> None:
        """Take the next frame."""
        self._times.append(time_s)
        self.gap.append(found is None)
        if found is not None:
            self._landmarks.append(found.landmarks)
            self._transforms.append(found.transform)
            if found.crop is not None:
                self._crops.append(found.crop)
        if len(self._crops) >= max(self.solver.batch_size, 1):
            self.flush()
        if not self._crops:
            self._num_given = len(self.gap)

    def flush(self) -> None:
        """Give the solver the crops that wait."""
        if self._crops:
            with self._clock.stage("encoder"):
                self.solver.add(np.stack(self._crops))
            self._crops.clear()
        self._num_given = len(self.gap)

    def part(self, folder: Path, *, at_once: bool = False) -> Part | None:
        """Write the frames since the last part as the next; None while it is too early, or the face was never seen.

        Args:
            folder: for the part's file.
            at_once: however short the last one is ago.
        """
        rows = slice(self._num_told, self._num_given)
        due = at_once or time.perf_counter() - self._part_time >= LIVE_EVERY_S
        if not due or rows.start == rows.stop or all(self.gap[: rows.stop]):
            return None
        with self._clock.stage("live"):
            take = self._told(rows)
            path = folder / f"part_{self.face}_{self._num_parts:05d}.take.npz"
            save_take(take, path, compress=False)
        self._last_part, self._num_told = take, rows.stop
        self._num_parts += 1
        self._part_time = time.perf_counter()
        return Part(str(path), take.first_frame, len(take), self.face)

    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all landmarks (K, 478, 3) and transforms (K, 3, 3), and let go of them: long clips hold them once."""
        stacked = np.stack(self._landmarks), np.stack(self._transforms)
        self._landmarks.clear()
        self._transforms.clear()
        return stacked

    def take(self, solved: Solved, landmarks: np.ndarray, transforms: np.ndarray) -> Take:
        """Return the take: the solved frames in their places, gaps filled and marked."""
        gap = np.array(self.gap)
        return self._assembled(slice(0, len(gap)), gap, solved, landmarks, transforms)

    def _told(self, rows: slice) -> Take:
        """Return a part; a gap at its start is filled from the part before, or if there is none from the first face."""
        gap = np.array(self.gap[rows])
        first = rows.start - sum(self.gap[: rows.start])  # of the frames with a face
        seen = slice(first, first + int((~gap).sum()))
        if gap.all():
            last = self._last_part
            held = {name: getattr(last, name)[:0] for name in PER_FRAME}
            solved = Solved(last.shape, **held)
            landmarks, transforms = np.empty((0, NUM_LANDMARKS, 3), np.float32), np.empty((0, 3, 3))
        else:
            landmarks, transforms = np.stack(self._landmarks[seen]), np.stack(self._transforms[seen])
            solved = self.solver.so_far(landmarks, transforms)
        return self._assembled(rows, gap, solved, landmarks, transforms)

    def _assembled(
        self, rows: slice, gap: np.ndarray, solved: Solved, landmarks: np.ndarray, transforms: np.ndarray
    ) -> Take:
        before = self._last_part if rows.start else None
        filled = {name: _filled(name, getattr(solved, name), gap, before) for name in PER_FRAME}
        all_landmarks = np.full((len(gap), NUM_LANDMARKS, 3), np.nan, np.float32)
        all_landmarks[~gap] = landmarks
        confidence = np.zeros(len(gap), np.float32)
        if len(landmarks):
            confidence[~gap] = landmark_confidence(landmarks)
        reader, solver = self._origin.reader, self.solver
        return Take(
            **filled,
            crop_transform=_filled("crop_transform", transforms, gap, before),
            neck_pose=np.zeros((len(gap), 3), np.float32),  # the whole turn is in head_pose, as SMIRK has it
            landmarks=all_landmarks,
            confidence=confidence,
            gap=gap,
            time_s=np.array(self._times[rows]),
            shape=solved.shape,
            frame_shape=None if solved.frame_shape is None else fill_gaps(solved.frame_shape, gap),
            fps=_grid_fps(reader.fps, np.array(self._times)),
            source=reader.source(),
            solver=solver.name,
            models=solver.models | {"landmarks": self._origin.landmark_model},
            expression_names=solver.expression_names,
            first_frame=self._origin.first_frame + rows.start,
        )


def _filled(name: str, values: np.ndarray, gap: np.ndarray, before: Take | None) -> np.ndarray:
    """Return a row a frame; a gap at the start is filled from the part before, if there is one, to the first row."""
    if before is None:
        return fill_gaps(values, gap)
    known = np.concatenate([getattr(before, name)[-1:], values])
    return fill_gaps(known, np.concatenate([[False], gap]))[1:]


def _grid_fps(stated: Fraction, time_s: np.ndarray) -> Fraction:
    """Return the rate that the frames keep to: the stated one, or where that is only their average, the usual one."""
    since_first_s = time_s - time_s[0]
    if len(time_s) < 3 or np.abs(since_first_s * float(stated) - np.arange(len(time_s))).max() <= VARIABLE_FRAMES:
        return stated
    return Fraction(1.0 / float(np.median(np.diff(time_s)))).limit_denominator(MAX_FPS_DENOMINATOR)
