"""The eyebrows: short hairs laid along a curve, riding on the skin."""

import numpy as np

from .clay import cast_front
from .distance import smooth_curve
from .materials import BROWS
from .parts import Part, corner_uv
from .strands import ribbons, scatter, unit

BROW_LINE = [(10.0, 46.1), (18.5, 48.0), (28.5, 49.8), (38.5, 49.6), (49.0, 44.8)]  # front view, millimetres
BROW_WIDTH = (6.2, 7.4, 6.8, 4.6, 0.9)  # at the line's knots
BROW_COLOR = np.array((0.030, 0.018, 0.012))
NUM_HAIRS, HAIR_STEPS = 150, 4
HAIR_LENGTH, HAIR_WIDTH = 7.5, 0.85
# Along the brow from its inner end: angle of the hairs over the brow's own line, degrees.
HAIR_ANGLES = (62.0, 34.0, 16.0, 6.0, -2.0)


def brow_curve(num_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the left brow's middle line (num_points, 2) in the front view and its widths (num_points,)."""
    knots = range(len(BROW_WIDTH))
    return smooth_curve(BROW_LINE, num_points), np.interp(
        np.linspace(0, len(BROW_WIDTH) - 1, num_points), knots, BROW_WIDTH
    )


def left_brow() -> Part:
    """Return the left brow."""
    line, width = brow_curve(200)
    tangent = np.gradient(line, axis=0)
    slope = np.arctan2(tangent[:, 1], tangent[:, 0])
    along = (np.arange(NUM_HAIRS) + 0.5) / NUM_HAIRS * 0.96
    across = scatter(NUM_HAIRS, 0) - 0.5
    place = along * (len(line) - 1)

    def at(values: np.ndarray) -> np.ndarray:
        return np.interp(place, np.arange(len(line)), values)

    lean = np.interp(along, np.linspace(0, 1, len(HAIR_ANGLES)), HAIR_ANGLES)
    angle = at(slope) + np.radians(lean - across * 46.0 * (1.0 - np.abs(2 * along - 0.6)).clip(0.2))
    root_across = across * at(width) - 0.12 * at(width)
    root = np.column_stack(
        [at(line[:, 0]) - np.sin(at(slope)) * root_across, at(line[:, 1]) + np.cos(at(slope)) * root_across]
    )
    length = (
        HAIR_LENGTH * (0.75 + 0.4 * scatter(NUM_HAIRS, 1)) * np.interp(along, (0, 0.12, 0.7, 1), (0.65, 1.0, 0.95, 0.6))
    )
    steps = np.linspace(0.0, 1.0, HAIR_STEPS)
    bend = angle[:, None] - 0.35 * steps
    flat = root[:, None] + np.stack([np.cos(bend), np.sin(bend)], axis=-1) * (length[:, None] * steps)[..., None]
    paths = cast_front(flat.reshape(-1, 2)).reshape(NUM_HAIRS, HAIR_STEPS, 3)
    paths += np.array([0.3, 0.1, 0.95]) * (0.25 + 0.55 * np.sin(np.pi * (0.15 + 0.7 * steps)))[None, :, None]
    forward = unit(np.gradient(paths, axis=1))
    sideways = unit(np.cross(np.array([0.3, 0.1, 0.95]), forward))
    widths = HAIR_WIDTH * np.array([0.7, 1.0, 0.75, 0.12]) * np.ones((NUM_HAIRS, 1))
    points, quads = ribbons(paths, sideways, widths)
    tint = np.repeat(0.8 + 0.5 * scatter(NUM_HAIRS, 2), HAIR_STEPS * 2)
    colors = BROW_COLOR * tint[:, None]
    return Part(
        "brow_L",
        points,
        quads,
        corner_uv(points[:, :2], quads, (0.86, 0.92, 0.99, 0.99)),
        colors,
        np.full(len(quads), BROWS),
        "skin",
    )
