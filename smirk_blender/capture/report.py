"""The report of a take: a sheet of overlays and the curves that an animator reads."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..clean.quality import Quality, quality
from ..flame import Head
from ..flame.measures import face_measures
from ..flame.rotations import quaternions_from_axis_angle
from ..take import Take
from ..take.take import NUM_LANDMARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_PICTURES = 8
CHUNK_FRAMES = 64
COLORS = {"L": "#2a7fd4", "R": "#e0762f", "one": "#3f9e58"}
GAP_COLOR, MOMENT_COLOR = "#d64545", "#808080"
RAW_ALPHA = 0.45
LINES_A_COLUMN, COLUMN_WIDTH = 5, 0.45  # of the sheet
# The rows of curves, and the group whose spikes each shows.
SPIKE_GROUPS = {"Jaw open": "jaw", "Lids": "lids", "Smile": "expression", "Brows": "expression", "Head": "head"}
ROWS = tuple(SPIKE_GROUPS)


class Curves(NamedTuple):
    """A row of curves: (values (T,), color) by label."""

    title: str
    unit: str
    curves: dict[str, tuple[np.ndarray, str]]


def choose_frames(take: Take) -> list[int]:
    """Return the rows shown on the sheet: spread evenly from the first to the last."""
    return np.unique(np.linspace(0, len(take) - 1, NUM_PICTURES).astype(int)).tolist()


def solved_measures(take: Take, head: Head) -> dict[str, np.ndarray]:
    """Return `face_measures` of the solved face, facing forward, each (T,); empty where the head has no landmarks."""
    if head.landmarks is None:
        return {}
    rows = []
    for start in range(0, len(take), CHUNK_FRAMES):
        parameters = take.head_parameters(slice(start, start + CHUNK_FRAMES)) | {"head_pose": None}
        points = head.landmarks.points(head.vertices(**parameters))
        placed = np.full((len(points), NUM_LANDMARKS, 3), np.nan, np.float32)
        placed[:, head.landmarks.indices] = points
        rows.append(face_measures(placed))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def write_report(
    take: Take, head: Head, pictures: dict[int, np.ndarray], path: Path, cleaned: Take | None = None
) -> None:
    """Write the sheet as a PNG: pictures, the take's quality in numbers, its curves; pale as solved, full as cleaned.

    Args:
        pictures: (H, W, 3) uint8 BGR by row of the take.
        cleaned: the same frames after the clean-up, see `clean.quality`; none where the take is not cleaned.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = quality(take, head, cleaned)
    figure = Figure(figsize=(16, 14), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"{take.source.name} · {len(take)} frames at {float(take.fps):.3f} fps · {(~take.gap).sum()} with a face · "
        f"solver {take.solver} on {head.name} · confidence {np.mean(take.confidence):.2f}",
        fontsize=13,
        parse_math=False,  # a file name may hold dollar signs
    )
    columns = NUM_PICTURES // 2
    grid = figure.add_gridspec(8, columns, height_ratios=[1.7, 1.7, 0.85, 1, 1, 1, 1, 1])
    for place, (row, picture) in enumerate(sorted(pictures.items())):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        axes.imshow(picture[..., ::-1])
        title = f"frame {take.first_frame + row}" + ("  (no face)" if take.gap[row] else "")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    _write_lines(figure.add_subplot(grid[2, :]), found.lines())
    video_frames = take.first_frame + np.arange(len(take))
    share = None
    measures = solved_measures(take, head)
    rest = {name: float(np.median(values)) for name, values in measures.items()}
    before, after = _curves(take, measures, rest), [None] * len(ROWS)
    if cleaned is not None:
        after = _curves(cleaned, solved_measures(cleaned, head), rest)
    for row in range(len(ROWS)):
        share = axes = figure.add_subplot(grid[row + 3, :], sharex=share)
        _draw_curves(axes, video_frames, before[row], after[row])
        _mark(axes, found, ROWS[row])
    share.set_xlabel("video frame" + _legend_of_marks(found))
    figure.savefig(path)


def _write_lines(axes: "Axes", lines: list[str]) -> None:
    """Write lines in columns."""
    axes.axis("off")
    for column, start in enumerate(range(0, len(lines), LINES_A_COLUMN)):
        text = "\n".join(lines[start : start + LINES_A_COLUMN])
        at = (column * COLUMN_WIDTH + 0.01, 1.0)
        axes.text(*at, text, fontsize=10, va="top", transform=axes.transAxes, linespacing=1.4)


