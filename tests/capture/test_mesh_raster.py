"""Drawing with a depth buffer."""

import numpy as np

from smirk_blender.capture.mesh_raster import draw_triangles

SIZE_PX = 64


def test_a_pixel_tells_the_place_in_space_that_it_shows():
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-20, 84, (90, 2)), rng.uniform(2.0, 6.0, 90)])
    triangles = np.arange(90).reshape(30, 3)
    drawn = draw_triangles(points, triangles, SIZE_PX)
    in_space = np.column_stack([points[:, :2] * points[:, 2:], points[:, 2]])
    seen = drawn.values(triangles, in_space)[drawn.covered]
    y, x = np.nonzero(drawn.covered)
    assert drawn.covered.mean() > 0.5
    np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], np.column_stack([x, y]), atol=1e-2)  # pixels
    np.testing.assert_allclose(seen[:, 2], drawn.depth[drawn.covered], rtol=1e-4)


def test_the_nearest_triangle_is_seen_wherever_two_overlap():
    square = lambda left, depth: [[left, 0, depth], [left + 40, 0, depth], [left + 40, 63, depth], [left, 63, depth]]
    points = np.array(square(0, 3.0) + square(20, 2.0), float)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    for order in (triangles, triangles[::-1]):
        drawn = draw_triangles(points, order, SIZE_PX)
        np.testing.assert_allclose(drawn.depth[:, 1:19], 3.0, atol=1e-5)
        np.testing.assert_allclose(drawn.depth[:, 21:60], 2.0, atol=1e-5)
        assert not drawn.covered[:, 61:].any()


def test_neighbours_leave_no_gap_between_them():
    steps = np.linspace(-5, 70, 30)
    x, y = np.meshgrid(steps, steps)
    points = np.column_stack([x.ravel() + 0.37 * y.ravel(), y.ravel() - 0.11 * x.ravel(), np.full(900, 4.0)])
    corner = (np.arange(29)[:, None] * 30 + np.arange(29)).ravel()
    triangles = np.concatenate(
        [np.column_stack([corner, corner + 1, corner + 31]), np.column_stack([corner, corner + 31, corner + 30])]
    )
    drawn = draw_triangles(points, triangles, SIZE_PX)
    y_px, x_px = np.mgrid[:SIZE_PX, :SIZE_PX]
    inverse = np.linalg.inv([[1.0, 0.37], [-0.11, 1.0]])
    flat = np.stack([x_px, y_px], axis=-1) @ inverse.T
    inside = ((flat > -4.9) & (flat < 69.9)).all(axis=-1)
    assert drawn.covered[inside].all()


def test_nothing_is_drawn_of_what_is_behind_the_camera():
    points = np.array([[0, 0, -1.0], [60, 0, -1.0], [0, 60, -1.0]])
    assert not draw_triangles(points, np.array([[0, 1, 2]]), SIZE_PX).covered.any()
