"""Bones that follow a surface, in arrays alone."""

import numpy as np
import pytest

from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.retarget.bone_motion import turned_vectors
from smirk_blender.retarget.character import CharacterBone
from smirk_blender.retarget.followers import (
    Carriage,
    FollowingRig,
    follow,
    follower_curves,
    free_carriage,
    surface_at,
    surface_turns,
    turn_features,
)
from smirk_blender.retarget.profile import Follower

RANDOM = np.random.default_rng(5)
UP = np.array([0.0, 0.0, 1.0])
WIDTH = 2.0  # of the made-up face, in its own unit


def face_sheet(count: int = 600) -> np.ndarray:
    """Return points (N, 3) of a curved sheet, WIDTH wide and high, that bulges to -Y."""
    x, z = RANDOM.uniform(-WIDTH / 2, WIDTH / 2, (2, count))
    return np.stack([x, 0.3 * (x**2 + z**2), z], axis=-1)


def bulge(points: np.ndarray) -> np.ndarray:
    """Return a smooth field, (3, N, 3): rest, half and whole; up to a tenth of the face."""
    x, _, z = points.T
    field = 0.05 * WIDTH * np.stack([np.sin(2 * z), np.cos(x + z), np.sin(1.5 * x)], axis=-1)
    return np.array([0.0, 0.5, 1.0])[:, None, None] * field


def some_bones(places: np.ndarray, axes: np.ndarray) -> tuple[CharacterBone, ...]:
    matrices = np.tile(np.eye(4), (len(places), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = axes, places
    return tuple(CharacterBone("Rig", f"lip.{index}", matrix) for index, matrix in enumerate(matrices))


def test_places_move_as_the_surface_beside_them(figure):
    points = face_sheet()
    places = 0.8 * face_sheet(40) + [0, 0.02, 0]
    moved = surface_at(places, points, bulge(points), up=UP, leans=np.zeros(40))
    missed = np.linalg.norm(moved - bulge(places), axis=-1) / WIDTH
    figure("missed at the 95th percentile", 100 * np.percentile(missed, 95), "% of the face's width")
    assert np.percentile(missed, 95) < 0.01
    assert not moved[0].any()


def test_a_bone_of_the_upper_lip_hears_nothing_of_the_lower():
    x = np.linspace(-1, 1, 41)
    lips = [np.stack([x, 0 * x, 0 * x + height], axis=-1) for height in (0.0, 0.02, 0.04, -0.001, -0.021, -0.041)]
    points = np.concatenate(lips)
    displacements = np.where(points[:, 2:] < 0, [[0, 0, -0.3]], 0.0)[None]
    places = np.tile([[0.01, 0, -0.0005]], (3, 1))
    moved = surface_at(places, points, displacements, up=UP, leans=np.array([1, -1, 0]))
    assert moved[0, 0, 2] == 0
    assert moved[0, 1, 2] == pytest.approx(-0.3)
    assert -0.3 < moved[0, 2, 2] < 0


def test_places_turn_as_a_patch_of_the_surface_turns():
    points = face_sheet()
    vector = np.array([0.2, -0.3, 0.1])
    displacements = (points @ (matrices_from_axis_angle(vector) - np.eye(3)).T)[None]
    turns = surface_turns(0.5 * face_sheet(9), points, displacements, up=UP, leans=np.zeros(9))
    np.testing.assert_allclose(turns[0], np.tile(vector, (9, 1)), atol=1e-6)  # radians


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_locations_are_in_the_bones_own_axes_and_unit(mirror):
    points = face_sheet()
    axes = 0.01 * matrices_from_axis_angle(RANDOM.normal(size=(12, 3))) * [mirror, 1, 1]
    bones = some_bones(0.7 * face_sheet(12), axes)
    rig = FollowingRig(
        tuple(Follower("Rig", bone.name, gain=0.5) for bone in bones), bones, np.zeros(12), free_carriage(bones)
    )
    curves = follower_curves(rig, {}, points, bulge(points), up=UP)
    reached = np.stack([curve.location @ bone.matrix[:3, :3].T for curve, bone in zip(curves, bones)], axis=1)
    wanted = 0.5 * surface_at(rig.carriage.places, points, bulge(points), up=UP, leans=np.zeros(12))
    np.testing.assert_allclose(reached, wanted, atol=1e-9)
    assert all(curve.rotation is None for curve in curves)


def test_what_carries_a_bone_already_is_taken_off_its_own_way():
    """A chin that a jaw carries all the way, and a corner of the mouth that pulls another along by half."""
    places = np.array([[0.0, -1, -1], [0.5, -1, 0], [0.3, -1, 0]])
    bones = some_bones(places, np.tile(np.eye(3), (3, 1, 1)))
    free = free_carriage(bones)
    response = free.response.copy()
    response[2, :, 1, :] = 0.5 * np.eye(3)
    carried, turned = np.zeros((9, 3, 3)), np.zeros((3, 3, 3))
    carried[:, 0] = np.kron(np.eye(3), places[0]).T.reshape(9, 3)  # the hinge lies in the origin
    turned[0] = np.eye(3)
    carriage = Carriage(places, free.axes, response, {"jaw": carried}, {"jaw": turned})
    jaw = turned_vectors(np.array([[0.3, 0, 0]]), np.eye(3))
    turn = matrices_from_axis_angle(jaw)[0]
    np.testing.assert_allclose(turn_features(jaw) @ carried[:, 0], [(turn - np.eye(3)) @ places[0]], atol=1e-9)
    wanted = np.array([[(turn - np.eye(3)) @ places[0] + [0.1, 0, 0.05], [0, 0, 0.2], [0, 0, 0.1]]])
    location = follow(wanted, carriage, {"jaw": jaw})[0]
    np.testing.assert_allclose(turn @ location[0], [0.1, 0, 0.05], atol=1e-3)
    np.testing.assert_allclose(location[1:], [[0, 0, 0.2], [0, 0, 0]], atol=2e-3)
    np.testing.assert_allclose(follow(wanted, carriage, {})[0, 0], wanted[0, 0], atol=1e-3)


def test_no_followers_are_no_error():
    rig = FollowingRig((), (), np.zeros(0), free_carriage(()))
    assert follower_curves(rig, {}, face_sheet(30), np.zeros((4, 30, 3)), up=UP) == ()
