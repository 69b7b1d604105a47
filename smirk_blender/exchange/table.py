"""A take as a table: CSV, one row a frame, one named column a channel."""

import csv
import os
from pathlib import Path

import numpy as np

from ..take import Take
from .writing import written_export

AXES = ("x", "y", "z")
EYES = ("left", "right")
SINGLE, DOUBLE = ".9g", ".17g"  # digits that bring a float32, or a float64, back as it was


def table_of(take: Take) -> dict[str, np.ndarray]:
    """Return the columns of a take, each (T,), in their order.

    frame: of the video, from 0. seconds: the frame's timestamp. gap: 1 where no face was found. confidence: 0 to 1.
    Then the expression coefficients by their names, unitless; eyelid_left and _right, 0 open to 1 shut; jaw_pose_x to
    _z, head_pose, neck_pose, eye_pose_left and _right, axis-angle, radians, FLAME's axes (+Y up, +Z out of the face, +X
    to the actor's left); camera_scale, _tx, _ty of the crop's orthographic camera. Identity, one for all, is not here.
    """
    names = take.expression_names or [f"expression_{index:03d}" for index in range(take.expression.shape[1])]
    columns = {
        "frame": take.first_frame + np.arange(len(take)),
        "seconds": take.time_s,
        "gap": take.gap.astype(int),
        "confidence": take.confidence,
        **dict(zip(names, take.expression.T)),
        **{f"eyelid_{eye}": values for eye, values in zip(EYES, take.eyelid.T)},
    }
    poses = {"jaw_pose": take.jaw_pose, "head_pose": take.head_pose, "neck_pose": take.neck_pose}
    poses |= {f"eye_pose_{eye}": values for eye, values in zip(EYES, np.split(take.eye_pose, 2, axis=1))}
    for name, values in poses.items():
        columns |= {f"{name}_{axis}": column for axis, column in zip(AXES, values.T)}
    return columns | {f"camera_{name}": values for name, values in zip(("scale", "tx", "ty"), take.camera.T)}


def save_table(take: Take, path: str | os.PathLike) -> Path:
    """Write `table_of` a take as CSV with a header: commas, points in numbers, UTF-8; return the path.

    Every number reads back as it is in the take.
    Raises:
        ExportError: the folder cannot be written.
    """
    columns = table_of(take)
    texts = [[_text(value) for value in column] for column in columns.values()]
    with written_export(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*texts))
    return Path(path)


def _text(value: np.number) -> str:
    if isinstance(value, np.integer):
        return str(value)
    return format(float(value), SINGLE if value.dtype == np.float32 else DOUBLE)
