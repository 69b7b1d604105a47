"""A face in a few lines, to show which place is meant: seen from its front, in millimetres on the built-in head.

x runs to the right of the picture, which is the face's own left; y up.
"""

import numpy as np

from .guide import PLACES

HALF = (  # of the face, on its left; the other half is its mirror image
    ((0, 80), (24, 77), (45, 66), (60, 46), (68, 20), (68, -5), (63, -30), (53, -52), (36, -69), (18, -78), (0, -80)),
    ((16, 27), (18, 32), (22, 34), (27, 36), (33, 37), (38, 36), (44, 33), (47, 30), (40, 25), (32, 23), (22, 25),
     (16, 27)),
    ((14, 51), (28, 52), (40, 53), (49, 50), (56, 44), (52, 41), (46, 46), (38, 48), (27, 48), (12, 43), (14, 51)),
    ((0, -33), (7, -32), (15, -34), (26, -39), (19, -44), (8, -49), (0, -49)),
    ((0, -39), (11, -39), (26, -39)),
    ((6, 10), (9, -1), (19, -7), (20, -10), (16, -17), (7, -19), (0, -20)),
)  # fmt: skip
LEFT_PLACES = {
    263: (47, 30), 362: (16, 27), 386: (33, 37), 374: (32, 23), 285: (12, 43), 276: (52, 41), 358: (20, -10),
    291: (26, -39), 4: (0, -6), 0: (0, -33), 13: (0, -39), 17: (0, -49), 152: (0, -80),
}  # fmt: skip
HEIGHT, WIDTH = 160.0, 136.0


def diagram_lines() -> tuple[np.ndarray, np.ndarray]:
    """Return the lines' points, (P, 2) float64, and edges, (E, 2) int."""
    points, edges = [], []
    for chain in HALF:
        for side in (1, -1):
            start = len(points)
            points += [(side * x, y) for x, y in chain]
            edges += [(at, at + 1) for at in range(start, len(points) - 1)]
    return np.array(points, np.float64), np.array(edges, np.int32)


def diagram_places() -> dict[int, np.ndarray]:
    """Return where each landmark of the list is, (2,), on both sides."""
    places = {index: np.array(at, np.float64) for index, at in LEFT_PLACES.items()}
    return places | {place.partner: places[place.index] * (-1, 1) for place in PLACES if place.partner is not None}
