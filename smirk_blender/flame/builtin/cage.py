"""The control cage: rows and columns round the head, with rings of quads set in for the eyes and the mouth.

The left half (+X) is written here, in millimetres, and mirrored. Column 0 is the middle of the face and
column 12 the middle of the back; row 0 is near the crown and the last row is the bust's edge. Two blocks
of the grid are left out: one holds the eye's rings, the other the mouth's. Most vertices are given in the
front view and find their depth on the clay.
"""

from dataclasses import dataclass

import numpy as np

from .clay import cast
from .lid_curves import lid_rings
from .lip_curves import lip_rings

NUM_COLUMNS = 13
CROWN_CENTRE = np.array([0.0, 50.0, -25.0])
AXIS_Z = -25.0  # of the azimuths

CROWN_AZIMUTHS = (0, 7, 14, 21, 30, 40, 51, 64, 86, 108, 132, 156, 180)  # degrees
SIDE_AZIMUTHS = (56, 78, 102, 128, 154, 180)
NECK_AZIMUTHS = (0, 9, 18, 28, 39, 51, 64, 77, 93, 112, 133, 156, 180)

# Rows of the front: x of columns 0 to 6, y of columns 0 to 12.
FRONT_ROWS = {
    "forehead": ((0, 7, 14, 21, 30, 39, 48), (62, 62, 62, 62, 63, 62, 60, 59, 62, 66, 72, 76, 78)),
    "eye top": ((0, 5, 10, 15.5, 23, 32, 41.5), (44, 44, 44, 43.5, 46, 46.5, 45, 41, 44, 46, 50, 54, 56)),
    "eye middle": ((0, 5, 9, 13, 23, 32, 42), (31, 31, 31, 29, 30, 30, 30, 29, 29, 29, 32, 36, 38)),
    "eye bottom": ((0, 5.5, 10, 15, 23, 32, 41.5), (18, 18, 18, 17.5, 14, 12.5, 13.5, 17, 16, 14, 16, 20, 22)),
    "nose": ((0, 6, 11.5, 17, 26, 35, 44), (7, 7, 7, 6, 3, 2, 3, 5, 4, 0, 2, 6, 8)),
    "nose tip": ((0, 6, 12, 18.5, 28, 37, 46), (-3, -3, -3, -4, -6, -7, -6, -5, -6, -10, -10, -6, -4)),
    "nose wing": ((0, 6, 13, 20, 29, 38, 46.5), (-9.5, -9.5, -9.5, -11, -14, -16, -15, -14, -15, -19, -20, -16, -14)),
    "nose base": (
        (0, 5.5, 11.5, 19.5, 29, 38.5, 46.5),
        (-16, -16, -16, -17, -21, -25, -25, -23, -23, -28, -29, -26, -24),
    ),
    "mouth top": (
        (0, 6, 12.5, 20, 30, 39, 46.5),
        (-22, -22, -22.5, -23.5, -28, -33, -34, -32, -31, -36, -38, -36, -34),
    ),
    "mouth middle": ((0, 7, 14, 22, 34, 41, 47), (-39, -39, -39, -39, -40, -42, -42, -41, -40, -44, -47, -46, -44)),
    "mouth bottom": (
        (0, 6.5, 13, 20.5, 29, 37, 43.5),
        (-56, -56, -56, -55.5, -54, -53, -52, -50, -49, -51, -55, -56, -54),
    ),
    "chin": ((0, 7, 13.5, 20, 27, 34, 40), (-68, -68, -68, -67, -65, -62, -60, -58, -57, -57, -62, -65, -64)),
    "jaw edge": ((0, 7, 13.5, 20, 26, 32, 38), (-80, -80, -79, -77, -74, -70.5, -67, -65, -64, -63, -69, -74, -74)),
}
# Under the chin: x and z of columns 0 to 6 (seen from below), y of columns 7 to 12.
UNDER_CHIN = ((0, 7, 13.5, 20, 25.5, 31, 36.5), (42, 41.5, 40, 37, 32, 26, 19), (-76, -74, -72, -77, -83, -84))
# Neck: y of columns 0 to 12, all by azimuth.
NECK_ROWS = {
    "throat": (-98, -98, -98, -97, -95, -92, -89, -86, -86, -86, -90, -95, -96),
    "neck": (-118, -118, -118, -118, -117, -115, -113, -111, -109, -108, -109, -110, -110),
    "neck base": (-139, -139, -139, -138, -136, -134, -131, -129, -128, -127, -127, -127, -127),
}
BUST_EDGE = (
    (0, -166, 26),
    (14, -166, 27),
    (28, -166, 27),
    (42, -166, 25),
    (57, -165, 20),
    (72, -164, 12),
    (86, -163, 0),
    (96, -162, -14),
    (99, -161, -40),
    (90, -160, -66),
    (66, -160, -84),
    (34, -160, -92),
    (0, -160, -94),
)
CROWN_ROWS = (50.0, 28.0)  # elevation in degrees seen from CROWN_CENTRE

