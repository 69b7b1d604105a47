"""Soft pulls: a patch of skin that moves, fading smoothly to nothing at its radii."""

from dataclasses import dataclass

import numpy as np

from .distance import smoothstep
from .skin import Skin

GATES = ("all", "upper lip", "lower lip")


@dataclass(frozen=True)
class Pull:
    """One patch.

    Attributes:
        centre, radii: millimetres; of the left patch where a pull is made on both sides.
        move: millimetres at the centre.
        gate: "all", or the part above ("upper lip") or below ("lower lip") the mouth's slit.
        scale: per axis, moves points by scale * (place - centre) as well.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gate: str = "all"
    scale: tuple[float, float, float] = (0.0, 0.0, 0.0)


def fade(points: np.ndarray, centre, radii) -> np.ndarray:
    """Return (N,) 1 at the centre, falling smoothly to 0 at the radii and beyond."""
    squared = (((points - np.asarray(centre, float)) / np.asarray(radii, float)) ** 2).sum(axis=1)
    return np.maximum(1.0 - squared, 0.0) ** 2


def pulled(
    points: np.ndarray, pulls: tuple[Pull, ...], *, both_sides: bool, upper: np.ndarray | None = None
) -> np.ndarray:
    """Return the summed offsets (N, 3), millimetres.

    Args:
        both_sides: every pull also acts mirrored.
        upper: (N,) 1 above the mouth's slit to 0 below; needed for gated pulls.
    """
    offsets = np.zeros_like(points)
    sides = (np.ones(3), np.array([-1.0, 1.0, 1.0])) if both_sides else (np.ones(3),)
    for pull in pulls:
        gate = {"all": None, "upper lip": upper, "lower lip": None if upper is None else 1.0 - upper}[pull.gate]
        for side in sides:
            centre = np.array(pull.centre) * side
            near = _within(points, centre, pull.radii)
            place = points[near]
            weight = fade(place, centre, pull.radii) * (1.0 if gate is None else gate[near])
            offsets[near] += weight[:, None] * (np.array(pull.move) * side + np.array(pull.scale) * (place - centre))
            if pull.centre[0] == 0.0:
                break  # on the midline both sides are one
    return offsets


def _within(points: np.ndarray, centre, radii) -> np.ndarray:
    """Return which points (N, 3) lie in the box round a centre: the others are all at 0 in `fade`."""
    inside = np.arange(len(points))
    for axis in range(3):
        inside = inside[np.abs(points[inside, axis] - centre[axis]) < radii[axis]]
    return inside


def upper_share(skin: Skin) -> np.ndarray:
    """Return (V,) 1 above the mouth's slit to 0 below, softened in line with the corners."""
    return smoothstep(skin.upper, 0.0, 1.0)
