"""Live Link Face's CSV files: ARKit curves in and out.

A row a frame: its timecode, how many values follow, the 52 weights, and three angles each of the head and the eyes.
The weights stand in another order than ARKit's: right before left where the jaw or the whole mouth goes to a side.
Files are read by the columns' names, and written so that readers which go by their places get them right too.
"""

import csv
import io
import math
import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import RetargetError
from ..flame.rotations import axis_angle_from_matrices, continuous_axis_angle, matrices_from_axis_angle
from ..partial import written_whole
from ..take.fill import fill_gaps
from .arkit import ARKIT_NAMES, ENOUGH_NAMES, matched_names
from .arkit_curves import INDEX, ArkitCurves
from .resample import WHOLE_FRAME

SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
FILE_NAMES = tuple(SWAPPED.get(name, name) for name in ARKIT_NAMES)  # the weights in the file's order
ANGLES = tuple(f"{what}{angle}" for what in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))
TIMECODE, COUNT = "Timecode", "BlendshapeCount"
HEADER = (TIMECODE, COUNT, *(name[0].upper() + name[1:] for name in FILE_NAMES), *ANGLES)
NUM_VALUES = len(FILE_NAMES) + len(ANGLES)
# Of yaw, pitch and roll: our turns about +y, +x and +z. No document says which way they go, and apps differ; so does
# Faceit read them, and so does Unreal's order of turns (roll first, yaw last) have them.
SIGNS = np.array([-1.0, -1.0, -1.0])
USUAL_RATES = (24, 25, 30, 48, 50, 60, 100, 120)
APP_RATE = 60  # of the app's timecode where the file is too short to tell
TIMECODE_FORM = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+)(\.\d+)?")
DAY_S = 86400
FEW_ROWS = 10  # a file of fewer does not tell whether every frame has a row


def write_live_link(curves: ArkitCurves, path: str | os.PathLike) -> Path:
    """Write curves as a CSV file; return the path. Angles are radians, the timecode runs from the first frame's time.

    Raises:
        RetargetError: the file cannot be written.
    """
    path = Path(path)
    weights = curves.weights[:, [INDEX[name] for name in FILE_NAMES]]
    turns = [curves.head, curves.eyes[:, :3], curves.eyes[:, 3:]]
    values = np.concatenate([weights, *(_angles(turn) for turn in turns)], axis=1)
    rows = [
        [timecode, NUM_VALUES, *(f"{value:.7f}" for value in row)]
        for timecode, row in zip(_timecodes(curves.time_s, curves.fps), values)
    ]
    try:
        with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    except OSError as error:
        raise RetargetError(
            f"Cannot write {path}: {error.strerror or error}. Choose a folder that you may write to"
        ) from error
    return path


def read_live_link(
    path: str | os.PathLike, *, fps: Fraction | None = None, degrees: bool | None = None
) -> ArkitCurves:
    """Return what a CSV file holds. Rows without values (no face was seen) are left out; the times of others stay.

    Args:
        path: of the file.
        fps: the true rate; None for what the timecodes tell: whole frames per second, 60 where they do not.
        degrees: whether its angles are degrees; None for: where one is greater than half a turn in radians.
    Raises:
        RetargetError: no such file, not one of Live Link Face's, or a row that cannot be read.
    """
    path = Path(path)
    table = _table(path)
    columns = _Columns.of(table[0], path)
    rows = [columns.read(cells, f"row {number} of {path}") for number, cells in enumerate(table[1:], start=2)]
    rows = [row for row in rows if row]
    if not rows:
        raise RetargetError(f"{path} has no row with a face in it. Choose another recording")
    timecodes, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    time_s, fps = _times(timecodes, fps)
    time_s, last = np.unique(time_s[::-1], return_index=True)  # in order; of a time that comes twice the later row
    values = values[::-1][last]
    turns = _known(values[:, len(ARKIT_NAMES) :])
    if degrees is None:
        degrees = bool(np.any(np.abs(turns) > np.pi))
    turns = np.radians(turns) if degrees else turns
    head, left, right = (_turns(turns[:, first : first + 3]) for first in (0, 3, 6))
    return ArkitCurves(
        weights=values[:, : len(ARKIT_NAMES)],
        head=head,
        eyes=np.concatenate([left, right], axis=1),
        time_s=time_s - time_s[0],
        fps=fps,
        missing=columns.missing,
    )