EYE_ROW, EYE_COLUMNS = 3, (3, 7)  # the eye block's upper row and its side columns; two rows tall
MOUTH_ROW, MOUTH_COLUMN = 10, 4  # the mouth block's upper row and outer column; two rows tall
CROWN_CAP = (3, 6)  # quads across and along the patch that closes the crown


@dataclass(frozen=True)
class Cage:
    """The whole cage, both sides.

    Attributes:
        points: (V, 3) millimetres: where the finished skin should pass.
        quads: (F, 4) int, counter-clockwise from outside.
        mirror: (V,) int, each vertex's partner on the other side.
        eye_ring: (V,) 0 outside the eye block, up to 5 at the ring tucked behind the lid.
        eye_angle: (V, 2) cosine and sine along the lids, 0 at the inner corner, over the upper lid.
        mouth_ring: (V,) 0 outside the mouth block, up to 7 at the back of the mouth.
        upper: (V,) 1 above the mouth, 0 below it, 0.5 in line with its corners.
        row, column: (V,) place in the grid; -1 in the blocks and the crown's cap.
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


class _HalfCage:
    """The left half while it is put together."""

    def __init__(self) -> None:
        self.points: list = []
        self.labels: list[dict] = []
        self.quads: list[tuple[int, int, int, int]] = []

    def add(self, point, **labels) -> int:
        self.points.append(np.asarray(point, float))
        self.labels.append(labels)
        return len(self.points) - 1

    def bridge(self, outer: list[int], inner: list[int], *, closed: bool) -> None:
        """Join two rings that run clockwise seen from outside."""
        count = len(outer)
        for j in range(count if closed else count - 1):
            k = (j + 1) % count
            self.quads.append((outer[j], inner[j], inner[k], outer[k]))

    def fill(self, border: list[int], across: int, along: int, middle: list, **labels) -> None:
        """Fill a half ring (across + along + across segments) up to the midline with a grid of quads.

        Args:
            border: clockwise seen from outside, from the midline to the midline.
            middle: (along - 1) points on the midline, between the border's two ends.
        """
        start, side, end = border[: across + 1], border[across : across + along + 1], border[across + along :][::-1]
        rows = [start]
        for r in range(1, along):
            last, centre = self.points[side[r]], np.asarray(middle[r - 1], float)
            row = [self.add(centre + (last - centre) * c / across, **labels) for c in range(across)]
            rows.append([*row, side[r]])
        rows.append(end)
        for upper, lower in zip(rows[:-1], rows[1:]):
            for c in range(across):
                self.quads.append((upper[c], lower[c], lower[c + 1], upper[c + 1]))


def build_cage() -> Cage:
    """Return the cage of the whole head (without ears, eyeballs, teeth and hair)."""
    half = _HalfCage()
    grid = _add_grid(half)
    _add_eye(half, grid)
    _add_mouth(half, grid)
    _add_crown(half, grid)
    return _mirrored(half)


def _grid_points() -> np.ndarray:
    """Return (rows, columns, 3), millimetres, on the clay."""
    rays = [_from_crown(elevation) for elevation in CROWN_ROWS]
    rays += [_from_front(xs, ys) for xs, ys in FRONT_ROWS.values()]
    rays.append(_from_below(*UNDER_CHIN))
    rays += [_from_axis(NECK_AZIMUTHS, ys) for ys in NECK_ROWS.values()]
    origins, directions = (np.concatenate(arrays) for arrays in zip(*rays))
    return np.concatenate([cast(origins, directions), np.array(BUST_EDGE, float)]).reshape(-1, NUM_COLUMNS, 3)


def _from_crown(elevation_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a row's rays: origins (13, 3) and directions (13, 3), towards the crown's centre."""
    azimuth, elevation = np.radians(CROWN_AZIMUTHS), np.radians(elevation_deg)
    level = np.cos(elevation)
    outward = np.column_stack(
        [np.sin(azimuth) * level, np.full(len(azimuth), np.sin(elevation)), np.cos(azimuth) * level]
    )
    return CROWN_CENTRE + 150.0 * outward, -outward


