"""The eyeballs: pupil, iris and sclera with their own border vertices, so that the colours are crisp."""

import numpy as np

from .clay import EYE_CENTRE, EYE_RADIUS
from .materials import IRIS, PUPIL, SCLERA
from .parts import Part, corner_uv, disc, disc_border, grid_quads

DISC_SIZE = 8  # quads across the pupil; four times as many vertices round every ring
PUPIL_RADIUS, IRIS_RADIUS = 2.4, 6.4  # millimetres, seen from the front
IRIS_RINGS = (2.4, 3.1, 4.4, 5.5, 6.05, 6.4)
IRIS_COLORS = (
    (0.03, 0.017, 0.009),
    (0.15, 0.075, 0.028),
    (0.11, 0.056, 0.022),
    (0.045, 0.024, 0.011),
    (0.016, 0.010, 0.007),
    (0.012, 0.008, 0.006),
)
# Degrees from the front; before the first comes the iris's border.
SCLERA_ANGLES = (33.0, 42.0, 54.0, 66.0, 78.0, 102.0, 122.0, 142.0)
EQUATOR = 3.0  # millimetres before and behind the centre that hold only the two rings at 78 and 102 degrees
PUPIL_COLOR = (0.004, 0.004, 0.004)
SCLERA_COLOR, SCLERA_EDGE_COLOR, SCLERA_BACK_COLOR = (0.84, 0.82, 0.80), (0.42, 0.37, 0.34), (0.70, 0.52, 0.48)


def left_eyeball() -> Part:
    """Return the left eyeball, looking straight ahead."""
    border = disc(DISC_SIZE)[disc_border(DISC_SIZE)]  # clockwise
    pupil = disc(DISC_SIZE) * PUPIL_RADIUS
    iris = np.concatenate([border * radius for radius in IRIS_RINGS])
    angles = np.array([np.arcsin(IRIS_RADIUS / EYE_RADIUS), *np.radians(SCLERA_ANGLES)])
    sclera = np.concatenate(
        [np.column_stack([border * np.sin(angle), np.full(len(border), np.cos(angle))]) for angle in angles]
    )
    points = np.concatenate([_on_ball(pupil), _on_ball(iris), sclera * EYE_RADIUS]) + EYE_CENTRE

    count = len(border)
    pupil_quads = grid_quads(DISC_SIZE + 1, DISC_SIZE + 1)
    iris_quads = _ring_quads(len(IRIS_RINGS), count, first=len(pupil))
    sclera_quads = _ring_quads(len(angles), count, first=len(pupil) + len(iris))
    colors = np.concatenate(
        [
            np.tile(PUPIL_COLOR, (len(pupil), 1)),
            np.repeat(IRIS_COLORS, count, axis=0) * _fibres(count, len(IRIS_RINGS)),
            np.repeat(_sclera_colors(angles), count, axis=0),
        ]
    )
    quads = np.concatenate([pupil_quads, iris_quads, sclera_quads])
    unrolled = np.concatenate([border * angle * EYE_RADIUS for angle in angles])
    uv = corner_uv(np.concatenate([pupil, iris, unrolled]), quads, (0.14, 0.77, 0.36, 0.99))
    material = np.repeat([PUPIL, IRIS, SCLERA], [len(pupil_quads), len(iris_quads), len(sclera_quads)])
    return Part("eyeball_L", points, quads, uv, colors, material, joint="eye_L")


def equator(points: np.ndarray) -> np.ndarray:
    """Return which of an eyeball's points (V, 3) form the two rings whose mean is the ball's centre, as indices."""
    return np.flatnonzero(np.abs(points[:, 2] - EYE_CENTRE[2]) < EQUATOR)


def _on_ball(flat: np.ndarray) -> np.ndarray:
    """Return (N, 3) points of the ball at front-view places (N, 2), relative to its centre."""
    return np.column_stack([flat, np.sqrt(EYE_RADIUS**2 - (flat**2).sum(axis=1))])


def _ring_quads(rings: int, count: int, *, first: int) -> np.ndarray:
    """Return quads between rings that run clockwise and outwards."""
    return grid_quads(rings, count, closed=True, first=first)[:, ::-1][:, [1, 2, 3, 0]]


def _fibres(count: int, rings: int) -> np.ndarray:
    """Return (rings * count, 1) brightness: spokes of lighter and darker fibres."""
    spokes = 1.0 + 0.22 * np.cos(np.arange(count) * 2.4) + 0.12 * np.cos(np.arange(count) * 5.1 + 1.0)
    strength = np.repeat(np.linspace(1.0, 0.2, rings), count)
    return (1.0 + (np.tile(spokes, rings) - 1.0) * strength)[:, None]


def _sclera_colors(angles: np.ndarray) -> np.ndarray:
    colors = np.tile(SCLERA_COLOR, (len(angles), 1)).astype(float)
    colors[0] = SCLERA_EDGE_COLOR
    colors[5:] = SCLERA_BACK_COLOR
    return colors
