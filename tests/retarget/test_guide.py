"""The guided list: what is asked for, what mirroring gives, and where a mesh mirrors itself."""

import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.retarget.face_diagram import diagram_places
from smirk_blender.retarget.guide import (
    PLACES,
    asked_places,
    embedding_of,
    is_enough,
    missing_places,
    next_place,
    place_of,
    points_of,
    points_of_move,
    sides_exchanged,
    with_sides_exchanged,
)
from smirk_blender.retarget.picks import Picks
from smirk_blender.retarget.surface_point import SurfacePoint, TriangleSurface
from smirk_blender.retarget.symmetry import mirror_planes
from tests.retarget.ball_face import ball_face, places_before

CHIN = 152
NEAR_M = 1e-4
FRONT = np.array([0.0, -1.0, 0.0])


def face_surface(**options):
    return TriangleSurface(*ball_face(**options))


def point_behind(surface, place):
    """Return the point of a surface's front that is nearest to a line along y."""
    front = surface.vertices[:, 1] < 0
    away = np.linalg.norm((surface.vertices - place)[:, [0, 2]], axis=1)
    return surface.nearest(surface.vertices[np.where(front, away, np.inf).argmin()])


def picked(picks, left_out=()):
    places = places_before()
    while picks.place is not None:
        if picks.place.index in left_out:
            picks.leave_out()
        else:
            picks.pick(point_behind(picks.surface, places[picks.place.index]))
    return picks


def test_every_place_is_on_the_heads_that_takes_are_solved_on(shared_folder):
    with np.load(shared_folder / "flame" / "mediapipe_landmark_embedding.npz") as archive:
        flame = set(archive["landmark_indices"].tolist())
    builtin = set(builtin_head().landmarks.indices.tolist())
    listed = {place.index for place in asked_places(mirrored=False)}
    assert listed <= builtin and listed - flame == {CHIN}


def test_the_drawn_face_shows_every_place_where_it_is():
    points = points_of(builtin_head().landmarks)
    for index, place_mm in diagram_places().items():
        on_head_mm = 1000 * points[index].on(builtin_head().template.astype(np.float64))[:2]
        np.testing.assert_allclose(place_mm, on_head_mm, atol=1.0)
    assert set(diagram_places()) == {place.index for place in asked_places(mirrored=False)}


def test_sides_are_named_as_the_actors():
    head = builtin_head()  # +x is the actor's left
    points = points_of(head.landmarks)
    for place in asked_places(mirrored=False):
        across_m = points[place.index].on(head.template.astype(np.float64))[0]
        if place.partner is None:
            assert abs(across_m) < 0.001, place
        else:
            assert (across_m > 0.005) == ("Left" in place.name), place
            assert (across_m < -0.005) == ("Right" in place.name), place
    for place in PLACES:
        assert place.partner is None or place.other_side.partner == place.index
    assert len({place.name for place in asked_places(mirrored=False)}) == 21


def test_one_side_is_asked_for_where_the_other_comes_by_itself():
    assert asked_places(mirrored=True) == PLACES and len(PLACES) == 13
    both = asked_places(mirrored=False)
    assert [place.name for place in both[:2]] == ["Outer Corner of the Left Eye", "Outer Corner of the Right Eye"]
    done = {place.index for place in both[:3]}
    assert next_place(both, done) == both[3]
    assert next_place(both, {place.index for place in both}) is None


def test_what_is_missing_is_told_and_what_is_enough():
    every = {place.index for place in asked_places(mirrored=False)}
    assert missing_places(every) == [] and is_enough(every)
    missing = [place.name for place in missing_places(every - {33, 4})]
    assert missing == ["Outer Corner of the Right Eye", "Tip of the Nose"]
    one_side = {place.index for place in PLACES if place.partner}
    assert not is_enough(one_side)
    assert not is_enough({index for index in every if place_of(index).partner})  # nothing in the middle
    assert is_enough({263, 33, 362, 133, 291, 61, 4, 0, 17})


