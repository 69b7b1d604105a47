"""ARKit's names in the spellings that characters have them in."""

import re

import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.flame.regions import region_masks
from smirk_blender.retarget.arkit import ARKIT_NAMES, ARKIT_REGIONS, is_arkit, matched_names


def snake(name):
    return re.sub("([A-Z])", r"_\1", name).lower()


def short(name, between):
    return re.sub("(Left|Right)$", lambda side: between + side.group()[0], name)


def side_first(name, between):
    """mouthSmileLeft -> Left_mouthSmile."""
    return re.sub("(.*)(Left|Right)$", rf"\2{between}\1", name)


SPELLINGS = {
    "as Apple writes them": lambda name: name,
    "capital": lambda name: name[0].upper() + name[1:],
    "lower case": str.lower,
    "upper case": str.upper,
    "snake case": snake,
    "upper snake case": lambda name: snake(name).upper(),
    "words": lambda name: snake(name).replace("_", " "),
    "_L": lambda name: short(name, "_"),
    ".L": lambda name: short(name, "."),
    "L": lambda name: short(name, ""),
    "_l": lambda name: short(name, "_").lower(),
    "snake _l": lambda name: snake(short(name, "")),
    "Left_ first": lambda name: side_first(name, "_"),
    "blendShape2.": lambda name: f"blendShape2.{name}",
    "Face_ and _L": lambda name: f"Face_{short(name, '_')}",
    "CC_": lambda name: f"CC_{name}",
    "a studio's own": lambda name: f"Bob03_{name[0].upper()}{name[1:]}",
    "run together": lambda name: f"bob{name[0].upper()}{name[1:]}",
    "a copy's number": lambda name: f"{name}.001",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_name_is_found_in_any_spelling_and_order(spelling):
    keys = {name: SPELLINGS[spelling](name) for name in ARKIT_NAMES}
    shuffled = np.random.default_rng(3).permutation(list(keys.values())).tolist()
    assert matched_names(shuffled) == keys
    assert is_arkit(shuffled)


def test_facecaps_keys_are_all_found():
    written = """browInnerUp browDown_L browDown_R browOuterUp_L browOuterUp_R eyeLookUp_L eyeLookUp_R eyeLookDown_L
        eyeLookDown_R eyeLookIn_L eyeLookIn_R eyeLookOut_L eyeLookOut_R eyeBlink_L eyeBlink_R eyeSquint_L eyeSquint_R
        eyeWide_L eyeWide_R cheekPuff cheekSquint_L cheekSquint_R noseSneer_L noseSneer_R jawOpen jawForward jawLeft
        jawRight mouthFunnel mouthPucker mouthLeft mouthRight mouthRollUpper mouthRollLower mouthShrugUpper
        mouthShrugLower mouthClose mouthSmile_L mouthSmile_R mouthFrown_L mouthFrown_R mouthDimple_L mouthDimple_R
        mouthUpperUp_L mouthUpperUp_R mouthLowerDown_L mouthLowerDown_R mouthPress_L mouthPress_R mouthStretch_L
        mouthStretch_R tongueOut""".split()
    found = matched_names(written)
    assert len(found) == 52
    assert (found["mouthLeft"], found["mouthSmileLeft"], found["jawRight"]) == ("mouthLeft", "mouthSmile_L", "jawRight")


def test_what_only_looks_like_a_name_is_left_alone():
    decoys = ["Basis", "upperMouthLeft", "upper_mouth_left", "mouthSmile", "eyeBlink", "jawOpenLeft", "jaw", "Left"]
    decoys += ["mouthClose_L", "brow_down", "teeth_jawOpen", "mouthLeftCorner", "browInnerUp_L", "eyeBlinkLeftFix", "L"]
    assert matched_names(decoys) == {}
    assert matched_names([*decoys, *ARKIT_NAMES]) == {name: name for name in ARKIT_NAMES}
    assert not is_arkit(decoys + list(ARKIT_NAMES[:19]))


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        (["JawOpen", "jawOpen"], "jawOpen"),
        (["jawOpen.001", "Face_jawOpen", "jaw_open"], "jaw_open"),
        (["jawOpen.001", "Face_jawOpen"], "Face_jawOpen"),
        (["jaw_open", "JAWOPEN"], "jaw_open"),
    ],
)
def test_of_several_keys_for_a_name_the_one_written_most_like_it_is_taken(keys, taken):
    assert matched_names(keys) == {"jawOpen": taken}
    if len(keys) == 2 and taken == keys[1]:
        assert matched_names(keys[::-1]) == {"jawOpen": taken}


def test_a_key_stands_for_one_name_at_most():
    keys = [spelled(name) for spelled in SPELLINGS.values() for name in ARKIT_NAMES]
    found = matched_names(keys)
    assert len(set(found.values())) == len(found) == 52


def test_every_name_has_a_region_of_the_face():
    assert set(ARKIT_REGIONS) == set(ARKIT_NAMES)
    assert set(ARKIT_REGIONS.values()) == set(region_masks(builtin_head()))
    assert (ARKIT_REGIONS["eyeLookUpLeft"], ARKIT_REGIONS["eyeWideLeft"]) == ("eyes", "lids")
