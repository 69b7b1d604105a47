"""Characters whose keys bear ARKit's names."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.by_names import character_weights, keys_by_name
from smirk_blender.retarget.character import Character, CharacterBone
from smirk_blender.retarget.profile import KeySettings, RetargetProfile
from tests.retarget.curves import made_up_curves

FACE, LIDS, EYEBALL = 0, 1, 2  # the character's vertices
PLAIN = RetargetProfile()


def character(*key_names, **replacements):
    """A character of three vertices, each of whose keys moves the face's."""
    offsets = np.zeros((len(key_names), 3, 3), np.float32)
    offsets[:, FACE, 1] = 1.0
    parts = dict(key_names=key_names, key_offsets=offsets, key_limits=np.tile([0.0, 1.0], (len(key_names), 1)))
    return Character("Bob", np.eye(3), np.array([[0, 1, 2]]), **(parts | replacements))


def bone(**carried):
    """A bone that carries vertices so much."""
    skinning = np.zeros(3, np.float32)
    for name, share in carried.items():
        skinning[{"face": FACE, "lids": LIDS, "eyeball": EYEBALL}[name]] = share
    return CharacterBone("Rig", "bone", np.eye(4), skinning=skinning)


def test_keys_with_names_get_their_weights_and_no_others_are_moved():
    curves = made_up_curves(20)
    keys = ["Bob_fat", *(f"Face_{name}" for name in ARKIT_NAMES), "teeth out"]
    found = character_weights(curves, character(*keys), PLAIN)
    assert found.key_names == tuple(keys[1:-1]) and found.notes == ()
    np.testing.assert_allclose(found.weights, curves.weights, atol=1e-6)


def test_what_the_character_lacks_is_said():
    found = character_weights(made_up_curves(3), character(*(name for name in ARKIT_NAMES if "eye" not in name)), PLAIN)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("Bob has no key for eyeBlinkLeft, eyeLookDownLeft,")
    assert found.notes[0].endswith("and 6 more")


def test_gains_bounds_neutral_and_limits_are_kept():
    curves = made_up_curves(40)
    keys = {
        "jawOpen": KeySettings(gain=2.0, high=0.9),
        "mouthFunnel": KeySettings(neutral=0.25),
        "cheekPuff": KeySettings(enabled=False, neutral=0.1),
    }
    profile = RetargetProfile(keys=keys, regions={"brows": 0.5, "mouth": 0.5})
    limits = np.array([[0, 1], [0, 1], [0, 1], [0, 0.3], [-1, 2]], float)
    bob = character("jawOpen", "mouthFunnel", "cheekPuff", "browInnerUp", "noseSneer_L", key_limits=limits)
    found = character_weights(curves, bob, profile)
    expected = {
        "jawOpen": np.minimum(2 * curves.weight("jawOpen"), 0.9),
        "mouthFunnel": 0.5 * curves.weight("mouthFunnel") + 0.25,
        "cheekPuff": np.full(40, 0.1),
        "browInnerUp": np.minimum(0.5 * curves.weight("browInnerUp"), 0.3),
        "noseSneer_L": curves.weight("noseSneerLeft"),
    }
    np.testing.assert_allclose(found.weights, np.column_stack([expected[key] for key in found.key_names]), atol=1e-6)
    assert "Switched off in the profile: cheekPuff" in found.notes


def test_a_key_may_stand_for_another_name():
    keys = {"grin": KeySettings(stands_for="mouthSmileLeft"), "jawOpen": KeySettings(stands_for="jawForward")}
    bob = character("jawOpen", "grin", "mouthSmileLeft", "jaw_open")
    found = keys_by_name(bob, RetargetProfile(keys=keys))
    assert found == {"mouthSmileLeft": "grin", "jawForward": "jawOpen", "jawOpen": "jaw_open"}


@pytest.mark.parametrize(
    ("carried", "moves"), [({"face": 1.0}, False), ({"eyeball": 1.0}, True), ({"face": 0.1}, True)]
)
def test_a_jaw_bone_takes_over_the_keys_whose_vertices_it_carries(carried, moves):
    curves = made_up_curves(10)
    bob = character("jawOpen", "jawLeft", "jawForward", "mouthClose")
    found = character_weights(curves, bob, PLAIN, turned={"jaw": bone(**carried)})
    weights = dict(zip(found.key_names, found.weights.T))
    assert weights["jawOpen"].any() == weights["jawLeft"].any() == moves
    np.testing.assert_allclose(weights["jawForward"], curves.weight("jawForward"), atol=1e-6)
    assert any(note == "Bones turn what jawLeft, jawOpen would move" for note in found.notes) != moves


def test_lids_still_follow_eyes_that_bones_turn():
    offsets = np.zeros((2, 3, 3), np.float32)
    offsets[0, LIDS], offsets[1, EYEBALL] = [0, -1, 0], [0, -1, 0]
    bob = character("eyeLookDown_L", "eyeLookDown_R", key_offsets=offsets)
    eyes = {"eye_L": bone(eyeball=1.0), "eye_R": bone(eyeball=1.0)}
    left, right = character_weights(made_up_curves(10), bob, PLAIN, turned=eyes).weights.T
    assert left.any() and not right.any()
    objects = {part: replace(eye, skinning=None) for part, eye in eyes.items()}
    assert character_weights(made_up_curves(10), bob, PLAIN, turned=objects).weights.any(axis=0).all()


def test_a_character_without_keys_gets_nothing():
    bob = character(key_offsets=None, key_limits=None)
    assert character_weights(made_up_curves(4), bob, PLAIN).weights.shape == (4, 0)
