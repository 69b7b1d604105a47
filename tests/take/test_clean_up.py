"""The settings of the clean-up: what they may be, and that a take's file keeps them."""

import json
import os
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.errors import TakeError
from smirk_blender.take import CleanUp, load_take, save_clean_up, save_take
from smirk_blender.take.clean_up import Gains, Neutral, Smoothing
from smirk_blender.take.files import FACTS
from tests.builders import make_take

SETTINGS = CleanUp(
    smoothing=Smoothing(lids=0.25), neutral=Neutral("range", 3, 9, 0.5), gains=Gains(brows=1.5, mirror=True)
)


def test_settings_survive_the_way_through_json():
    assert CleanUp.of(json.loads(json.dumps(SETTINGS.facts()))) == SETTINGS


def test_settings_that_are_left_out_have_their_defaults():
    assert CleanUp.of({"gains": {"jaw": 2}}) == CleanUp(gains=Gains(jaw=2.0))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"polish": {}}, "no step .* is called polish"),
        ({"gains": {"ears": 1.0}}, "gains has no setting ears"),
        ({"gains": {"jaw": "wide"}}, "gains.jaw is 'wide'"),
        ({"gains": {"jaw": 5.0}}, "gains.jaw is 5.0; it lies within 0 to 4"),
        ({"gains": {"jaw": float("nan")}}, "gains.jaw is nan"),
        ({"gains": {"jaw": True}}, "gains.jaw is True"),
        ({"gains": {"mirror": 1}}, "gains.mirror is 1"),
        ({"neutral": {"first_frame": 1.5}}, "neutral.first_frame is 1.5"),
        ({"fill": {"beyond": "sing"}}, "fill.beyond is 'sing'"),
        ({"fill": 3}, "fill is 3"),
        ({"timing": {"first_frame": 2**40}}, "timing.first_frame is 1099511627776; it lies within -1 to"),
        ({"timing": {"speed": 10**400}}, "timing.speed is 1000"),
        ([], "the clean-up is \\[\\]"),
        ([["fill", {}]], "it should hold steps by name"),
    ],
)
def test_settings_that_make_no_sense_are_refused(facts, message):
    with pytest.raises(ValueError, match=message):
        CleanUp.of(facts)


def test_a_take_keeps_its_clean_up_and_what_is_optional(tmp_path):
    take = make_take(4, clean_up=SETTINGS)
    refined = {f"refined_{name}": getattr(take, name) / 2 for name in ("expression", "jaw_pose", "eyelid")}
    extra = refined | {"frame_shape": np.arange(40, dtype=np.float32).reshape(4, 10)}
    save_take(replace(take, **extra), tmp_path / "one.take.npz")
    loaded = load_take(tmp_path / "one.take.npz")
    assert loaded.clean_up == SETTINGS
    for name, array in extra.items():
        np.testing.assert_array_equal(getattr(loaded, name), array)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"refined_eyelid": np.zeros((4, 2))}, "a part of what was refined"),
        ({"frame_shape": np.zeros((4, 9))}, "frame_shape has 9 columns; this take needs 10"),
        ({"frame_shape": np.zeros((3, 10))}, "frame_shape has shape"),
    ],
)
def test_optional_arrays_fit_the_others(extra, message):
    with pytest.raises(ValueError, match=message):
        replace(make_take(4), **extra)


def test_a_take_of_the_first_format_has_no_clean_up(tmp_path):
    path = save_take(make_take(4), tmp_path / "one.take.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(str(arrays[FACTS])) | {"format_version": 1}
    del facts["clean_up"]
    np.savez(path, **(arrays | {FACTS: np.array(json.dumps(facts))}))
    assert load_take(path).clean_up is None


@pytest.mark.parametrize(
    ("clean_up", "message"),
    [
        ({"gains": {"jaw": -1.0}}, "gains.jaw is -1.0"),
        (["gains"], "the clean-up is .'gains'."),
        ({"timing": {"last_frame": 10**30}}, "timing.last_frame is 1000"),
    ],
)
def test_a_damaged_clean_up_is_named(tmp_path, clean_up, message):
    path = save_take(make_take(4), tmp_path / "one.take.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(str(arrays[FACTS])) | {"clean_up": clean_up}
    np.savez(path, **(arrays | {FACTS: np.array(json.dumps(facts))}))
    with pytest.raises(TakeError, match=f"one.take.npz is damaged: {message}"):
        load_take(path)


@pytest.mark.parametrize("compress", [True, False])
def test_changing_the_clean_up_leaves_all_else_in_the_file(tmp_path, compress):
    path = save_take(make_take(40, clean_up=SETTINGS), tmp_path / "one.take.npz", compress=compress)
    with np.load(path) as archive:
        before = {name: archive[name] for name in archive.files if name != FACTS}
    for wanted in (CleanUp(), None, SETTINGS):
        save_clean_up(path, wanted)
        assert load_take(path).clean_up == wanted
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None and len(archive.namelist()) == len(set(archive.namelist()))
        with np.load(path) as archive:
            assert set(archive.files) == {*before, FACTS}
            for name, array in before.items():
                np.testing.assert_array_equal(archive[name], array)
    assert os.listdir(tmp_path) == ["one.take.npz"]


def test_the_same_settings_are_the_same_bytes_whenever_they_are_saved(tmp_path, monkeypatch):
    paths = [save_take(make_take(4), tmp_path / f"{name}.take.npz") for name in "ab"]
    save_clean_up(paths[0], SETTINGS)
    monkeypatch.setattr(time, "localtime", lambda *seconds: time.gmtime(1e9))
    save_clean_up(paths[1], SETTINGS)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_file_put_together_in_another_order_keeps_its_take_too(tmp_path):
    path = save_take(make_take(4), tmp_path / "one.take.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in reversed(archive.files)}
    np.savez(path, **arrays)
    save_clean_up(path, SETTINGS)
    loaded = load_take(path)
    assert loaded.clean_up == SETTINGS
    np.testing.assert_array_equal(loaded.landmarks, arrays["landmarks"])


def test_a_clean_up_goes_into_takes_only(tmp_path):
    with pytest.raises(TakeError, match="No take at"):
        save_clean_up(tmp_path / "none.take.npz", SETTINGS)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(TakeError, match="not a take: it has no facts_json"):
        save_clean_up(tmp_path / "other.npz", SETTINGS)
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("text.npz", "array.npy"):
        with pytest.raises(TakeError, match=f"{name} is not a take, or is damaged"):
            save_clean_up(tmp_path / name, SETTINGS)
