"""A piece of the head (skin, eyeball, teeth, hair, ...) and grids of quads to make one from."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """A mesh of its own that becomes a stretch of the head's vertex array.

    Attributes:
        name: plain name; left and right pieces end in _L and _R.
        points: (V, 3) millimetres.
        quads: (F, 4) int, counter-clockwise from outside.
        uv: (F, 4, 2) within 0 to 1.
        colors: (V, 3) linear RGB.
        material: (F,) index into surface.MATERIALS.
        rides_on: which skin vertices carry it: "upper lid", "skin", or "" for a rigid piece.
        joint: of a rigid piece, by name ("neck", "jaw", "eye_L", "eye_R").
    """

    name: str
    points: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    colors: np.ndarray
    material: np.ndarray
    rides_on: str = ""
    joint: str = "neck"


def mirrored(part: Part, *, name: str, joint: str | None = None) -> Part:
    """Return the part's image on the other side, same vertex order."""
    return Part(
        name,
        part.points * np.array([-1.0, 1.0, 1.0]),
        part.quads[:, ::-1],
        part.uv[:, ::-1],
        part.colors,
        part.material,
        part.rides_on,
        part.joint if joint is None else joint,
    )


def grid_quads(rows: int, columns: int, *, closed: bool = False, first: int = 0) -> np.ndarray:
    """Return quads over rows x columns vertices, counter-clockwise where columns run right and rows run down.

    Args:
        closed: the last column is joined to the first.
        first: number of the first vertex.
    """
    vertices = np.arange(rows * columns).reshape(rows, columns) + first
    if closed:
        vertices = np.concatenate([vertices, vertices[:, :1]], axis=1)
    corners = (vertices[:-1, :-1], vertices[1:, :-1], vertices[1:, 1:], vertices[:-1, 1:])
    return np.stack(corners, axis=-1).reshape(-1, 4)


def disc(size: int) -> np.ndarray:
    """Return ((size + 1)**2, 2) points of a unit disc, laid out as a grid; rows run down, columns right.

    Source: the elliptical square-to-disc map (Nowell).
    """
    side = np.linspace(-1.0, 1.0, size + 1)
    u, v = np.meshgrid(side, -side)
    return np.stack([u * np.sqrt(1.0 - v**2 / 2.0), v * np.sqrt(1.0 - u**2 / 2.0)], axis=-1).reshape(-1, 2)


def disc_border(size: int) -> np.ndarray:
    """Return the (4 size,) indices of the disc's border, clockwise from the upper left."""
    grid = np.arange((size + 1) ** 2).reshape(size + 1, size + 1)
    return np.concatenate([grid[0, :-1], grid[:-1, -1], grid[-1, :0:-1], grid[:0:-1, 0]])


def corner_uv(uv: np.ndarray, quads: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return (F, 4, 2): per-vertex uv (V, 2), scaled from its own range into the box (left, bottom, right, top)."""
    low, high = uv.min(axis=0), uv.max(axis=0)
    left, bottom, right, top = box
    scaled = (uv - low) / np.maximum(high - low, 1e-9) * np.array([right - left, top - bottom]) + np.array(
        [left, bottom]
    )
    return scaled[quads]
