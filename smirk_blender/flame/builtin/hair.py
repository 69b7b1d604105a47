"""The hair: a cap over the skull whose border dips into the skin, and locks combed over it."""

import numpy as np

from .clay import cast
from .distance import smooth_curve, smoothstep
from .materials import HAIR
from .parts import Part, corner_uv, disc, grid_quads
from .strands import ribbons, scatter, unit

CENTRE = np.array([0.0, 48.0, -28.0])
WHORL_LEAN = 0.45  # how far back the crown's whorl lies, radians
CAP_SIZE = 28  # quads across the cap's disc
# Hair line: azimuth from the front and elevation in degrees seen from CENTRE, thickness in millimetres behind it.
HAIR_LINE = (
    (0, 32, 10), (14, 33, 10), (28, 34.5, 9), (41, 30, 7), (51, 17, 5), (60, 2, 4), (69, -14, 3),
    (77, -21, 2.5), (85, -8, 3), (94, 3, 4), (104, 0, 4.5), (116, -22, 4), (130, -44, 4), (155, -59, 4), (180, -62, 4),
)  # fmt: skip
TOP_THICKNESS, BACK_THICKNESS = 14.0, 7.0
COLOR, TIP_COLOR = np.array((0.046, 0.026, 0.016)), np.array((0.085, 0.050, 0.030))
NUM_LOCKS, LOCK_STEPS = 300, 7
TABLE_SIZE = (73, 15)  # azimuths of one half, radii: where the cap is measured


