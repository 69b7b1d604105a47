"""Takes and files of the least that there can be."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.flame import LandmarkEmbedding, builtin_head
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.arkit_curves import take_of_curves
from smirk_blender.retarget.arkit_solve import arkit_curves
from smirk_blender.retarget.character import Character
from smirk_blender.retarget.face_bones import FaceBones
from smirk_blender.retarget.followers import FollowingRig, free_carriage
from smirk_blender.retarget.live_link import read_live_link, write_live_link
from smirk_blender.retarget.onto import Recipient, retargeted
from smirk_blender.retarget.profile import RetargetProfile
from tests.builders import make_take

SMILE = "mouthSmile_L"


def small_take(num_frames):
    head = builtin_head()
    expression = np.zeros((num_frames, head.num_expression), np.float32)
    expression[:, head.expression_names.index(SMILE)] = 0.6
    return make_take(
        num_frames,
        head,
        shape=np.zeros(head.num_shape, np.float32),
        expression=expression,
        jaw_pose=np.zeros((num_frames, 3)),
        eyelid=np.zeros((num_frames, 2)),
    )


def own_recipient() -> tuple[Recipient, LandmarkEmbedding]:
    """The built-in head itself as a character whose keys have no names of ARKit's."""
    head = builtin_head()
    moves = (head.vertices(expression=np.eye(head.num_expression)) - head.template).astype(np.float32)
    names = tuple(f"key {number}" for number in range(len(moves)))
    limits = np.tile([0.0, 1.0], (len(names), 1))
    character = Character("Head", head.template.astype(np.float64), head.triangles, names, moves, limits)
    still = FollowingRig((), (), np.zeros(0), free_carriage(()))
    return Recipient(character, FaceBones(), still, np.eye(3)), head.landmarks


@pytest.mark.parametrize("num_frames", [1, 2])
def test_a_take_of_a_frame_or_two_is_retargeted_by_geometry(num_frames):
    recipient, landmarks = own_recipient()
    head = builtin_head()
    profile = RetargetProfile(by="geometry", landmarks=landmarks)
    result = retargeted(small_take(num_frames), head, recipient, profile)
    smile = head.expression_names.index(SMILE)
    assert result.weights.shape == (num_frames, len(recipient.character.key_names))
    np.testing.assert_allclose(result.weights[:, smile], 0.6, atol=0.1)


@pytest.mark.parametrize("num_frames", [1, 2])
def test_a_take_of_a_frame_or_two_goes_through_a_csv_file(num_frames, tmp_path):
    curves = arkit_curves(small_take(num_frames), builtin_head())
    read = read_live_link(write_live_link(curves, tmp_path / "line.csv"))
    np.testing.assert_allclose(read.weights, curves.weights, atol=1e-5)
    np.testing.assert_allclose(read.weights[:, ARKIT_NAMES.index("mouthSmileLeft")], 0.6, atol=1e-5)
    assert len(take_of_curves(read, "line.csv")) == num_frames


def test_loose_vertices_far_from_a_face_change_nothing():
    recipient, landmarks = own_recipient()
    head, character = builtin_head(), recipient.character
    profile = RetargetProfile(by="geometry", landmarks=landmarks)
    far = np.array([[1e4, 0.0, 0.0], [-1e4, 3e4, 0.0]])
    offsets = np.concatenate([character.key_offsets, np.ones((len(character.key_names), 2, 3), np.float32)], axis=1)
    strewn = replace(character, vertices=np.concatenate([character.vertices, far]), key_offsets=offsets)
    weights = [
        retargeted(small_take(2), head, replace(recipient, character=which), profile).weights
        for which in (character, strewn)
    ]
    np.testing.assert_allclose(weights[1], weights[0], atol=1e-5)
