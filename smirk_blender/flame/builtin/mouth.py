"""Teeth with their gums, and the tongue. The mouth's inside itself belongs to the skin."""

import numpy as np

from .distance import smoothstep
from .materials import TEETH, TONGUE
from .parts import Part, corner_uv, disc, grid_quads

TOOTH_WIDTHS = (8.4, 6.8, 7.6, 7.0, 7.0, 9.5)  # millimetres along the arch, from the middle outwards
SAMPLES_PER_TOOTH = 5
ARCH_WIDTH, ARCH_LENGTH, ARCH_CENTRE_Z = 23.5, 31.0, 27.5  # half axes of the arch's ellipse
TOOTH_COLOR, TOOTH_GAP_COLOR = np.array((0.93, 0.90, 0.84)), np.array((0.45, 0.36, 0.30))
GUM_COLOR = np.array((0.42, 0.13, 0.12))
TONGUE_COLOR, TONGUE_GROOVE_COLOR = np.array((0.46, 0.15, 0.14)), np.array((0.30, 0.08, 0.08))
# Cross-section from the gum over the front and the biting edge to the back: height, depth, share of gum.
SECTION = (
    (15.0, 1.5, 1.0),
    (11.0, -0.3, 1.0),
    (9.6, 0.0, 0.35),
    (8.6, -0.5, 0.0),
    (4.5, -0.8, 0.0),
    (0.9, -0.3, 0.0),
    (0.0, 0.6, 0.0),
    (0.4, 2.4, 0.0),
    (5.0, 5.0, 0.0),
    (9.0, 7.0, 0.8),
)


def upper_teeth() -> Part:
    """Return the upper row with its gum; it stays with the skull."""
    return _teeth("teeth_upper", edge_y=-41.2, behind=0.0, turned=1.0, box=(0.52, 0.90, 0.76, 0.99), joint="neck")


def lower_teeth() -> Part:
    """Return the lower row with its gum; it moves with the jaw."""
    return _teeth("teeth_lower", edge_y=-40.2, behind=2.6, turned=-1.0, box=(0.52, 0.77, 0.76, 0.87), joint="jaw")


def tongue() -> Part:
    """Return the tongue, lying on the mouth's floor."""
    size = 10
    flat = disc(size)  # columns run to +X, rows run from the tip backwards
    x, along = flat[:, 0], flat[:, 1]
    radius = np.linalg.norm(flat, axis=1)
    dome = np.sqrt(np.maximum(1.0 - radius**4, 0.0))
    groove = np.exp(-((x / 0.16) ** 2)) * (1.0 - radius**2)
    height = -49.5 + 9.0 * dome - 1.3 * groove - 2.5 * smoothstep(along, 0.2, 1.0)
    points = np.column_stack([15.5 * x, height, 33.0 + 18.5 * along])
    quads = grid_quads(size + 1, size + 1)[:, ::-1]  # seen from above the rows run up
    colors = TONGUE_COLOR + (TONGUE_GROOVE_COLOR - TONGUE_COLOR) * (0.7 * groove)[:, None]
    return Part(
        "tongue",
        points,
        quads,
        corner_uv(flat, quads, (0.78, 0.77, 0.84, 0.99)),
        colors,
        np.full(len(quads), TONGUE),
        joint="jaw",
    )


def _teeth(name: str, *, edge_y: float, behind: float, turned: float, box, joint: str) -> Part:
    """Return a row of teeth; `turned` is +1 for the upper row and -1 for the lower."""
    place, inside = _along_arch()  # (S,) millimetres from the middle, (S,) 0 in a gap to 1 amid a tooth
    angle = _arch_angles(place)
    outward = np.column_stack([np.sin(angle) / ARCH_WIDTH, np.cos(angle) / ARCH_LENGTH])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    arch = np.column_stack([ARCH_WIDTH * np.sin(angle), ARCH_CENTRE_Z + ARCH_LENGTH * np.cos(angle)])
    points, colors = [], []
    for height, depth, gum in SECTION:
        bulge = (0.55 * inside - 0.55) * (1.0 - gum)
        scallop = 1.1 * inside * (8.0 < height < 12.0) + 0.5 * (inside < 0.2) * (
            height < 1.0
        )  # at the gum, at the edge
        xz = arch + outward * (bulge - depth - behind)[:, None]
        y = edge_y + turned * (height + scallop)
        points.append(np.column_stack([xz[:, 0], y, xz[:, 1]]))
        tooth = TOOTH_GAP_COLOR + (TOOTH_COLOR - TOOTH_GAP_COLOR) * smoothstep(inside, 0.0, 0.45)[:, None]
        shade = smoothstep(np.abs(place), 42.0, 12.0)[:, None] * 0.4 + 0.6  # darker towards the back
        colors.append((tooth * (1.0 - gum) + GUM_COLOR * gum) * shade)
    rows, columns = len(SECTION), len(place)
    quads = grid_quads(rows, columns)
    if turned < 0:
        quads = quads[:, ::-1]
    flat = np.stack(np.meshgrid(place, -np.arange(rows)), axis=-1).reshape(-1, 2)
    points, colors = np.concatenate(points), np.concatenate(colors)
    return Part(name, points, quads, corner_uv(flat, quads, box), colors, np.full(len(quads), TEETH), joint=joint)


def _along_arch() -> tuple[np.ndarray, np.ndarray]:
    """Return places along the arch from right to left, and how far inside a tooth each is."""
    fractions = np.arange(SAMPLES_PER_TOOTH) / SAMPLES_PER_TOOTH
    starts = np.concatenate([[0.0], np.cumsum(TOOTH_WIDTHS)])
    place = np.concatenate([start + fractions * width for start, width in zip(starts, TOOTH_WIDTHS)])
    inside = np.tile(np.sin(np.pi * fractions) ** 0.5, len(TOOTH_WIDTHS))
    return np.concatenate([-place[:0:-1], place]), np.concatenate([inside[:0:-1], inside])


def _arch_angles(place: np.ndarray) -> np.ndarray:
    """Return the ellipse's angle at each arc length from the middle."""
    angle = np.linspace(0.0, 2.0, 400)
    speed = np.hypot(ARCH_WIDTH * np.cos(angle), ARCH_LENGTH * np.sin(angle))
    length = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(angle))])
    return np.sign(place) * np.interp(np.abs(place), length, angle)
