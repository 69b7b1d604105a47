"""The ears: rings from the head over the helix into the concha, refined once."""

import numpy as np

from .distance import smooth_curve, smoothstep
from .materials import SKIN
from .parts import Part, corner_uv, disc, disc_border, grid_quads
from .subdivide import refinement

ROOT = np.array([67.5, 10.0, -24.0])  # of the left ear, on the head
TILT_BACK_DEG, FLARE_DEG = 11.0, 14.0
LEAN_IN = 0.10  # the lobe lies closer to the head than the top
BOWL_SIZE = 5  # quads across the concha's floor; four times as many vertices round every ring
# Outline from the top, clockwise seen from the actor's left, as (back, up) in millimetres.
OUTLINE = [
    (0, 31), (9, 29.5), (15, 23), (17, 13), (15.5, 2), (11.5, -9), (6.5, -17), (3, -23.5),
    (-2.5, -26.5), (-7.5, -23.5), (-9.5, -17.5), (-9, -11), (-9.5, -4), (-11, 4), (-12, 13), (-9, 23),
]  # fmt: skip
BOWL_CENTRE = np.array([-1.5, -3.0])
# Rings from the head over the helix into the bowl: scale about the bowl's centre, height over the ear's plane.
RINGS = (
    (0.70, -14.0),
    (0.80, -3.0),
    (0.93, 2.0),
    (1.0, 4.6),
    (0.97, 6.4),
    (0.90, 5.6),
    (0.80, 2.6),
    (0.66, 3.4),
    (0.54, 4.4),
    (0.43, 1.0),
    (0.34, -4.5),
)
FLAT_IN_LOBE, LOBE_HEIGHT = range(5, 9), 2.8  # rings without folds in the lobe
FLAT_IN_FRONT, TRAGUS_UP = range(2, 9), -6.0  # rings that melt into the cheek in front, but for the tragus
BOWL_RADII, BOWL_DEPTH = np.array([2.2, 3.5]), -5.5
DEEP_COLOR, RIM_COLOR = np.array([0.36, 0.16, 0.115]), np.array([0.60, 0.335, 0.245])


def left_ear() -> Part:
    """Return the left ear."""
    border = disc_border(BOWL_SIZE)
    bowl = disc(BOWL_SIZE)  # in (back, up), as seen from the actor's left
    outline = _outline_at(np.arctan2(bowl[border, 0], bowl[border, 1]))
    rings = [_ring(number, outline) for number in range(len(RINGS))]
    floor = np.column_stack([BOWL_CENTRE + bowl * BOWL_RADII, np.full(len(bowl), BOWL_DEPTH)])
    floor[border] = rings[-1]
    points = np.concatenate([*rings[:-1], floor])

    first = len(outline) * (len(rings) - 1)  # of the floor's vertices
    loops = np.concatenate([np.arange(first).reshape(-1, len(outline)), first + border[None]])
    outer, inner = loops[:-1], loops[1:]
    walls = np.stack([outer, inner, np.roll(inner, -1, axis=1), np.roll(outer, -1, axis=1)], axis=-1).reshape(-1, 4)
    quads = np.concatenate([walls, grid_quads(BOWL_SIZE + 1, BOWL_SIZE + 1, first=first)])
    step = refinement(quads, np.arange(len(points)))
    points, quads = step.smooth(points), step.new_quads
    light = smoothstep(points[:, 2], -4.0, 3.0)[:, None]
    colors = DEEP_COLOR * (1.0 - light) + RIM_COLOR * light
    uv = corner_uv(points[:, :2], quads, (0.38, 0.77, 0.50, 0.99))
    return Part("ear_L", _placed(points), quads, uv, colors, np.full(len(quads), SKIN))


def _ring(number: int, outline: np.ndarray) -> np.ndarray:
    """Return one ring (N, 3) as (back, up, out of the ear's plane)."""
    scale, height = RINGS[number]
    flat = BOWL_CENTRE + (outline - BOWL_CENTRE) * scale
    level = np.full(len(outline), height)
    lobe = smoothstep(outline[:, 1], -12.0, -22.0)
    if number in FLAT_IN_LOBE:
        level += (LOBE_HEIGHT - level) * lobe
    if number in FLAT_IN_FRONT:
        front = smoothstep(outline[:, 0], 2.0, -8.0) * (1.0 - lobe)
        tragus = np.exp(-(((flat[:, 1] - TRAGUS_UP) / 5.0) ** 2))
        rise = 4.5 if number >= 6 else 1.0
        level += (-1.5 + rise * tragus - level) * front
    return np.column_stack([flat, level])


def _outline_at(angle: np.ndarray) -> np.ndarray:
    """Return outline points (N, 2) at angles clockwise from the top about the bowl's centre."""
    curve = smooth_curve(np.array([*OUTLINE, OUTLINE[0]], float), 400)
    around = np.unwrap(np.arctan2(curve[:, 0] - BOWL_CENTRE[0], curve[:, 1] - BOWL_CENTRE[1]))
    turns = np.mod(angle - around[0], 2 * np.pi) + around[0]
    return np.column_stack([np.interp(turns, around, curve[:, k]) for k in range(2)])


def _placed(local: np.ndarray) -> np.ndarray:
    """Return head-space points from (back, up, out of the ear's plane)."""
    tilt, flare = np.radians([TILT_BACK_DEG, FLARE_DEG])
    back = local[:, 0] * np.cos(tilt) + local[:, 1] * np.sin(tilt)
    up = local[:, 1] * np.cos(tilt) - local[:, 0] * np.sin(tilt)
    hinge = back + 12.0  # the front edge stays on the head
    x = local[:, 2] * np.cos(flare) + hinge * np.sin(flare) + LEAN_IN * local[:, 1] - 1.0
    z = -(hinge * np.cos(flare) - local[:, 2] * np.sin(flare)) + 12.0
    return ROOT + np.column_stack([x, up, z])
