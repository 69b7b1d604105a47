"""Actor profiles: made from one take, kept in a file, worn by others."""

import json
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean.identity import locked
from smirk_blender.clean.neutral import without_neutral
from smirk_blender.clean.picture import USUAL_SHUT
from smirk_blender.clean.profile import load_profile, profile_for, profile_of, save_profile
from smirk_blender.errors import ProfileError, TakeError
from smirk_blender.sample import sample_take
from smirk_blender.take import CleanUp
from smirk_blender.take.clean_up import Gains, Identity, Neutral
from tests.builders import tiny_head

SETTINGS = CleanUp(neutral=Neutral("range", 1, 6), gains=Gains(brows=1.5, asymmetry=0.5, mirror=True))


@pytest.fixture(scope="module")
def take(head):
    take = sample_take(head)
    return replace(take, shape=np.linspace(-1, 1, len(take.shape), dtype=np.float32), expression=take.expression + 0.1)


@pytest.fixture
def profile(take, head):
    return profile_of(take, head, SETTINGS, lid_range=[[1.0, 0.1], [1.0, 0.2]])


def test_a_profile_is_loaded_as_it_was_saved(profile, tmp_path):
    path = save_profile(profile, tmp_path / "sample.actor.json")
    loaded = load_profile(path)
    for name in ("name", "models", "expression_names", "gains"):
        assert getattr(loaded, name) == getattr(profile, name)
    for name in ("expression", "jaw_pose", "eyelid"):
        np.testing.assert_array_equal(getattr(loaded.resting, name), getattr(profile.resting, name))
    np.testing.assert_array_equal(loaded.shape, profile.shape)
    np.testing.assert_array_equal(loaded.lid_range, np.float32([[1.0, 0.1], [1.0, 0.2]]))
    assert [item.name for item in tmp_path.iterdir()] == ["sample.actor.json"]


def test_a_profile_tells_what_the_take_tells(profile, take, head):
    np.testing.assert_array_equal(profile.shape, take.shape)
    np.testing.assert_allclose(profile.resting.expression, 0.1, atol=1e-6)
    assert profile.name == "sample" and profile.models == head.models()
    assert profile.gains["brows"] == 1.5 and profile.gains["asymmetry"] == 0.5 and "mirror" not in profile.gains
    found = profile_of(take, head, CleanUp(), name="Anna")
    assert found.name == "Anna"
    np.testing.assert_allclose(found.resting.expression, 0.1, atol=1e-6)  # found by itself
    np.testing.assert_allclose(found.lid_range, [[1, USUAL_SHUT], [1, USUAL_SHUT]], atol=1e-6)


def test_another_take_of_the_actor_wears_the_profile(profile, take, head, tmp_path):
    path = save_profile(profile, tmp_path / "sample.actor.json")
    settings = CleanUp(identity=Identity("profile", str(path)), neutral=Neutral("profile"))
    found = profile_for(take, head, settings)
    np.testing.assert_array_equal(found.shape, profile.shape)
    rested = without_neutral(take, head, settings.neutral, found)
    np.testing.assert_allclose(rested.expression, sample_take(head).expression, atol=1e-5)
    assert profile_for(take, head, CleanUp()) is None


def test_a_profiles_neutral_is_taken_out_of_a_take_that_wears_another_identity(profile, take, head):
    another = replace(profile, shape=take.shape + np.float32(0.5))
    worn = locked(take, head, Identity("profile"), another)
    assert np.abs(worn.expression - take.expression).max() > 0.1
    rested = without_neutral(worn, head, Neutral("profile"), profile)
    np.testing.assert_allclose(rested.expression, sample_take(head).expression, atol=1e-4)


def test_a_profile_that_is_wanted_must_be_named_and_fit(profile, take, head, tmp_path):
    with pytest.raises(ProfileError, match="sample.mp4 should have its neutral from an actor profile, but none"):
        profile_for(take, head, CleanUp(neutral=Neutral("profile")))
    with pytest.raises(TakeError, match="should have an actor profile's neutral, but none is chosen"):
        without_neutral(take, head, Neutral("profile"))
    path = str(save_profile(profile, tmp_path / "sample.actor.json"))
    with pytest.raises(ProfileError, match="sample was made on Built-in, not on tiny 0. Choose a profile of tiny 0"):
        profile_for(take, tiny_head(), CleanUp(identity=Identity("profile", path)))
    with pytest.raises(ProfileError, match="sample has 88 identity and 38 expression .*; Built-in has 14 and 8"):
        profile.check_head(tiny_head(name="Built-in"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts.update(format_version=99), "written by a newer version .format 99; this one reads"),
        (lambda facts: facts.pop("format_version"), "tells no version"),
        (lambda facts: facts.update(kind="recipe"), "is no actor profile. Choose a file that ends in .actor.json"),
        (lambda facts: facts.pop("shape"), "is damaged: 'shape'. Make it again"),
        (lambda facts: facts.update(jaw_pose=[0, 0]), "its jaw_pose is misshapen or not finite"),
        (lambda facts: facts.update(expression=[float("nan")]), "its expression is misshapen or not finite"),
        (lambda facts: facts.update(shape=[[1], [1, 2]]), "is damaged: .*. Make it again"),
        (lambda facts: facts.update(models=3), "is damaged: .*. Make it again"),
        (lambda facts: facts["gains"].update(jaw="wide"), "is damaged: .*wide.*. Make it again"),
        (lambda facts: facts["gains"].update(jaw=-1), "is damaged: gains.jaw is -1.0; it lies within 0 to 4. Make"),
        (lambda facts: facts["gains"].update(ears=1), "is damaged: gains has no setting ears"),
        (lambda facts: facts["gains"].update(mirror=1), "is damaged: gains.mirror is 1.0"),
        (lambda facts: facts.update(lid_range=[[1, 0], [1, 1]]), "is damaged: its lid_range has eyes"),
        (lambda facts: facts.update(format_version=float("inf")), "tells no version"),
    ],
)
def test_a_file_that_is_no_profile_says_so(profile, tmp_path, change, message):
    path = save_profile(profile, tmp_path / "sample.actor.json")
    facts = json.loads(path.read_text(encoding="utf-8"))
    change(facts)
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ProfileError, match=message):
        load_profile(path)


def test_files_that_cannot_be_read_or_written_are_named(profile, tmp_path):
    with pytest.raises(ProfileError, match="No actor profile at .*gone.actor.json. Make one from a take"):
        load_profile(tmp_path / "gone.actor.json")
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path)
    (tmp_path / "other.json").write_bytes(b"\x80\x02 not json")
    with pytest.raises(ProfileError, match="is no actor profile, or is damaged"):
        load_profile(tmp_path / "other.json")
    with pytest.raises(ProfileError, match="Cannot write the actor profile .*no such folder"):
        save_profile(profile, tmp_path / "no such folder" / "one.actor.json")
