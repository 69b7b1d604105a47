"""The skin: the cage refined twice, laid onto the clay, with labels that say which part a vertex belongs to."""

from dataclasses import dataclass

import numpy as np

from .cage import build_cage
from .clay import project
from .distance import smoothstep
from .subdivide import refinement

LEVELS = 2
FIT_ROUNDS = 5  # of moving the cage until the refined skin passes through the points it was given

EVEN_ROUNDS = 8  # of evening out the quads before the last projection


@dataclass(frozen=True)
class Skin:
    """The refined skin, both sides, millimetres.

    Attributes:
        points: (V, 3).
        quads: (F, 4) int.
        mirror: (V,) int, each vertex's partner on the other side.
        eye_ring, mouth_ring: (V,) as in the cage, in steps of a quarter.
        eye_angle: (V,) radians, 0 at the inner corner, up to pi over the upper lid, below 0 on the lower.
        upper: (V,) 1 above the mouth to 0 below.
        row, column: (V,) place in the cage's grid, in steps of a quarter; negative in the blocks.
    """

    points: np.ndarray
    quads: np.ndarray
    mirror: np.ndarray
    eye_ring: np.ndarray
    eye_angle: np.ndarray
    mouth_ring: np.ndarray
    upper: np.ndarray
    row: np.ndarray
    column: np.ndarray


def build_skin() -> Skin:
    """Return the skin of the neutral head."""
    cage = build_cage()
    steps, quads, mirror = [], cage.quads, cage.mirror
    for _ in range(LEVELS):
        step = refinement(quads, mirror)
        steps.append(step)
        quads, mirror = step.new_quads, step.mirror

    def refine(values: np.ndarray, kind: str) -> np.ndarray:
        for step in steps:
            values = getattr(step, kind)(values)
        return values

    control = cage.points.copy()
    for _ in range(FIT_ROUNDS):
        control += 0.9 * (cage.points - refine(control, "smooth")[: len(control)])
    points = refine(control, "smooth")
    labels = np.column_stack([cage.eye_ring, cage.eye_angle, cage.mouth_ring, cage.upper, cage.row, cage.column])
    eye_ring, cosine, sine, mouth_ring, upper, row, column = refine(labels, "linear").T

    on_clay = (1.0 - smoothstep(eye_ring, 1.0, 2.4)) * (1.0 - smoothstep(mouth_ring, 2.3, 2.9))
    on_clay *= points[:, 1] > -150.0
    touched = (on_clay > 0.0) & (points[:, 0] >= -1e-6)
    points[touched] += on_clay[touched, None] * (project(points[touched], steps=3) - points[touched])
    points = _mirrored(points, mirror)
    free = on_clay * (eye_ring <= 0.5) * (mouth_ring <= 0.0)
    points = _evened(points, quads, free)
    points[touched] += on_clay[touched, None] * (project(points[touched], steps=2) - points[touched])
    points = _mirrored(points, mirror)
    return Skin(points, quads, mirror, eye_ring, np.arctan2(sine, cosine), mouth_ring, upper, row, column)


def _mirrored(points: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return points with the right half made the left half's exact image."""
    points = points.copy()
    right = points[:, 0] < -1e-6
    points[right] = points[mirror[right]] * np.array([-1.0, 1.0, 1.0])
    points[mirror == np.arange(len(mirror)), 0] = 0.0
    return points


def _evened(points: np.ndarray, quads: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return points moved towards their neighbours' mean a few times, each by its share of freedom (V,)."""
    start, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    count = np.bincount(start, minlength=len(points)) + np.bincount(end, minlength=len(points))
    for _ in range(EVEN_ROUNDS):
        total = [np.bincount(start, p[end], len(points)) + np.bincount(end, p[start], len(points)) for p in points.T]
        points = points + 0.5 * free[:, None] * (np.stack(total, axis=1) / count[:, None] - points)
    return points