class _Cap:
    """The cap's surface by azimuth and radius (0 at the whorl, 1 at the hair line)."""

    def __init__(self) -> None:
        azimuth, radius = np.meshgrid(
            np.linspace(0.0, 180.0, TABLE_SIZE[0]), np.linspace(0.0, 1.0, TABLE_SIZE[1]), indexing="ij"
        )
        line = smooth_curve(HAIR_LINE, 400)
        outward = _outward(azimuth, radius, np.interp(azimuth, line[:, 0], line[:, 1]))
        flat = outward.reshape(-1, 3)
        skin = cast(CENTRE + 150.0 * flat, -flat).reshape(outward.shape)
        side = np.interp(azimuth, line[:, 0], line[:, 2])
        top = BACK_THICKNESS + (TOP_THICKNESS - BACK_THICKNESS) * smoothstep(outward[..., 2], -0.5, 0.3)
        thickness = side + (top - side) * smoothstep(outward[..., 1], 0.1, 0.8)
        taper = np.sqrt(
            np.clip((1.0 - radius) / (0.14 + 0.36 * smoothstep(azimuth, 100.0, 140.0)), 0.0, 1.0)
        )  # shaved nape
        self.points = skin + outward * ((thickness + 1.5) * taper - 1.5)[..., None]
        self.outward = outward

    def at(self, turn: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return points and outward vectors (..., 3); turn in degrees, positive to the left, within -180 to 180."""
        turn = np.mod(turn + 180.0, 360.0) - 180.0
        side = np.where(turn < 0.0, -1.0, 1.0)
        i = np.abs(turn) / 180.0 * (TABLE_SIZE[0] - 1)
        j = np.clip(radius, 0.0, 1.0) * (TABLE_SIZE[1] - 1)
        i0, j0 = np.minimum(i.astype(int), TABLE_SIZE[0] - 2), np.minimum(j.astype(int), TABLE_SIZE[1] - 2)
        u, v = (i - i0)[..., None], (j - j0)[..., None]
        mixed = [
            (1 - u) * (1 - v) * table[i0, j0]
            + u * (1 - v) * table[i0 + 1, j0]
            + (1 - u) * v * table[i0, j0 + 1]
            + u * v * table[i0 + 1, j0 + 1]
            for table in (self.points, self.outward)
        ]
        flip = np.stack([side, np.ones_like(side), np.ones_like(side)], axis=-1)
        return mixed[0] * flip, unit(mixed[1] * flip)


def hair() -> Part:
    """Return the hair."""
    cap = _Cap()
    flat = disc(CAP_SIZE)
    turn = np.degrees(np.arctan2(flat[:, 0], -flat[:, 1]))  # the face is at the disc's lower edge
    radius = np.linalg.norm(flat, axis=1)
    points, outward = cap.at(turn, radius)
    waves = (
        0.5
        * np.sin(np.radians(turn) * 22.0 + 6.0 * radius)
        * smoothstep(radius, 0.2, 0.6)
        * smoothstep(radius, 1.0, 0.85)
    )
    points = points + outward * waves[:, None]
    quads = grid_quads(CAP_SIZE + 1, CAP_SIZE + 1)
    locks, lock_quads, tips = _locks(cap)
    colors = np.concatenate([COLOR * (0.8 + 0.3 * waves)[:, None], COLOR + (TIP_COLOR - COLOR) * tips[:, None]])
    uv = np.concatenate(
        [
            corner_uv(flat, quads, (0.86, 0.77, 0.92, 0.84)),
            corner_uv(locks[:, [0, 2]], lock_quads, (0.93, 0.77, 0.99, 0.84)),
        ]
    )
    points, quads = np.concatenate([points, locks]), np.concatenate([quads, lock_quads + len(points)])
    return Part("hair", points, quads, uv, colors, np.full(len(quads), HAIR))


def _outward(azimuth_deg: np.ndarray, radius: np.ndarray, line_deg: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., 3) from CENTRE, on arcs from the whorl to the hair line."""
    azimuth, line = np.radians(azimuth_deg), np.radians(line_deg)
    whorl = np.array([0.0, np.cos(WHORL_LEAN), -np.sin(WHORL_LEAN)])
    end = np.stack([np.sin(azimuth) * np.cos(line), np.sin(line), np.cos(azimuth) * np.cos(line)], axis=-1)
    angle = np.arccos(np.clip(end @ whorl, -1.0, 1.0))
    share_start, share_end = np.sin((1.0 - radius) * angle), np.sin(radius * angle)
    return unit((share_start[..., None] * whorl + share_end[..., None] * end) / np.sin(angle)[..., None])


def _locks(cap: _Cap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the locks' vertices, quads and how near the tip each vertex is (0 to 1)."""
    steps = np.linspace(0.0, 1.0, LOCK_STEPS)
    start_turn = 360.0 * scatter(NUM_LOCKS, 0) - 180.0
    start_radius = 0.04 + 0.70 * scatter(NUM_LOCKS, 1) ** 0.7
    length = 0.30 + 0.12 * scatter(NUM_LOCKS, 2)
    end_radius = np.minimum(start_radius + length, 0.985 + 0.02 * scatter(NUM_LOCKS, 3))
    swirl = 26.0 * (1.0 - start_radius) * (0.6 + 0.8 * scatter(NUM_LOCKS, 4))
    radius = start_radius[:, None] + (end_radius - start_radius)[:, None] * steps
    turn = start_turn[:, None] + swirl[:, None] * steps**1.3
    on_cap, outward = cap.at(turn, radius)
    lift = (0.5 + 1.1 * scatter(NUM_LOCKS, 3))[:, None] * np.sin(np.pi * (0.05 + 0.9 * steps)) - 0.3
    paths = on_cap + outward * lift[..., None]
    sideways = unit(np.cross(outward, np.gradient(paths, axis=1)))
    widths = (7.0 + 6.0 * scatter(NUM_LOCKS, 2))[:, None] * np.array([0.15, 0.7, 1.0, 1.0, 0.85, 0.5, 0.04])
    points, quads = ribbons(paths, sideways, widths)
    shade = (0.15 + 0.75 * scatter(NUM_LOCKS, 4))[:, None] * (0.25 + 0.75 * steps)
    return points, quads, np.repeat(shade.ravel(), 2)