def _draw_curves(axes: "Axes", video_frames: np.ndarray, before: Curves, now: Curves | None) -> None:
    marker = "o" if len(video_frames) == 1 else None  # a line of one point is not seen
    for label, (values, color) in before.curves.items():
        if now is None:
            axes.plot(video_frames, values, label=label, color=color, linewidth=1.4, marker=marker)
            continue
        axes.plot(video_frames, values, color=color, linewidth=0.9, alpha=RAW_ALPHA, marker=marker)
        axes.plot(video_frames, now.curves[label][0], label=label, color=color, linewidth=1.5, marker=marker)
    axes.set_ylabel(f"{before.title}\n{before.unit}", fontsize=9)
    axes.grid(alpha=0.25)
    if before.curves:
        axes.legend(loc="upper right", fontsize=8, ncols=3)
    else:
        axes.text(0.5, 0.5, "not known: this head has no landmarks", transform=axes.transAxes, ha="center", va="center")
    axes.margins(x=0.005)


def _mark(axes: "Axes", found: Quality, row: str) -> None:
    """Mark gaps, and what was found of the things that a row of curves shows: spikes, blinks, lip closures."""
    for first, last in found.gaps:
        axes.axvspan(first - 0.5, last + 0.5, color=GAP_COLOR, alpha=0.25, linewidth=0)
    for first, last in {"Lids": found.blinks + found.winks, "Jaw open": found.closures}.get(row, ()):
        axes.axvspan(first - 0.5, last + 0.5, color=MOMENT_COLOR, alpha=0.18, linewidth=0)
    spikes = found.solved.spikes.get(SPIKE_GROUPS[row], ())
    axes.plot(spikes, np.full(len(spikes), 0.04), "x", color=GAP_COLOR, transform=axes.get_xaxis_transform())


def _legend_of_marks(found: Quality) -> str:
    marks = [
        ("pale: as solved", found.cleaned is not None),
        ("red: no face found", bool(found.gaps)),
        ("red crosses: spikes", any(found.solved.spikes.get(group) for group in SPIKE_GROUPS.values())),
        ("grey: blinks, lip closures", bool(found.blinks or found.winks or found.closures)),
    ]
    said = [text for text, there in marks if there]
    return f"   ({'; '.join(said)})" if said else ""


def _curves(take: Take, measures: dict[str, np.ndarray], rest: dict[str, float]) -> list[Curves]:
    """Return the curves of each of ROWS; smile and brows count from their `rest`."""
    percent = {name: 100.0 * (values - rest[name]) for name, values in measures.items()}
    both = lambda name: {side: (percent[f"{name}_{side}"], COLORS[side]) for side in "LR"} if percent else {}
    jaw = {"jaw": (np.degrees(take.jaw_pose[:, 0]), COLORS["one"])}
    if percent:
        jaw["lip gap, % of eye distance"] = (100.0 * measures["lip_gap"], COLORS["L"])
    lids = {side: (take.eyelid[:, column], COLORS[side]) for column, side in enumerate("LR")}
    pitch, yaw, roll = _euler_degrees(take.head_pose)
    head_turn = {"pitch": (pitch, COLORS["L"]), "yaw": (yaw, COLORS["R"]), "roll": (roll, COLORS["one"])}
    relative = "% of eye distance"
    units = ("degrees", "0 open, 1 shut", relative, relative, "degrees")
    return [Curves(*row) for row in zip(ROWS, units, (jaw, lids, both("smile"), both("brow"), head_turn))]


def _euler_degrees(head_pose: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pitch, yaw and roll, (T,) degrees each: turns about x, y and z, applied in the order z, x, y."""
    w, x, y, z = quaternions_from_axis_angle(head_pose).T
    pitch = np.arcsin(np.clip(2 * (w * x - y * z), -1, 1))
    yaw = np.arctan2(2 * (w * y + x * z), 1 - 2 * (x * x + y * y))
    roll = np.arctan2(2 * (w * z + x * y), 1 - 2 * (x * x + z * z))
    return tuple(np.degrees(angle) for angle in (pitch, yaw, roll))
