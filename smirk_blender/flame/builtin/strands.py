"""Flat tapered strands, of which brows, lashes and locks of hair are made."""

import numpy as np

from .parts import grid_quads


def ribbons(paths: np.ndarray, sideways: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (N * K * 2, 3) and quads of N ribbons.

    Args:
        paths: (N, K, 3) middle lines.
        sideways: (N, K, 3) unit vectors across.
        widths: (N, K) full widths, same unit.
    """
    count, steps = widths.shape
    half = 0.5 * widths[..., None] * sideways
    points = np.stack([paths - half, paths + half], axis=2).reshape(-1, 3)
    one = grid_quads(steps, 2)
    quads = (one[None] + np.arange(count)[:, None, None] * steps * 2).reshape(-1, 4)
    return points, quads


def scatter(count: int, channel: int) -> np.ndarray:
    """Return (count,) well-spread numbers within 0 to 1, the same every time; each channel is its own series."""
    steps = (0.7548776662466927, 0.5698402909980532, 0.8191725133961645, 0.6710436067037893, 0.4142135623730951)
    return np.mod(0.5 + steps[channel] * np.arange(1, count + 1), 1.0)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
