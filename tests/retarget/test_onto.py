"""A take on a character by each of the ways: the built-in head, with ARKit's names, as the character."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.arkit_curves import INDEX, JAW_OPEN_RAD, take_of_curves, weights_between
from smirk_blender.retarget.character import Character, CharacterBone
from smirk_blender.retarget.face_bones import FaceBones
from smirk_blender.retarget.followers import FollowingRig, free_carriage
from smirk_blender.retarget.onto import Recipient, retargeted, retargeted_curves, way_of
from smirk_blender.retarget.profile import KeySettings, RetargetProfile, Route
from smirk_blender.retarget.resample import resample_take
from tests.retarget.curves import made_up_curves
from tests.retarget.test_correspondence import still_take

WAYS = ("names", "geometry", "both")
OPENING = 0.2  # radians
JAW = "jawOpen"


def own_character(*, with_jaw_bone: bool = False) -> Character:
    """Return the built-in head with the keys that it moves by itself: jaw and blinks beside its expressions."""
    head = builtin_head()
    moved = [
        head.vertices(jaw_pose=np.array([[JAW_OPEN_RAD, 0.0, 0.0]]))[0],
        head.vertices(eyelid=np.array([[1.0, 0.0]]))[0],
        head.vertices(eyelid=np.array([[0.0, 1.0]]))[0],
    ]
    offsets = np.concatenate([np.moveaxis(head.expression_directions, -1, 0), np.array(moved) - head.template])
    names = (*head.expression_names, JAW, "eyeBlinkLeft", "eyeBlinkRight")
    matrix = np.eye(4)
    matrix[:3, 3] = head.joints()[0][2]
    bone = CharacterBone("Rig", "jaw", matrix, skinning=head.skinning_weights[:, 2].astype(np.float32))
    return Character(
        "itself",
        head.template.astype(float),
        head.triangles,
        names,
        offsets.astype(np.float32),
        np.tile([0.0, 1.0], (len(names), 1)),
        bones=(bone,) if with_jaw_bone else (),
    )


def recipient_of(character: Character) -> Recipient:
    bones = FaceBones(jaw=("Rig", "jaw") if character.bones else None)
    return Recipient(character, bones, FollowingRig((), (), np.zeros(0), free_carriage(())), np.eye(3))


def profile_by(way: str, **settings) -> RetargetProfile:
    return RetargetProfile(by=way, landmarks=builtin_head().landmarks, **settings)


def opening_take(**moves):
    opening = OPENING * np.sin(np.linspace(0.0, np.pi, 12)) ** 2
    return still_take(builtin_head(), jaw_pose=np.outer(opening, [1.0, 0.0, 0.0]), **moves)


def weights_of(found) -> dict[str, np.ndarray]:
    return dict(zip(found.key_names, found.weights.T))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "settings",
    [{"jaw": Route(gain=0.5)}, {"regions": {"jaw": 0.5}}, {"keys": {JAW: KeySettings(gain=0.5)}}],
    ids=["route", "region", "key"],
)
def test_each_gain_counts_once_by_each_way(way, settings):
    take, recipient = opening_take(), recipient_of(own_character())
    plain, gained = (
        weights_of(retargeted(take, builtin_head(), recipient, profile_by(way, **given)))[JAW]
        for given in ({}, settings)
    )
    assert abs(plain.max() - OPENING / JAW_OPEN_RAD) < 0.05
    np.testing.assert_allclose(gained, 0.5 * plain, atol=0.03)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_moves_where_the_take_rests_and_a_neutral_is_added_once(way):
    take, recipient = opening_take(), recipient_of(own_character())
    profile = profile_by(way, keys={"mouthFunnel": KeySettings(neutral=0.25), JAW: KeySettings(enabled=False)})
    weights = weights_of(retargeted(take, builtin_head(), recipient, profile))
    assert all(values[0] == (0.25 if name == "mouthFunnel" else 0.0) for name, values in weights.items())
    assert not weights[JAW].any()


@pytest.mark.parametrize("way", WAYS)
def test_a_jaw_that_a_bone_turns_is_not_opened_by_keys_too(way):
    take, character = opening_take(), own_character(with_jaw_bone=True)
    found = retargeted(take, builtin_head(), recipient_of(character), profile_by(way))
    assert [curve.name for curve in found.bones] == ["jaw"]
    assert np.abs(found.weights).max() < 0.01
    teeth_alone = replace(character.bones[0], skinning=None)
    found = retargeted(
        take, builtin_head(), recipient_of(replace(character, bones=(teeth_alone,))), profile_by(way)
    )
    assert abs(weights_of(found)[JAW].max() - OPENING / JAW_OPEN_RAD) < 0.05


def test_a_character_with_names_and_landmarks_goes_by_both():
    named, marks = own_character(), builtin_head().landmarks
    nameless = replace(named, key_names=tuple(f"key_{number}" for number in range(len(named.key_names))))
    assert way_of(named, RetargetProfile()) == "names"
    assert way_of(named, RetargetProfile(landmarks=marks)) == "both"
    assert way_of(named, RetargetProfile(landmarks=marks.subset(np.arange(4)))) == "names"
    assert way_of(nameless, RetargetProfile(landmarks=marks)) == "geometry"
    with pytest.raises(RetargetError, match="has no landmarks"):
        retargeted(opening_take(), builtin_head(), recipient_of(named), RetargetProfile(by="both"))


def test_geometry_corrects_keys_that_do_not_what_their_names_say():
    character = own_character()
    row = character.key_names.index(JAW)
    strong = character.key_offsets.copy()
    strong[row] *= 1.6
    recipient = recipient_of(replace(character, key_offsets=strong))
    take, wanted = opening_take(), OPENING / JAW_OPEN_RAD / 1.6
    opened = {way: weights_of(retargeted(take, builtin_head(), recipient, profile_by(way)))[JAW].max() for way in WAYS}
    assert opened["names"] > 1.5 * wanted
    assert abs(opened["geometry"] - wanted) < 0.05
    assert opened["geometry"] + 0.02 < opened["both"] < opened["names"] - 0.02


def test_eyes_that_nothing_can_turn_are_said():
    looking = opening_take(eye_pose=np.full((12, 6), 0.1))
    recipient, head = recipient_of(own_character()), builtin_head()
    said = [note for note in retargeted(looking, head, recipient, profile_by("geometry")).notes if "eyes look" in note]
    assert len(said) == 1
    for take, settings in ((opening_take(), {}), (looking, {"eye_L": Route("off"), "eye_R": Route("off")})):
        notes = retargeted(take, head, recipient, profile_by("geometry", **settings)).notes
        assert not [note for note in notes if "eyes look" in note]


def test_curves_come_straight_onto_keys_with_their_names():
    curves = made_up_curves(30)
    take = take_of_curves(curves, "phone")
    names = ARKIT_NAMES[::-1]
    keys = np.zeros((52, len(builtin_head().template), 3), np.float32)
    character = replace(own_character(), key_names=names, key_offsets=keys, key_limits=np.tile([0.0, 1.0], (52, 1)))
    head, recipient = builtin_head(), recipient_of(character)
    between = resample_take(take, np.arange(29) + 0.5, fps=take.fps)
    for frames in (take, between):
        weights = weights_between(curves, frames.time_s)
        found = retargeted_curves(weights, frames, head, recipient, profile_by("auto"))
        np.testing.assert_allclose(found.weights, weights[:, [INDEX[name] for name in names]], atol=1e-6)
    np.testing.assert_allclose(weights, 0.5 * (curves.weights[1:] + curves.weights[:-1]), atol=1e-9)
    halved = RetargetProfile(jaw=Route(gain=0.5), eye_L=Route("off"))
    found = weights_of(retargeted_curves(curves.weights, take, head, recipient, halved))
    np.testing.assert_allclose(found[JAW], 0.5 * curves.weight(JAW), atol=1e-6)
    assert not found["eyeLookInLeft"].any() and found["eyeLookInRight"].any()
