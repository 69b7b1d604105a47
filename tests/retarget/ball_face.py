"""A made-up character's face: an egg with a nose, and where the guided list's places are on it."""

import numpy as np

from smirk_blender.retarget.face_diagram import diagram_places

RADII_M = np.array([0.075, 0.1, 0.12])  # x to the character's left, -y out of the face, z up: Blender's axes
NOSE_M, NOSE_RADIUS_M = 0.02, 0.018
TAPER = 0.25  # how much broader it is at the top, and narrower at the bottom: not to be symmetric that way
COLUMNS, ROWS = 36, 26


def ball_face(*, shifted: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (V, 3) float64, metres, and triangles (F, 3), outward.

    Args:
        shifted: how far the left half of its front is drawn out, metres: 0 is symmetric about x = 0.
    """
    around, up = np.meshgrid(np.arange(COLUMNS) * 2 * np.pi / COLUMNS, np.linspace(0, np.pi, ROWS + 1)[1:-1])
    rings = np.stack([np.sin(up) * np.sin(around), -np.sin(up) * np.cos(around), np.cos(up)], axis=-1).reshape(-1, 3)
    vertices = np.concatenate([rings, [[0, 0, 1], [0, 0, -1]]]) * RADII_M
    vertices[:, 0] *= 1.0 + TAPER * vertices[:, 2] / RADII_M[2]
    nose = np.exp(-(vertices[:, 0] ** 2 + (vertices[:, 2] + 0.006) ** 2) / NOSE_RADIUS_M**2) * (vertices[:, 1] < 0)
    vertices[:, 1] -= NOSE_M * nose
    vertices[:, 1] -= shifted * np.clip(vertices[:, 0] / RADII_M[0], 0.0, 1.0) * (vertices[:, 1] < 0)
    triangles, top, bottom = [], len(vertices) - 2, len(vertices) - 1
    for column in range(COLUMNS):
        beside = (column + 1) % COLUMNS
        for row in range(ROWS - 2):
            a, b = row * COLUMNS + column, row * COLUMNS + beside
            triangles += [(a, a + COLUMNS, b), (b, a + COLUMNS, b + COLUMNS)]
        last = (ROWS - 2) * COLUMNS
        triangles += [(top, column, beside), (bottom, last + beside, last + column)]
    return vertices, np.array(triangles)


def places_before() -> dict[int, np.ndarray]:
    """Return a point before each place of the guided list, (3,) metres: the face is behind it along y."""
    return {index: np.array([at[0], -200.0, at[1]]) / 1000 for index, at in diagram_places().items()}