# --- the table ---


@dataclass(frozen=True)
class _Columns:
    """Which column holds what: -1 for none. `values` has the 52 weights' and the nine angles'."""

    timecode: int
    count: int
    values: tuple[int, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, header: list[str], path: Path) -> "_Columns":
        place = {cell.strip().lower(): column for column, cell in reversed(list(enumerate(header)))}
        found = matched_names(cell.strip() for cell in header)
        if TIMECODE.lower() not in place or len(found) < ENOUGH_NAMES:
            begins = ", ".join(header[:4])
            raise RetargetError(
                f"{path} is no CSV of Live Link Face: its first row has no column {TIMECODE}, or too few of ARKit's "
                f"names (it begins with {begins[:80]!r}). Choose the file ending in .csv that the app saved"
            )
        names = [found.get(name, "").lower() for name in ARKIT_NAMES] + [angle.lower() for angle in ANGLES]
        return cls(
            timecode=place[TIMECODE.lower()],
            count=place.get(COUNT.lower(), -1),
            values=tuple(place[name] if name in place and name else -1 for name in names),
            missing=tuple(name for name in ARKIT_NAMES if name not in found),
        )

    def read(self, cells: list[str], where: str) -> tuple[tuple[float, float, float], list[float]] | None:
        """Return a row's timecode (whole seconds, frame, part of one) and values; None where it holds no face.

        Raises:
            RetargetError: a cell that is neither empty nor a number.
        """
        cells = [cell.strip() for cell in cells]
        if max(self.timecode, self.count) >= len(cells) or not any(cells):
            return None
        if self.count >= 0 and not _number(cells[self.count], f"{COUNT} in {where}", empty=0.0):
            return None
        cells += [""] * (1 + max(self.values) - len(cells))
        match = TIMECODE_FORM.fullmatch(cells[self.timecode])
        if match is None:
            raise RetargetError(
                f"The timecode {cells[self.timecode]!r} in {where} is not of the form HH:MM:SS:FF.mmm. "
                "Export the recording again, or mend that row"
            )
        hours, minutes, seconds, frame = map(int, match.groups()[:4])
        timecode = (3600.0 * hours + 60 * minutes + seconds, float(frame), float(match[5] or 0.0))
        columns = (*ARKIT_NAMES, *ANGLES)
        values = [
            _number(cells[column], f"{name} in {where}") if column >= 0 else 0.0
            for name, column in zip(columns, self.values)
        ]
        return (timecode, values) if all(map(math.isfinite, values[: len(ARKIT_NAMES)])) else None


def _number(text: str, where: str, *, empty: float = math.nan) -> float:
    try:
        return float(text) if text else empty
    except ValueError as error:
        raise RetargetError(
            f"{text!r} for {where} is not a number. Export the recording again, with points in its numbers"
        ) from error