def test_the_nearest_point_is_that_of_a_fine_sampling():
    vertices, triangles = ball_face()
    surface = TriangleSurface(vertices, triangles)
    random = np.random.default_rng(5)
    shares = random.dirichlet((1, 1, 1), 200)
    sampled = np.einsum("kc,fcd->fkd", shares, vertices[triangles]).reshape(-1, 3)
    for place in random.normal(0, 0.12, (10, 3)):
        point = surface.nearest(place)
        away_m = np.linalg.norm(point.on(vertices) - place)
        nearest_sample_m = np.linalg.norm(sampled - place, axis=1).min()
        assert nearest_sample_m - 0.001 < away_m <= nearest_sample_m + 1e-9
        assert point.weights.min() >= 0 and point.weights.sum() == pytest.approx(1)
        assert (np.sort(triangles, axis=1) == np.sort(point.corners)).all(axis=1).any()


def test_a_triangle_without_area_has_a_nearest_point_too():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    point = TriangleSurface(vertices, np.array([[0, 1, 2]])).nearest(np.array([1.5, 1.0, 0.0]))
    np.testing.assert_allclose(point.on(vertices), [1.5, 0, 0], atol=1e-12)


@pytest.mark.parametrize("shift", [(0, 0, 0), (3.0, -1.0, 2.0)])
@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_the_plane_is_found_wherever_the_mesh_stands(shift, turn):
    vertices, triangles = ball_face()
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    plane = mirror_planes(TriangleSurface(vertices @ rotation.T + shift, triangles))[0]
    assert abs(plane.normal @ rotation[:, 0]) == pytest.approx(1, abs=1e-4)
    assert abs(plane.distances(np.array(shift, float))) < 1e-4  # metres


def test_a_mesh_that_differs_from_side_to_side_has_no_plane():
    assert mirror_planes(face_surface(shifted=0.01)) == []


def test_picks_of_one_side_give_both(figure):
    surface = face_surface()
    picks = picked(Picks(surface, mirror_planes(surface)))
    assert set(picks.points) == {place.index for place in asked_places(mirrored=False)}
    places = {index: point.on(surface.vertices) for index, point in picks.points.items()}
    missed_m = max(
        np.linalg.norm(places[place.index] * (-1, 1, 1) - places[place.partner or place.index]) for place in PLACES
    )
    figure("farthest from the mirror image", 1000 * missed_m, "mm")
    assert missed_m < NEAR_M
    np.testing.assert_allclose(places[4][0], 0, atol=NEAR_M)
    assert places[4][1] < -0.115  # metres: on the nose


def test_without_symmetry_both_sides_are_asked_for():
    surface = face_surface(shifted=0.01)
    picks = Picks(surface, mirror_planes(surface))
    asked = []
    while picks.place is not None:
        asked.append(picks.place.name)
        before = set(picks.points)
        picks.pick(point_behind(surface, places_before()[picks.place.index]))
        assert len(set(picks.points) - before) == 1
    assert len(asked) == 21 and asked[2:4] == ["Inner Corner of the Left Eye", "Inner Corner of the Right Eye"]


def test_taking_back_asks_again_and_a_place_can_be_left_out():
    surface = face_surface()
    picks = Picks(surface, mirror_planes(surface))
    first = picks.place
    picks.pick(surface.nearest(np.array([0.04, -0.2, 0.03])))
    picks.leave_out()
    assert picks.place == PLACES[2] and picks.number == 3 and set(picks.points) == {263, 33}
    picks.take_back()
    assert picks.place == PLACES[1] and set(picks.points) == {263, 33}
    picks.take_back()
    picks.take_back()  # nothing is left
    assert picks.place == first and picks.points == {} and picks.number == 1
    picked(picks, left_out=(285, 276))
    assert len(missing_places(picks.points)) == 4 and picks.enough


def test_a_ball_is_mirrored_across_the_view():
    vertices, triangles = ball_face()
    round_one = TriangleSurface(vertices / np.linalg.norm(vertices, axis=1, keepdims=True), triangles)
    picks = Picks(round_one, mirror_planes(round_one))
    assert len(picks.planes) >= 2
    x, y, z = np.eye(3)
    picks.choose_plane(y, z)  # seen from the side: the face looks along x
    picks.pick(round_one.nearest(np.array([0.8, 0.5, 0.3])))
    left, right = (picks.points[index].on(round_one.vertices) for index in (263, 33))
    np.testing.assert_allclose(right, left * (1, -1, 1), atol=1e-3)  # of the ball's radius
    picks.choose_plane(x, z)  # too late: what is mirrored stays
    assert abs(picks.planes[0].normal[1]) > 0.99
    lying = Picks(round_one, [plane for plane in mirror_planes(round_one) if abs(plane.normal[2]) > 0.99])
    lying.choose_plane(y, z)  # what mirrors top and bottom mirrors no face
    assert lying.planes == [] and len(lying.asked) == 21


