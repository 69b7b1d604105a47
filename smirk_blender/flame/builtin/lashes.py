"""The upper eyelashes: a dark rim along the lid's edge with single lashes on it, riding on the lid."""

import numpy as np

from .materials import BROWS
from .parts import Part, corner_uv, grid_quads
from .skin import Skin
from .strands import ribbons, scatter, unit

RIM_ROWS = ((0.0, 0.0), (0.7, 0.25), (1.3, 0.9))  # forward and up of the lid's edge, millimetres
NUM_LASHES, LASH_STEPS = 34, 4
LASH_LENGTH, LASH_WIDTH = 6.0, 0.42
LASH_COLOR = np.array((0.012, 0.009, 0.008))


def left_lashes(skin: Skin) -> Part:
    """Return the left upper lashes."""
    edge = np.flatnonzero((skin.eye_ring == 3.0) & (skin.eye_angle >= -1e-6) & (skin.points[:, 0] > 0))
    edge = edge[np.argsort(skin.eye_angle[edge])]
    line = skin.points[edge]
    rim = _rim(line)
    rim_quads = grid_quads(len(RIM_ROWS), len(line))
    lashes, lash_quads = _lashes(line)
    points = np.concatenate([rim, lashes])
    quads = np.concatenate([rim_quads, lash_quads + len(rim)])
    colors = np.tile(LASH_COLOR, (len(points), 1))
    uv = corner_uv(points[:, :2], quads, (0.86, 0.86, 0.99, 0.90))
    return Part("lashes_L", points, quads, uv, colors, np.full(len(quads), BROWS), "upper lid")


def _rim(line: np.ndarray) -> np.ndarray:
    """Return (rows * V, 3), the rim's upper row first; it is widest towards the outer corner."""
    along = np.linspace(0.0, 1.0, len(line))
    strength = (np.sin(np.pi * (0.02 + 0.96 * along)) ** 0.6 * (0.45 + 0.7 * along))[:, None]
    rows = [
        line
        + strength
        * np.column_stack([(along - 0.3) * forward, np.full(len(line), up - 0.25), np.full(len(line), forward + 0.1)])
        for forward, up in RIM_ROWS
    ]
    return np.concatenate(rows[::-1])


def _lashes(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    along = np.linspace(0.10, 0.97, NUM_LASHES)
    place = along * (len(line) - 1)
    root = np.column_stack([np.interp(place, np.arange(len(line)), line[:, axis]) for axis in range(3)])
    length = LASH_LENGTH * (0.45 + 0.6 * np.sin(np.pi * along**1.4)) * (0.85 + 0.3 * scatter(NUM_LASHES, 0))
    fan = (along - 0.38) * 1.5 + 0.25 * (scatter(NUM_LASHES, 1) - 0.5)
    steps = np.linspace(0.0, 1.0, LASH_STEPS)
    up = -0.12 * steps + 0.62 * steps**2  # curls upwards
    forward = 0.85 * steps - 0.15 * steps**2
    shape = np.stack(
        [fan[:, None] * steps * 0.6, np.tile(up, (NUM_LASHES, 1)), np.tile(forward, (NUM_LASHES, 1))], axis=-1
    )
    paths = root[:, None] + shape * length[:, None, None] - np.array([0.0, 0.15, 0.2])
    sideways = unit(np.cross(np.gradient(paths, axis=1), np.array([0.0, 1.0, -0.4])))
    widths = LASH_WIDTH * np.array([1.0, 0.85, 0.55, 0.1]) * np.ones((NUM_LASHES, 1))
    return ribbons(paths, sideways, widths)
