"""A take's turns in a character's axes and in its bones'."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.retarget.bone_motion import (
    NECK_SHARE,
    aim_locations,
    bone_turns,
    carried_offsets,
    landmark_axes,
    role_turns,
    sided,
    turned_vectors,
    turning_curves,
    world_axes,
)
from smirk_blender.retarget.character import Character, CharacterBone
from smirk_blender.retarget.face_bones import FaceBones, routed
from smirk_blender.retarget.profile import Follower, RetargetProfile, Route
from tests.builders import make_take

RANDOM = np.random.default_rng(3)
SPUN = matrices_from_axis_angle([0.4, -1.1, 0.7])
MIRROR = np.diag([-1.0, 1.0, 1.0])
TURNS = matrices_from_axis_angle
SAME = 1e-9  # of a turn's matrix, and of object units


def a_bone(name: str, place=(0, 0, 0), axes=np.eye(3), scale=1.0, skinning=None) -> CharacterBone:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = scale * axes, place
    return CharacterBone("Rig", name, matrix, skinning=skinning)


def a_character(*bones: CharacterBone) -> Character:
    return Character("Face", np.zeros((0, 3)), np.zeros((0, 3), int), bones=bones)


def matrices_of(quaternions: np.ndarray) -> np.ndarray:
    angle = 2 * np.arctan2(np.linalg.norm(quaternions[:, 1:], axis=1), quaternions[:, 0])
    sine = np.maximum(np.linalg.norm(quaternions[:, 1:], axis=1), 1e-12)
    return TURNS((angle / sine)[:, None] * quaternions[:, 1:])


@pytest.mark.parametrize("transform", [np.eye(3), SPUN, 100 * SPUN, SPUN @ MIRROR, 0.01 * MIRROR])
def test_a_face_that_was_spun_scaled_and_mirrored_is_found_by_its_landmarks(either_head, transform):
    head = either_head
    noise = 0.01 * float(np.ptp(head.template)) * RANDOM.normal(size=head.template.shape)
    vertices = (head.template + noise) @ transform.T + [3, -2, 5]
    found = landmark_axes(head, replace(a_character(), vertices=vertices), head.landmarks)
    size = abs(np.linalg.det(transform)) ** (1 / 3)
    np.testing.assert_allclose(found, transform / size, atol=0.05)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=SAME)


def test_a_mesh_without_landmarks_faces_the_front_of_the_world():
    matrix = np.eye(4)
    matrix[:3, :3] = 50 * SPUN @ MIRROR
    axes = world_axes(matrix)
    left, up, forth = (matrix[:3, :3] @ axes).T / 50
    np.testing.assert_allclose([left, up, forth], [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=SAME)


@pytest.mark.parametrize("axes", [SPUN, SPUN @ MIRROR])
@pytest.mark.parametrize("own", [TURNS([0.2, 0.3, -2.0]), TURNS([1.0, 0.3, 0.5]) @ MIRROR])
def test_a_bone_turns_in_its_own_axes_as_the_take_does_in_its(axes, own):
    vectors = RANDOM.normal(size=(20, 3))
    quaternions = bone_turns(turned_vectors(vectors, axes), a_bone("jaw", (1, 2, 3), own, scale=7.0))
    in_object = own @ matrices_of(quaternions) @ own.T
    np.testing.assert_allclose(in_object, axes @ TURNS(vectors) @ axes.T, atol=SAME)


def test_quaternions_do_not_flip_while_a_head_spins():
    vectors = np.linspace(0, 7, 50)[:, None] * np.array([0.0, 1.0, 0.0])
    quaternions = bone_turns(vectors, a_bone("head", axes=SPUN))
    assert np.sum(quaternions[1:] * quaternions[:-1], axis=1).min() > 0.99


def test_what_an_eye_looks_at_moves_so_that_the_eye_turns():
    eye, aim = a_bone("MCH-eye.L", (0.3, 1, 2)), a_bone("eye.L", (0.3, -4, 2), SPUN, scale=0.1)
    vectors = np.array([[0.0, 0, 0], [0.2, 0.3, 0.0], [-0.1, -0.4, 0.05]])
    looked = aim.matrix[:3, 3] + aim_locations(vectors, eye, aim) @ aim.matrix[:3, :3].T - eye.matrix[:3, 3]
    np.testing.assert_allclose(looked, TURNS(vectors) @ [0, -5, 0], atol=SAME)


def test_a_neck_and_a_head_turn_together_as_the_skull_does():
    take = make_take(12)
    turns = role_turns(take, RetargetProfile(), SPUN)
    skull, neck = a_bone("head", axes=SPUN), a_bone("neck", axes=TURNS([1, 0, 0]))
    bones = FaceBones(head=("Rig", "head"), neck=("Rig", "neck"))
    curves, taken, notes = turning_curves(turns, a_character(skull, neck), bones)
    by_name = {curve.name: matrices_of(curve.rotation) for curve in curves}
    turn = {
        bone.name: bone.matrix[:3, :3] @ by_name[bone.name] @ bone.matrix[:3, :3].T for bone in (skull, neck)
    }
    whole = SPUN @ TURNS(take.head_pose) @ TURNS(take.neck_pose) @ SPUN.T
    np.testing.assert_allclose(turn["neck"] @ turn["head"], whole, atol=1e-6)
    np.testing.assert_allclose(turn["neck"], TURNS(NECK_SHARE * turns["head"]), atol=SAME)
    assert taken == ("head",) and not notes


def test_each_eye_turns_by_its_own_half_of_the_take_and_gains_scale_the_angle():
    take = make_take(5)
    profile = RetargetProfile(eye_R=Route(gain=2.0))
    turns = role_turns(take, profile, np.eye(3))
    np.testing.assert_allclose(turns["eye_L"], take.eye_pose[:, :3], atol=SAME)
    np.testing.assert_allclose(turns["eye_R"], 2 * take.eye_pose[:, 3:].astype(float), atol=SAME)


def test_eyes_that_are_named_by_what_the_viewer_sees_are_exchanged():
    left, right = a_bone("eyeLeft", (-1, 0, 0)), a_bone("eyeRight", (1, 0, 0))
    bones = FaceBones(eye_L=("Rig", "eyeLeft"), eye_R=("Rig", "eyeRight"), aim_L=("Rig", "a"), aim_R=("Rig", "b"))
    swapped = sided(a_character(left, right), bones, np.eye(3))
    assert (swapped.eye_L, swapped.aim_L) == (("Rig", "eyeRight"), ("Rig", "b"))
    assert sided(a_character(left, right), bones, MIRROR) == bones


def test_the_skin_that_follows_a_jaw_goes_as_far_as_it_follows():
    jaw = a_bone("jaw", (0, 1, 0))
    points, shares = np.array([[0, 1, 2.0], [0, 1, 2.0], [0, 5, 5.0]]), np.array([1.0, 0.25, 0.0])
    offsets = carried_offsets(jaw, np.array([[0.0, 0, 0], [np.pi / 2, 0, 0]]), points, shares)
    assert not offsets[0].any()
    np.testing.assert_allclose(offsets[1], [[0, -2, -2], [0, -0.5, -0.5], [0, 0, 0]], atol=SAME)


def test_a_character_without_bones_gets_a_note_about_its_head_alone():
    turns = role_turns(make_take(3), RetargetProfile(), np.eye(3))
    curves, taken, notes = turning_curves(turns, a_character(), FaceBones(jaw=("Rig", "gone")))
    assert curves == () and taken == ()
    assert len(notes) == 1 and "Face has no bone for its head" in notes[0]


FOUND = FaceBones(
    jaw=("Rig", "jaw"), eye_L=("Rig", "MCH-eye.L"), aim_L=("Rig", "eye.L"), followers=(Follower("Rig", "lips.L"),)
)


def test_a_profile_decides_which_bones_are_turned():
    profile = RetargetProfile(
        jaw=Route(to="keys"), eye_L=Route(to="bone", owner="Rig", bone="other"), head=Route("bone", "Rig", "skull")
    )
    bones = routed(FOUND, profile, keys_move_face=False)
    assert bones.jaw is None and bones.eye_L == ("Rig", "other") and bones.aim_L is None
    assert bones.head == ("Rig", "skull") and bones.followers == FOUND.followers
    assert bones.names() == (("Rig", "other"), ("Rig", "skull"), ("Rig", "lips.L"))
    at_target = RetargetProfile(eye_L=Route(to="bone", owner="Rig", bone="eye.L"))
    assert routed(FOUND, at_target, keys_move_face=False) == FOUND


def test_followers_that_were_found_leave_the_face_to_its_keys():
    bones = routed(FOUND, RetargetProfile(), keys_move_face=True)
    assert bones.followers == () and "1 bones of the face stay at rest" in bones.notes[0]
    named = RetargetProfile(followers=(Follower("Rig", "brow"),))
    assert routed(FOUND, named, keys_move_face=True).followers == named.followers
