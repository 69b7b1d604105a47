"""Which of MediaPipe's 478 landmarks follow each other along the face's outlines. Left and right are the actor's."""

import numpy as np

# Closed outlines start again where they end. Numbers as in MediaPipe's canonical face model.
CONTOURS: dict[str, tuple[int, ...]] = {
    "face": (
        10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10,
    ),
    "outer lips": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61),
    "inner lips": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78),
    "left eye": (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382, 362),
    "right eye": (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7, 33),
    "left iris": (474, 475, 476, 477, 474),
    "right iris": (469, 470, 471, 472, 469),
    "left brow, upper edge": (336, 296, 334, 293, 300),
    "left brow, lower edge": (285, 295, 282, 283, 276),
    "right brow, upper edge": (107, 66, 105, 63, 70),
    "right brow, lower edge": (55, 65, 52, 53, 46),
}  # fmt: skip


def contour_lines() -> np.ndarray:
    """Return every contour's steps, (E, 2) int: from which landmark to which."""
    return np.concatenate([np.column_stack([chain[:-1], chain[1:]]) for chain in CONTOURS.values()])