def _table(path: Path) -> list[list[str]]:
    """Return the file's rows, the header first."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets save with others
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except OSError as error:
        raise RetargetError(f"Cannot read {path}: {error.strerror or error}. Choose a CSV of Live Link Face") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RetargetError(f"{path} is not a CSV file ({error}). Choose one of Live Link Face") from error
    if not rows:
        raise RetargetError(f"{path} is empty. Choose a CSV of Live Link Face")
    return rows


# --- times ---


def _times(timecodes: np.ndarray, fps: Fraction | None) -> tuple[np.ndarray, Fraction]:
    """Return times (N,), seconds, and the rate, of timecodes (N, 3): seconds, frame, and part of a frame.

    A timecode counts whole frames: its second 1 is frame 30 of a file of 29.97 frames per second.
    """
    seconds, frame, part = timecodes.T
    seconds = seconds + DAY_S * np.cumsum(np.round(-np.diff(seconds, prepend=seconds[0]) / DAY_S))  # midnight
    nominal = math.ceil(fps) if fps and frame.max() < math.ceil(fps) else _nominal_rate(seconds, frame)
    milliseconds = len(part) > 2 and np.ptp(part) > 0 and np.all(np.abs(part * nominal - frame) < 1.0)
    counted = seconds * nominal + frame + (0.0 if milliseconds else part)  # some write thousandths of the second there
    fps = fps or Fraction(nominal, _frames_a_row(np.unique(counted)))
    return counted / nominal * (math.ceil(fps) / float(fps)), fps


def _nominal_rate(seconds: np.ndarray, frame: np.ndarray) -> int:
    """Return the least usual rate that these frames fit, where a second was seen to end, else the app's."""
    if seconds.min() == seconds.max():
        return next((rate for rate in USUAL_RATES if rate >= APP_RATE and rate > frame.max()), int(frame.max()) + 1)
    return next((rate for rate in USUAL_RATES if rate > frame.max()), int(frame.max()) + 1)


def _frames_a_row(counted: np.ndarray) -> int:
    """Return how many of the timecode's frames there are to a row, for timecodes that run faster than the camera."""
    steps = np.round(np.diff(counted)).astype(int)
    if len(counted) < FEW_ROWS:
        return 1
    usual = int(np.median(steps))
    return usual if usual > 0 and np.all(steps % usual == 0) else 1


def _timecodes(time_s: np.ndarray, fps: Fraction) -> list[str]:
    """Return HH:MM:SS:FF.mmm of each time (T,), where seconds are of as many whole frames as the rate is rounded up."""
    nominal = math.ceil(fps)
    frames = time_s * float(fps)
    counted = np.round(frames - frames[0])
    if np.all(np.abs(frames - frames[0] - counted) < WHOLE_FRAME):
        frames = np.round(frames[0]) + counted
    thousandths = np.round(1000.0 * frames).astype(np.int64)
    codes = []
    for value in thousandths.tolist():
        frames, part = divmod(value, 1000)
        seconds, frame = divmod(frames, nominal)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        codes.append(f"{hours % 24:02d}:{minute:02d}:{second:02d}:{frame:02d}.{part:03d}")
    return codes


# --- angles ---


def _known(angles: np.ndarray) -> np.ndarray:
    """Return angles (N, 9), those that a row lacks filled from the rows beside it; 0 where none has them."""
    known = np.isfinite(angles).all(axis=1)
    return fill_gaps(angles[known], ~known) if known.any() else np.zeros_like(angles)


def _angles(turns: np.ndarray) -> np.ndarray:
    """Return yaw, pitch and roll (T, 3), radians, as the file has them, of axis-angles (T, 3)."""
    matrices = matrices_from_axis_angle(turns)
    pitch = np.arcsin(np.clip(-matrices[:, 1, 2], -1.0, 1.0))
    yaw = np.arctan2(matrices[:, 0, 2], matrices[:, 2, 2])
    roll = np.arctan2(matrices[:, 1, 0], matrices[:, 1, 1])
    return SIGNS * np.column_stack([yaw, pitch, roll])


def _turns(angles: np.ndarray) -> np.ndarray:
    """Return axis-angles (T, 3) that do not jump, of angles as the file has them; the inverse of `_angles`."""
    yaw, pitch, roll = (SIGNS * angles).T
    about = lambda axis, angle: matrices_from_axis_angle(angle[:, None] * np.eye(3)[axis])
    return continuous_axis_angle(axis_angle_from_matrices(about(1, yaw) @ about(0, pitch) @ about(2, roll)))
