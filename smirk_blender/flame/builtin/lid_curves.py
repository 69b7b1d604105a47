"""The left eyelids' edges as curves over the eyeball, and the rings of vertices round them (millimetres)."""

import numpy as np

from .clay import EYE_CENTRE, EYE_RADIUS, LID_THICKNESS, cast_front
from .distance import smoothstep

CLEARANCE = 0.45  # between the eyeball and the lid's inner edge
# Corners and edges, relative to the eyeball's centre: x and y in the front view.
UPPER_EDGE = [(-15.2, -2.6), (-12.8, 1.2), (-7.8, 4.6), (-1.0, 5.9), (6.2, 5.3), (11.7, 2.9), (15.0, 0.4)]
LOWER_EDGE = [(-15.2, -2.6), (-12.6, -3.8), (-7.4, -5.3), (-0.5, -6.0), (6.4, -5.4), (11.9, -2.9), (15.0, 0.4)]
CREASE = [(-17.0, -2.6), (-15.0, 3.6), (-8.7, 8.4), (-0.8, 9.8), (7.2, 9.2), (13.8, 5.8), (17.4, 0.6)]
LOWER_FOLD = [(-17.0, -2.6), (-13.8, -6.5), (-7.9, -8.6), (-0.2, -9.4), (7.5, -8.7), (13.6, -5.4), (17.4, 0.6)]
ORBIT_TOP = [(-18.0, -1.6), (-16.5, 7.4), (-8.9, 12.2), (0.0, 13.4), (9.0, 12.5), (16.8, 8.4), (20.0, 0.2)]
ORBIT_BOTTOM = [(-18.0, -1.6), (-15.3, -9.4), (-8.1, -12.8), (0.2, -13.8), (8.7, -12.8), (15.9, -9.0), (20.0, 0.2)]
CORNERS = [0, 6]  # of the rings of twelve: the inner and the outer one
CORNER_DEPTH = 4.6  # how far in front of the eyeball's centre the corners lie


def guide_radius(x: np.ndarray, extra: float) -> np.ndarray:
    """Return the distance from the eyeball's sideways axis at which the lids lie, `extra` over the ball.

    Args:
        x: (N,) sideways from the eyeball's centre.
    """
    ball = np.sqrt(np.maximum((EYE_RADIUS + extra) ** 2 - x**2, 0.0))
    corner = CORNER_DEPTH + extra
    overlap = np.maximum(3.0 - np.abs(ball - corner), 0.0) / 3.0
    return np.maximum(ball, corner) + overlap**2 * 0.75


def on_guide(xy: np.ndarray, extra: float) -> np.ndarray:
    """Return points (N, 3) over the left eyeball at front-view places (N, 2), relative to its centre."""
    radius = guide_radius(xy[:, 0], extra)
    depth = np.sqrt(np.maximum(radius**2 - xy[:, 1] ** 2, 0.0))
    return EYE_CENTRE + np.column_stack([xy, depth])


def lid_rings() -> list[np.ndarray]:
    """Return the rings (12, 3), outer to inner: orbit, crease, edge outside, edge inside, tucked behind."""
    orbit = _ring(ORBIT_TOP, ORBIT_BOTTOM)
    fold = _ring(CREASE, LOWER_FOLD)
    on_skin, flush = cast_front(EYE_CENTRE[:2] + np.concatenate([orbit, fold])).reshape(2, -1, 3)
    crease = on_guide(fold, LID_THICKNESS + 0.2)
    crease[CORNERS] = flush[CORNERS]  # beyond the corners the crease runs out into the skin
    edge = _ring(UPPER_EDGE, LOWER_EDGE)
    middle = np.array([0.0, -0.6])
    outside = on_guide(middle + (edge - middle) * np.array([1.03, 1.1]), LID_THICKNESS)
    inside = on_guide(edge, CLEARANCE)
    behind = _tucked(middle + (edge - middle) * np.array([1.0, 1.7]))
    return [on_skin, crease, outside, inside, behind]


def _tucked(xy: np.ndarray) -> np.ndarray:
    """Return the last ring: behind the lids over the ball, and sunk into the ball at the corners to seal them."""
    corner = smoothstep(np.abs(xy[:, 0]), 8.0, 14.0)[:, None]
    sunk = xy * np.array([0.74, 0.45])
    depth = np.sqrt((EYE_RADIUS - 0.5) ** 2 - (sunk**2).sum(axis=1))
    return on_guide(xy, CLEARANCE + 0.3) * (1.0 - corner) + (EYE_CENTRE + np.column_stack([sunk, depth])) * corner


def _ring(upper: list, lower: list) -> np.ndarray:
    """Return (12, 2): the upper curve's seven knots from the inner corner, then the lower's five back."""
    return np.array([*upper, *lower[1:-1][::-1]], float)
