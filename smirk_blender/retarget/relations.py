"""What an audience reads in a face besides its surface: how far lips, lids and brows stand apart."""

import numpy as np

from ..flame.measures import (
    BROW_L,
    BROW_R,
    EYE_CORNERS_L,
    EYE_CORNERS_R,
    INNER_LIPS,
    LIDS_L,
    LIDS_R,
    LIP_MIDDLE,
    MOUTH_CORNERS,
)

RELATION_WEIGHT = 100.0  # of each, to one of some hundred points: a lid or a corner of the mouth has few of those
BROW_WEIGHT = 300.0  # likewise: all of the forehead and the lids' skin holds brows back
LIDS = tuple(tuple(zip(*lids)) for lids in (LIDS_L, LIDS_R))
BROWS = ((BROW_L, EYE_CORNERS_L), (BROW_R, EYE_CORNERS_R))
ACROSS_LIDS = 0.6  # of what counts along the opening: a squeezed lid slides sideways, which keys cannot and few see
RELATIONS = (  # what moves against what; each is the mean of those landmarks that are there
    *(((upper,), (lower,)) for upper, lower in (*INNER_LIPS, (81, 178), (311, 402))),
    *LIDS,
    *(((corner,), (*LIP_MIDDLE, *INNER_LIPS[0])) for corner in MOUTH_CORNERS),
    (MOUTH_CORNERS[:1], MOUTH_CORNERS[1:]),
    *BROWS,
)


def relations_between(
    indices: np.ndarray, trust: np.ndarray, points: np.ndarray, num_places: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the relations between landmarks that are there, (R, P), how much each counts, (R,), and its directions.

    Args:
        indices: (L,) of the first of the places; trust: (L,) in each.
        points: (L, 3) where they lie at rest.
    Returns:
        Of the last, (R, 3, 3): what a relation's movement is multiplied by.
    """
    row_of = {int(index): row for row, index in enumerate(indices)}
    rows, weights, directions = [], [], []
    for relation in RELATIONS:
        sides = [[row_of[index] for index in side if index in row_of] for side in relation]
        if all(sides):
            row = np.zeros(num_places)
            row[sides[0]], row[sides[1]] = 1.0 / len(sides[0]), -1.0 / len(sides[1])
            rows.append(row)
            weight = BROW_WEIGHT if relation in BROWS else RELATION_WEIGHT
            weights.append(weight * min(trust[side].mean() for side in sides))
            gap = row[: len(points)] @ points
            along = np.outer(gap, gap) / max(gap @ gap, np.finfo(float).tiny)
            directions.append(along + ACROSS_LIDS * (np.eye(3) - along) if relation in LIDS else np.eye(3))
    return np.array(rows).reshape(-1, num_places), np.array(weights), np.array(directions).reshape(-1, 3, 3)