def _from_front(xs, ys) -> tuple[np.ndarray, np.ndarray]:
    """Return a row's rays: straight back in front, then towards the vertical axis."""
    count = len(xs)
    origins = np.column_stack([xs, ys[:count], np.full(count, 130.0)])
    side_origins, side_directions = _from_axis(SIDE_AZIMUTHS, ys[count:])
    return np.concatenate([origins, side_origins]), np.concatenate(
        [np.tile([0.0, 0.0, -1.0], (count, 1)), side_directions]
    )


def _from_below(xs, zs, side_ys) -> tuple[np.ndarray, np.ndarray]:
    """Return a row's rays: straight up in front, then towards the vertical axis."""
    origins = np.column_stack([xs, np.full(len(xs), -130.0), zs])
    side_origins, side_directions = _from_axis(SIDE_AZIMUTHS, side_ys)
    return np.concatenate([origins, side_origins]), np.concatenate(
        [np.tile([0.0, 1.0, 0.0], (len(xs), 1)), side_directions]
    )


def _from_axis(azimuths_deg, ys) -> tuple[np.ndarray, np.ndarray]:
    """Return level rays towards the vertical axis."""
    azimuth = np.radians(azimuths_deg)
    outward = np.column_stack([np.sin(azimuth), np.zeros(len(azimuth)), np.cos(azimuth)])
    axis = np.column_stack([np.zeros(len(azimuth)), ys, np.full(len(azimuth), AXIS_Z)])
    return axis + 170.0 * outward, -outward


def _add_grid(half: _HalfCage) -> np.ndarray:
    points = _grid_points()
    num_rows = len(points)
    grid = np.full((num_rows, NUM_COLUMNS), -1)
    for row in range(num_rows):
        for column in range(NUM_COLUMNS):
            in_eye = row == EYE_ROW + 1 and EYE_COLUMNS[0] < column < EYE_COLUMNS[1]
            in_mouth = row == MOUTH_ROW + 1 and column < MOUTH_COLUMN
            if not (in_eye or in_mouth):
                upper = 0.5 + 0.5 * np.sign(MOUTH_ROW + 1 - row)
                grid[row, column] = half.add(points[row, column], upper=upper, row=row, column=column)
    for row in range(num_rows - 1):
        for column in range(NUM_COLUMNS - 1):
            quad = (grid[row, column], grid[row + 1, column], grid[row + 1, column + 1], grid[row, column + 1])
            in_eye = EYE_ROW <= row < EYE_ROW + 2 and EYE_COLUMNS[0] <= column < EYE_COLUMNS[1]
            in_mouth = MOUTH_ROW <= row < MOUTH_ROW + 2 and column < MOUTH_COLUMN
            if not (in_eye or in_mouth):
                half.quads.append(tuple(int(corner) for corner in quad))
    return grid


