"""Retarget profiles in files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.flame import LandmarkEmbedding
from smirk_blender.retarget.profile import Follower, KeySettings, RetargetProfile, Route
from smirk_blender.retarget.profile_files import (
    MadeOn,
    fitted,
    load_retarget_profile,
    profile_text,
    save_retarget_profile,
)

MADE_ON = MadeOn("Face", 120)


@pytest.fixture
def profile():
    rng = np.random.default_rng(0)
    landmarks = LandmarkEmbedding(
        np.arange(40) * 3, rng.integers(0, 120, (40, 3)), rng.dirichlet(np.ones(3), 40).astype(np.float32)
    )
    return RetargetProfile(
        name="Boar",
        by="geometry",
        landmarks=landmarks,
        keys={'a "key"': KeySettings(gain=1.5, low=-0.5, stands_for="jawOpen"), "other": KeySettings(enabled=False)},
        jaw=Route("bone", "Rig", "jaw", 0.8),
        followers=(Follower("Rig", "lip.T.L", rotate=True),),
        regions={"mouth": 1.2},
        sparsity=0.25,
    )


def test_a_saved_profile_is_the_same_when_it_is_loaded(profile, tmp_path):
    path = save_retarget_profile(profile, MADE_ON, tmp_path / "boar.retarget.json")
    loaded, made_on = load_retarget_profile(path)
    assert made_on == MADE_ON
    assert replace(loaded, landmarks=None) == replace(profile, landmarks=None)
    for name in ("indices", "corners"):
        np.testing.assert_array_equal(getattr(loaded.landmarks, name), getattr(profile.landmarks, name))
    np.testing.assert_allclose(loaded.landmarks.weights, profile.landmarks.weights, atol=2e-6)
    assert [item.name for item in tmp_path.iterdir()] == ["boar.retarget.json"]


def test_the_usual_profile_is_the_same_when_it_is_loaded(tmp_path):
    path = save_retarget_profile(RetargetProfile(), MadeOn(), tmp_path / "usual.retarget.json")
    assert load_retarget_profile(path) == (RetargetProfile(), MadeOn())


def test_landmarks_stay_on_a_mesh_of_as_many_vertices(profile):
    assert fitted(profile, MADE_ON, MadeOn("Copy", 120)) == (profile, "")


@pytest.mark.parametrize(("made_on", "num_vertices"), [(MADE_ON, 121), (MadeOn(), 100)])
def test_landmarks_of_another_mesh_are_left_out_and_said(profile, made_on, num_vertices):
    other, said = fitted(profile, made_on, MadeOn("Cow", num_vertices))
    assert other == replace(profile, landmarks=None)
    assert f"Cow has {num_vertices}" in said and "find or pick them on Cow" in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"smoothness": 1.5}, "smoothness is 1.5; it is a number within 0 to 1"),
        ({"smoothness": float("nan")}, "smoothness is nan"),
        ({"by": "magic"}, "one of auto, names, geometry"),
        ({"jaw": {"to": "bone", "bones": "jaw"}}, "jaw has no bones; it has to, owner, bone, gain"),
        ({"keys": {"smile": {"gain": "much"}}}, "keys.smile.gain is 'much'"),
        ({"keys": {"smile": {"low": 1, "high": 0}}}, "keys.smile has its low 1 above its high 0"),
        ({"keys": {"smile": {"stands_for": "grin"}}}, "grin, which is none of ARKit's names"),
        ({"keys": []}, "keys is []"),
        ({"regions": {"ears": 1.0}}, "no region is called ears"),
        ({"followers": "all"}, "followers is 'all'"),
        ({"followers": [{"owner": "Rig", "bone": 3}]}, "followers 0.bone is 3"),
        ({"followers": [{"owner": "Rig"}]}, "followers 0 lacks its bone"),
        ({"landmarks": {"indices": [1], "corners": [[0, 1, 2]]}}, "not indices, corners and weights"),
        ({"landmarks": {"indices": [1, 1], "corners": [[0, 1, 2]] * 2, "weights": [[1, 0, 0]] * 2}}, "each another"),
        ({"landmarks": {"indices": [1], "corners": [[0, 1, -2]], "weights": [[1, 0, 0]]}}, "no whole numbers"),
        ({"landmarks": {"indices": [1], "corners": [[0, 1, 2]], "weights": [[1, 1, 0]]}}, "do not sum to 1"),
        ({"colour": "red"}, "the profile has no colour"),
        ({"format_version": 2}, "newer version (format 2; this one reads up to 1)"),
        ({"format_version": None}, "tells no version"),
        ({"kind": "SMIRK actor profile"}, "is no retarget profile"),
        ({"mesh": {"num_vertices": "many"}}, "mesh.num_vertices is 'many'"),
    ],
)
def test_a_damaged_profile_says_what_and_where(changes, expected, tmp_path):
    facts = json.loads(profile_text(RetargetProfile(), MADE_ON)) | changes
    path = tmp_path / "broken.retarget.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(RetargetError) as raised:
        load_retarget_profile(path)
    assert expected in str(raised.value) and str(path) in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_text_of_a_profile_is_refused(content, tmp_path):
    path = tmp_path / "broken.retarget.json"
    path.write_bytes(content)
    with pytest.raises(RetargetError, match="no retarget profile"):
        load_retarget_profile(path)


def test_files_that_cannot_be_read_or_written_are_named(profile, tmp_path):
    with pytest.raises(RetargetError, match="No retarget profile at .*none.retarget.json"):
        load_retarget_profile(tmp_path / "none.retarget.json")
    with pytest.raises(RetargetError, match="cannot be read"):
        load_retarget_profile(tmp_path)
    with pytest.raises(RetargetError, match="Cannot write the retarget profile"):
        save_retarget_profile(profile, MADE_ON, tmp_path / "no folder" / "boar.retarget.json")
