"""What a character remembers of retargeting."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.flame import LandmarkEmbedding
from smirk_blender.retarget.profile import KeySettings, RetargetProfile
from smirk_blender.rig import profile_property
from smirk_blender.rig.retarget_memory import forget_profile, keep_profile, profile_and_note_of, profile_of
from tests.rig.characters import add_character
from tests.rig.libraries import link_character, overridden, override_character, reopen, save_library

LANDMARKS = LandmarkEmbedding(
    np.arange(478), np.tile([[0, 1, 2]], (478, 1)), np.tile(np.float32([[0.5, 0.25, 0.25]]), (478, 1))
)
PROFILE = RetargetProfile(name="Boar", keys={"jawOpen": KeySettings(gain=1.5)}, landmarks=LANDMARKS, sparsity=0.25)


@pytest.fixture(autouse=True)
def unregistered():
    yield
    profile_property.unregister()


def assert_same(profile):
    assert replace(profile, landmarks=None) == replace(PROFILE, landmarks=None)
    np.testing.assert_array_equal(profile.landmarks.indices, LANDMARKS.indices)
    np.testing.assert_array_equal(profile.landmarks.corners, LANDMARKS.corners)
    np.testing.assert_allclose(profile.landmarks.weights, LANDMARKS.weights, atol=1e-6)


def test_a_character_without_a_profile_has_the_usual_one():
    assert profile_of(add_character()) == RetargetProfile()


def test_a_profile_is_kept_in_the_file(tmp_path):
    keep_profile(add_character(), PROFILE)
    reopen(tmp_path / "scene.blend")
    assert_same(profile_of(bpy.data.objects["Face"]))
    forget_profile(bpy.data.objects["Face"])
    assert profile_of(bpy.data.objects["Face"]) == RetargetProfile()


def test_an_override_inherits_the_profile_and_may_have_its_own(tmp_path):
    save_library(tmp_path / "library.blend")
    keep_profile(bpy.data.objects["Face"], PROFILE)
    bpy.ops.wm.save_mainfile()
    face = override_character(tmp_path / "library.blend")
    assert_same(profile_of(face))
    keep_profile(face, replace(PROFILE, name="Here"))
    reopen(tmp_path / "scene.blend")
    face = overridden('MESH')
    assert profile_of(face).name == "Here"
    assert profile_of(face.override_library.reference).name == "Boar"


def test_a_profile_is_kept_with_the_override_of_a_character_that_has_none(tmp_path):
    face = override_character(save_library(tmp_path / "library.blend"))
    keep_profile(face, PROFILE)
    reopen(tmp_path / "scene.blend")
    assert_same(profile_of(overridden('MESH')))
    reopen(tmp_path / "scene.blend")  # as it was saved from the one that was read
    assert_same(profile_of(overridden('MESH')))


def test_a_linked_character_keeps_none_and_says_how():
    path = bpy.app.tempdir + "library.blend"
    face = link_character(save_library(path))
    with pytest.raises(RetargetError, match="Face is linked from .*library.blend.*Library Override > Make"):
        keep_profile(face, PROFILE)


def test_landmarks_of_a_mesh_that_was_changed_are_left_out_and_said():
    face = add_character()
    keep_profile(face, PROFILE)
    face.data.vertices.add(1)
    profile, said = profile_and_note_of(face)
    assert profile.landmarks is None and profile.name == "Boar"
    assert "lie on Face, which has 50 vertices; Face has 51" in said


def test_a_damaged_profile_says_whose_it_is():
    face = add_character()
    keep_profile(face, PROFILE)
    face.smirk_retarget_profile = face.smirk_retarget_profile[:-10]
    with pytest.raises(RetargetError, match="The retarget profile of Face is no .* or is damaged.*reset it"):
        profile_of(face)
