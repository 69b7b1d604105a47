"""Filling gaps: values for the frames in which no face was found."""

import numpy as np


def fill_gaps(values: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return one row a frame: known rows as they are, rows in a gap drawn straight between their neighbours.

    Before the first known row and after the last, that row is held. Without a gap it is `values` itself.
    Args:
        values: (K, ...) the known rows, in order.
        gap: (T,) bool, True for the T - K frames to fill.
    Raises:
        ValueError: no known rows, or not as many as frames without a gap.
    """
    known = np.flatnonzero(~gap)
    if len(known) != len(values) or not len(known):
        raise ValueError(f"{len(values)} rows for {len(known)} frames without a gap")
    if len(known) == len(gap):
        return values
    frames = np.flatnonzero(gap)
    columns = values.reshape(len(values), -1)
    filled = np.empty((len(gap), columns.shape[-1]), values.dtype)
    filled[known] = columns
    for index, column in enumerate(columns.T):
        filled[frames, index] = np.interp(frames, known, column)
    return filled.reshape(len(gap), *values.shape[1:])


def gap_ranges(gap: np.ndarray) -> list[tuple[int, int]]:
    """Return the gaps as (first frame, last frame), in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], gap, [False]]).astype(int)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2])]