def _add_eye(half: _HalfCage, grid: np.ndarray) -> None:
    top, bottom = EYE_ROW, EYE_ROW + 2
    left, right = EYE_COLUMNS
    ring = [
        grid[top + 1, left],
        *grid[top, left : right + 1],
        grid[top + 1, right],
        *grid[bottom, left : right + 1][::-1],
    ]
    angles = 2.0 * np.pi * np.arange(len(ring)) / len(ring)
    for vertex, angle in zip(ring, angles):
        half.labels[vertex]["eye_angle"] = (np.cos(angle), np.sin(angle))
    outer = [int(vertex) for vertex in ring]
    for number, points in enumerate(lid_rings(), start=1):
        inner = [
            half.add(point, upper=1.0, eye_ring=number, eye_angle=(np.cos(angle), np.sin(angle)))
            for point, angle in zip(points, angles)
        ]
        half.bridge(outer, inner, closed=True)
        outer = inner


def _add_mouth(half: _HalfCage, grid: np.ndarray) -> None:
    outer = [
        *grid[MOUTH_ROW, : MOUTH_COLUMN + 1],
        grid[MOUTH_ROW + 1, MOUTH_COLUMN],
        *grid[MOUTH_ROW + 2, : MOUTH_COLUMN + 1][::-1],
    ]
    outer = [int(vertex) for vertex in outer]
    corner = MOUTH_COLUMN + 1
    rings = lip_rings()
    for number, points in enumerate(rings, start=1):
        inner = [
            half.add(point, upper=0.5 + 0.5 * np.sign(corner - j), mouth_ring=number) for j, point in enumerate(points)
        ]
        half.bridge(outer, inner, closed=False)
        outer = inner
    first, last = half.points[outer[0]], half.points[outer[-1]]
    middle = [first + (last - first) * fraction - np.array([0, 0, 4.0]) for fraction in (0.25, 0.5, 0.75)]
    half.fill(outer, 3, 4, middle, mouth_ring=len(rings), upper=0.5)


def _add_crown(half: _HalfCage, grid: np.ndarray) -> None:
    across, along = CROWN_CAP
    border = [int(vertex) for vertex in grid[0]][::-1]
    front, back = half.points[border[-1]], half.points[border[0]]
    guess = [back + (front - back) * k / along for k in range(1, along)]
    first_new = len(half.points)
    half.fill(border, across, along, guess, upper=1.0)
    outward = np.array(half.points[first_new:]) - CROWN_CENTRE + np.array([0.0, 25.0, 0.0])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    half.points[first_new:] = list(cast(CROWN_CENTRE + 150.0 * outward, -outward))


def _mirrored(half: _HalfCage) -> Cage:
    points = np.array(half.points)
    count = len(points)
    middle = np.abs(points[:, 0]) < 0.02
    points[middle, 0] = 0.0
    partner = np.arange(count)
    partner[~middle] = count + np.arange((~middle).sum())
    mirror = np.concatenate([partner, np.flatnonzero(~middle)])
    quads = np.array(half.quads)
    other = partner[quads][:, ::-1]

    def label(name: str, default) -> np.ndarray:
        values = np.array([labels.get(name, default) for labels in half.labels], float)
        return np.concatenate([values, values[~middle]])

    return Cage(
        points=np.concatenate([points, points[~middle] * np.array([-1.0, 1.0, 1.0])]),
        quads=np.concatenate([quads, other]),
        mirror=mirror,
        eye_ring=label("eye_ring", 0.0),
        eye_angle=label("eye_angle", (1.0, 0.0)),
        mouth_ring=label("mouth_ring", 0.0),
        upper=label("upper", 1.0),
        row=label("row", -1.0),
        column=label("column", -1.0),
    )
