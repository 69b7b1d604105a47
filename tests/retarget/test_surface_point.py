"""Where a mesh is nearest to points."""

import numpy as np
import pytest

from smirk_blender.retarget.surface_point import TriangleSurface


@pytest.mark.parametrize(
    ("point", "place", "distance"),
    [
        ((0.2, 0.3, 0.5), (0.2, 0.3, 0.0), 0.5),  # above the inside
        ((0.5, -1.0, 0.0), (0.5, 0.0, 0.0), 1.0),  # beside an edge
        ((2.0, -1.0, 0.0), (1.0, 0.0, 0.0), np.sqrt(2.0)),  # beyond a corner
        ((1.0, 1.0, 0.0), (0.5, 0.5, 0.0), np.sqrt(0.5)),  # beside the long edge
    ],
)
def test_the_nearest_place_is_inside_on_an_edge_or_at_a_corner(point, place, distance):
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    _, weights, away = TriangleSurface(vertices, np.array([[0, 1, 2]])).all_nearest(np.array([point]))
    np.testing.assert_allclose(weights @ vertices, [place], atol=1e-12)
    np.testing.assert_allclose(away, distance, atol=1e-12)


def test_no_place_of_a_mesh_is_nearer_than_the_one_that_is_found():
    rng = np.random.default_rng(3)
    vertices, triangles = rng.normal(size=(40, 3)), rng.integers(0, 40, size=(120, 3))
    triangles = triangles[[len(set(corners)) == 3 for corners in triangles.tolist()]]
    points = rng.normal(size=(60, 3))
    triangle, weights, distance = TriangleSurface(vertices, triangles).all_nearest(points)
    found = np.einsum("nk,nkc->nc", weights, vertices[triangles[triangle]])
    np.testing.assert_allclose(np.linalg.norm(found - points, axis=1), distance, atol=1e-12)
    shares = rng.dirichlet(np.ones(3) * 0.5, size=300)
    tried = np.einsum("sk,fkc->fsc", shares, vertices[triangles]).reshape(-1, 3)
    for point, away in zip(points, distance):
        assert away <= np.linalg.norm(tried - point, axis=1).min() + 1e-12


def test_a_triangle_without_area_is_a_line():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0]], float)
    _, weights, distance = TriangleSurface(vertices, np.array([[0, 1, 2]])).all_nearest(np.array([[2.0, 1.0, 0.0]]))
    np.testing.assert_allclose(weights @ vertices, [[2.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(distance, 1.0, atol=1e-12)
