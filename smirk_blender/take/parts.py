"""Parts of a take, and a take of parts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .take import OPTIONAL_ARRAYS, Take


def part_of(take: Take, rows: slice) -> Take:
    """Return a take of these rows, in order and without steps; it knows which of the video's frames they are."""
    arrays = {name: array[rows] for name, array in take.frame_arrays().items()}
    return replace(take, **arrays, first_frame=take.first_frame + rows.indices(len(take))[0])


def join_parts(parts: Sequence[Take]) -> Take:
    """Return one take of consecutive parts of the same video; identity and facts are the last one's.

    Raises:
        ValueError: none, or they do not follow on each other.
    """
    if not parts:
        raise ValueError("no parts")
    ends = [part.first_frame + len(part) for part in parts[:-1]]
    if ends != [part.first_frame for part in parts[1:]]:
        raise ValueError(f"parts from frames {[part.first_frame for part in parts]} do not follow on each other")
    each = [part.frame_arrays() for part in parts]
    common = set.intersection(*(set(arrays) for arrays in each))
    arrays = {name: np.concatenate([arrays[name] for arrays in each]) for name in common}
    arrays |= {name: None for name in OPTIONAL_ARRAYS if name not in common}
    return replace(parts[-1], **arrays, first_frame=parts[0].first_frame)
