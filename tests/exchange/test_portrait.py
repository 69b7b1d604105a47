"""Pictures for previews."""

import numpy as np

from smirk_blender.exchange.portrait import portrait

SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
FRONT = np.array([[0, 1, 2], [0, 2, 3]])


def test_a_square_fills_the_picture_without_holes_in_its_colour():
    picture = portrait(SQUARE, FRONT, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), size_px=64)
    assert picture.shape == (64, 64, 4) and picture.dtype == np.float32
    inside = picture[4:-4, 4:-4]
    assert inside[..., 3].min() == 1.0
    assert picture[0, 0, 3] == 0.0
    lower_right, upper_left = inside[5, -5], inside[-5, 5]  # the lowest row is the first
    assert lower_right[0] > 0.8 and lower_right[1] == 0 and upper_left[1] > 0.8 and upper_left[0] == 0


def test_what_is_nearer_hides_what_is_farther_and_what_looks_away_is_not_drawn():
    points = np.concatenate([SQUARE, 0.5 * SQUARE + [0, 0, 1], 2 * SQUARE + [0, 0, 2]])
    triangles = np.concatenate([FRONT + 4, FRONT, FRONT[:, ::-1] + 8])
    colors = np.repeat([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 2, axis=0)
    picture = portrait(points, triangles, colors, size_px=64)
    assert picture[32, 32, 2] > 0.8 and picture[32, 32, 0] == 0  # blue before red
    assert picture[32, 20, 0] > 0.8 and picture[32, 20, 2] == 0  # red beside it
    assert not np.any(picture[..., 1])


def test_a_part_of_the_height_fills_the_picture():
    points = np.concatenate([SQUARE, SQUARE + [0, 4, 0]])  # from -1 to 5
    triangles = np.concatenate([FRONT, FRONT + 4])
    colors = np.repeat([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 2, axis=0)
    picture = portrait(points, triangles, colors, part=(0.0, 1 / 3), size_px=32)
    assert picture[..., 2].min() > 0.8 and not np.any(picture[..., 0])


def test_a_bent_surface_is_shaded_without_edges():
    angles = np.linspace(-1.2, 1.2, 9)
    rim = np.stack([np.sin(angles), np.zeros(9), np.cos(angles)], -1)
    points = np.concatenate([rim + [0, -1, 0], rim + [0, 1, 0]])
    low = np.arange(8)
    triangles = np.concatenate([np.stack([low, low + 1, low + 10], -1), np.stack([low, low + 10, low + 9], -1)])
    row = portrait(points, triangles, np.full((16, 3), 0.5), size_px=128)[64, 12:-12, 0]
    assert np.abs(np.diff(row)).max() < 0.02 < 0.1 < np.ptp(row)  # steps of 0.04 where each triangle has one shade
