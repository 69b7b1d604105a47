"""The part of a head that is drawn over footage."""

import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.flame.wire import FaceWire
from smirk_blender.take.contours import CONTOURS
from tests.builders import make_take, tiny_head


def faceless_head():
    """Return a made-up ball whose joints lie in one place, so that there is no face to be found: all of it is drawn."""
    joints = np.zeros((5, 50))
    joints[:, 0] = 1.0
    return tiny_head(joint_regressor=joints)


def test_a_part_of_a_head_moves_as_it_does_on_the_whole(any_head):
    take = make_take(4, any_head)
    keep = np.random.default_rng(0).choice(len(any_head.template), 30, replace=False)
    part = any_head.part(keep, take.shape)
    moved = part.vertices(**(take.head_parameters() | {"shape": None}))
    whole = any_head.vertices(**take.head_parameters())[:, keep]
    np.testing.assert_allclose(moved, whole, atol=2e-6)  # metres


def test_every_edge_of_a_closed_mesh_has_its_two_sides():
    head = faceless_head()
    wire = FaceWire(head, np.zeros(1))
    assert len(wire.edges) == len(head.triangles) * 3 // 2
    assert (wire.edges[:, 0] < wire.edges[:, 1]).all() and len(np.unique(wire.edges, axis=0)) == len(wire.edges)


def test_only_edges_that_face_the_camera_are_drawn():
    head = faceless_head()
    wire = FaceWire(head, np.zeros(1))
    seen = wire.facing_edges(1000 * head.template[:, :2] * [1, -1])
    assert 0.5 * len(wire.edges) < len(seen) < 0.8 * len(wire.edges)
    depth = head.template[:, 2]
    assert depth[seen].max(axis=1).min() > -0.02  # metres: of the ball's 0.1 behind its middle
    behind = wire.facing_edges(1000 * head.template[:, :2] * [-1, -1])
    assert depth[behind].min(axis=1).max() < 0.02


def test_the_face_of_the_built_in_head_is_its_skin_around_eyes_and_mouth():
    head = builtin_head()
    wire = FaceWire(head, np.zeros(1))
    points = wire.head.template
    assert len(points) < 7000 and points[:, 2].min() > -0.02  # metres; neither hair nor the back of the head
    landmarks = head.landmarks.points(head.template[None])[0]
    chosen = [number for name in ("outer lips", "left eye", "right eye") for number in CONTOURS[name]]
    for number in set(chosen) & set(head.landmarks.indices.tolist()):
        at = landmarks[head.landmarks.indices.tolist().index(number)]
        assert np.linalg.norm(points - at, axis=1).min() < 0.003  # metres


@pytest.mark.parametrize("name", [name for name in CONTOURS if name != "face"])  # no landmarks on its outline
def test_contours_go_from_neighbour_to_neighbour(name):
    head = builtin_head()
    places = dict(zip(head.landmarks.indices.tolist(), head.landmarks.points(head.template[None])[0]))
    chain = [places[number] for number in CONTOURS[name] if number in places]
    steps = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    assert CONTOURS[name][0] == CONTOURS[name][-1] or "brow" in name
    longest = {"iris": 0.012, "eye": 0.008, "lips": 0.012, "edge": 0.02}
    assert steps.max() < next(value for kind, value in longest.items() if kind in name)  # metres


def test_the_faces_outline_is_one_closed_line_of_36_landmarks():
    chain = CONTOURS["face"]
    assert chain[0] == chain[-1] and len(set(chain)) == len(chain) - 1 == 36
