"""The report of a take: a sheet of overlays and the curves that an animator reads."""

from pathlib import Path

import numpy as np

from ..flame import Head
from ..flame.measures import face_measures
from ..flame.rotations import quaternions_from_axis_angle
from ..take import Take
from ..take.fill import gap_ranges
from ..take.take import NUM_LANDMARKS

NUM_PICTURES = 8
CHUNK_FRAMES = 64
COLORS = {"L": "#2a7fd4", "R": "#e0762f", "one": "#3f9e58"}
GAP_COLOR = "#d64545"


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


def write_report(take: Take, head: Head, pictures: dict[int, np.ndarray], path: Path) -> None:
    """Write the sheet as a PNG.

    Args:
        pictures: (H, W, 3) uint8 BGR by row of the take.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 13), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    found = int((~take.gap).sum())
    figure.suptitle(
        f"{take.source.name} · {len(take)} frames at {float(take.fps):.3f} fps · {found} with a face · "
        f"solver {take.solver} on {head.name} · confidence {np.mean(take.confidence):.2f}",
        fontsize=13,
        parse_math=False,  # a file name may hold dollar signs
    )
    columns = NUM_PICTURES // 2
    grid = figure.add_gridspec(7, columns, height_ratios=[1.7, 1.7, 1, 1, 1, 1, 1])
    for place, (row, picture) in enumerate(sorted(pictures.items())):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        axes.imshow(picture[..., ::-1])
        title = f"frame {take.first_frame + row}" + ("  (no face)" if take.gap[row] else "")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    video_frames = take.first_frame + np.arange(len(take))
    marker = "o" if len(take) == 1 else None  # a line of one point is not seen
    share = None
    for row, (title, unit, curves) in enumerate(_curves(take, head)):
        share = axes = figure.add_subplot(grid[row + 2, :], sharex=share)
        for label, (values, color) in curves.items():
            axes.plot(video_frames, values, label=label, color=color, linewidth=1.4, marker=marker)
        for first, last in gap_ranges(take.gap):
            axes.axvspan(video_frames[first] - 0.5, video_frames[last] + 0.5, color=GAP_COLOR, alpha=0.25, linewidth=0)
        axes.set_ylabel(f"{title}\n{unit}", fontsize=9)
        axes.grid(alpha=0.25)
        if curves:
            axes.legend(loc="upper right", fontsize=8, ncols=3)
        else:
            axes.text(
                0.5, 0.5, "not known: this head has no landmarks", transform=axes.transAxes, ha="center", va="center"
            )
        axes.margins(x=0.005)
    share.set_xlabel("video frame" + ("   (red: no face found)" if take.gap.any() else ""))
    figure.savefig(path)


def _curves(take: Take, head: Head) -> list[tuple[str, str, dict[str, tuple[np.ndarray, str]]]]:
    """Return (title, unit, {label: (values, color)}) of each row of curves."""
    measures = solved_measures(take, head)
    percent = {name: 100.0 * (values - np.median(values)) for name, values in measures.items()}
    both = lambda name: {side: (percent[f"{name}_{side}"], COLORS[side]) for side in "LR"} if percent else {}
    jaw = {"jaw": (np.degrees(take.jaw_pose[:, 0]), COLORS["one"])}
    if percent:
        jaw["lip gap, % of eye distance"] = (100.0 * measures["lip_gap"], COLORS["L"])
    lids = {side: (take.eyelid[:, column], COLORS[side]) for column, side in enumerate("LR")}
    pitch, yaw, roll = _euler_degrees(take.head_pose)
    head_turn = {"pitch": (pitch, COLORS["L"]), "yaw": (yaw, COLORS["R"]), "roll": (roll, COLORS["one"])}
    relative = "% of eye distance"
    return [
        ("Jaw open", "degrees", jaw),
        ("Lids", "0 open, 1 shut", lids),
        ("Smile", relative, both("smile")),
        ("Brows", relative, both("brow")),
        ("Head", "degrees", head_turn),
    ]


def _euler_degrees(head_pose: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pitch, yaw and roll, (T,) degrees each: turns about x, y and z, applied in the order z, x, y."""
    w, x, y, z = quaternions_from_axis_angle(head_pose).T
    pitch = np.arcsin(np.clip(2 * (w * x - y * z), -1, 1))
    yaw = np.arctan2(2 * (w * y + x * z), 1 - 2 * (x * x + y * y))
    roll = np.arctan2(2 * (w * z + x * y), 1 - 2 * (x * x + z * z))
    return tuple(np.degrees(angle) for angle in (pitch, yaw, roll))