def test_left_is_the_characters_own_whichever_side_was_picked():
    surface = face_surface()
    right_way = picked(Picks(surface, mirror_planes(surface))).points
    wrong_way = with_sides_exchanged(right_way)
    assert wrong_way.keys() == right_way.keys()
    assert with_sides_exchanged(wrong_way) == right_way
    for points, expected in ((right_way, False), (wrong_way, True)):
        places = {index: point.on(surface.vertices) for index, point in points.items()}
        assert sides_exchanged(places, FRONT) is expected
        upside_down = {index: place * (-1, 1, -1) for index, place in places.items()}
        assert sides_exchanged(upside_down, FRONT) is expected
    assert not sides_exchanged({4: np.zeros(3)}, FRONT)  # nothing tells
    picks = picked(Picks(surface, mirror_planes(surface)))
    picks.points = with_sides_exchanged(picks.points)
    assert picks.settle_sides(surface.vertices, FRONT)
    np.testing.assert_array_equal(picks.points[263].corners, right_way[263].corners)


def test_a_moved_point_takes_its_partner_along():
    surface = face_surface()
    plane = mirror_planes(surface)[0]
    dense = {1000 + row: surface.nearest(place) for row, place in enumerate([[0.03, -0.1, 0.0], [-0.03, -0.1, 0.0]])}
    points = picked(Picks(surface, [plane])).points | dense
    target = surface.nearest(np.array([0.05, -0.1, 0.05]))
    for index, partner in ((263, 33), (33, 263), (1000, 1001)):
        moved = points_of_move(index, target, points, surface, plane)
        assert set(moved) - {1000, 1001} == {index, partner} - {1000, 1001} and moved[index] is target
        np.testing.assert_allclose(
            moved[partner].on(surface.vertices), target.on(surface.vertices) * (-1, 1, 1), atol=NEAR_M
        )
    (middle,) = points_of_move(4, target, points, surface, plane).values()
    np.testing.assert_allclose(middle.on(surface.vertices)[0], 0, atol=NEAR_M)
    alone = {263: points[263]}
    assert points_of_move(263, target, alone, surface, plane) == {263: target}
    assert points_of_move(263, target, alone | {33: points[33]}, surface, None) == {263: target}


def test_what_lies_around_a_moved_place_goes_along(figure):
    surface = face_surface()
    plane = mirror_planes(surface)[0]
    listed = picked(Picks(surface, [plane])).points
    random = np.random.default_rng(3)
    around = surface.vertices[surface.vertices[:, 1] < -0.03]
    others = {1000 + row: surface.nearest(place) for row, place in enumerate(random.permutation(around)[:200])}
    start = {index: point.on(surface.vertices) for index, point in (listed | others).items()}
    target = surface.nearest(start[291] + (0.006, 0, 0.004))
    moved = points_of_move(291, target, listed | others, surface, plane)
    assert set(moved) - set(others) == {291, 61}  # the list's other places stay
    ways = {index: np.linalg.norm(point.on(surface.vertices) - start[index]) for index, point in moved.items()}
    away = {index: min(np.linalg.norm(start[index] - start[side]) for side in (291, 61)) for index in moved}
    assert len(moved) > 8
    assert all(ways[index] < 1.1 * ways[291] for index in moved if index in others)
    assert max(away.values()) < 0.05  # metres
    nearest = min((index for index in moved if index in others), key=away.get)
    assert ways[nearest] > 0.4 * ways[291]
    figure("the nearest of the others goes", 100 * ways[nearest] / ways[291], "% of the way")
    assert set(points_of_move(1000, target, listed | others, surface, None)) == {1000}  # one that is not of the list


def test_points_become_an_embedding_and_come_back():
    nose = SurfacePoint(np.arange(3), np.ones(3) / 3)
    points = {152: SurfacePoint(np.array([3, 4, 5]), np.array([0.5, 0.25, 0.25])), 4: nose}
    embedding = embedding_of(points)
    assert embedding.indices.tolist() == [4, 152] and embedding.weights.dtype == np.float32
    back = points_of(embedding)
    np.testing.assert_allclose(back[152].weights, points[152].weights, atol=1e-7)
    np.testing.assert_array_equal(back[4].corners, [0, 1, 2])
    assert len(embedding_of({})) == 0 and points_of(None) == {}
