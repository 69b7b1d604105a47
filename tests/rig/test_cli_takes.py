"""The commands of the command line that clean takes, join them and look at them."""

import json
import sys
from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.clean.needs import packages_for_cleaning
from smirk_blender.clean.timing import timed
from smirk_blender.cli import main
from smirk_blender.errors import NoPackageError
from smirk_blender.flame import builtin_head, save_head
from smirk_blender.sample.performance import sample_take
from smirk_blender.take import CleanUp, Source, load_take, save_take
from smirk_blender.take.camera import image_points
from smirk_blender.take.clean_up import Fill, Gains, Identity, Neutral, Smoothing, Timing
from smirk_blender.take.parts import part_of
from tests.builders import make_take, tiny_head
from tests.rig.scenes import flame_vertices, played_vertices, write_code_movie

FPS = Fraction(25)


@pytest.fixture
def head(tmp_path):
    head = tiny_head()
    save_head(head, tmp_path / "head.npz")
    return head


@pytest.fixture
def take(head, tmp_path):
    take = make_take(6, head, fps=FPS, source=Source("codes.mp4", 1, "0" * 64, 64, 48))
    save_take(take, tmp_path / "codes.take.npz")
    return take


@pytest.fixture
def smirk(tmp_path, capfd):
    """Run a command on files of this test, by their names; return what it printed."""

    def run(*arguments, code=0):
        given = [str(tmp_path / text) if text.endswith((".npz", ".blend", ".mp4")) else text for text in arguments]
        assert main(given) == code, capfd.readouterr().err
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return run


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], CleanUp()),
        (["--set", "fill.beyond=hold", "--set", "fill.limit_s=1"], CleanUp(fill=Fill(beyond="hold", limit_s=1.0))),
        (["--set", "gains.mirror=true"], CleanUp(gains=Gains(mirror=True))),
        (["--smooth", "all=0.25", "--smooth", "lids=0"], CleanUp(smoothing=Smoothing(True, 0.25, 0.25, 0, 0.25, 0.25))),
        (["--gain", "brows=1.5", "--gain", "jaw=2"], CleanUp(gains=Gains(brows=1.5, jaw=2.0))),
        (["--neutral", "auto"], CleanUp(neutral=Neutral("auto"))),
        (["--neutral", "4"], CleanUp(neutral=Neutral("range", 4, 4))),
        (["--neutral", "2-5"], CleanUp(neutral=Neutral("range", 2, 5))),
        (["--first", "1", "--last", "4", "--speed", "0.5"], CleanUp(timing=Timing(1, 4, 0.5))),
    ],
)
def test_settings_are_written_into_the_takes_file_and_nothing_else_changes(smirk, take, tmp_path, options, expected):
    smirk("clean", "codes.take.npz", *options)
    loaded = load_take(tmp_path / "codes.take.npz")
    assert loaded.clean_up == expected
    for name, array in take.frame_arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), array, err_msg=name)


def test_settings_add_up_until_they_start_anew(smirk, take, tmp_path):
    settings = lambda: load_take(tmp_path / "codes.take.npz").clean_up
    smirk("clean", "codes.take.npz", "--gain", "jaw=2")
    said = smirk("clean", "codes.take.npz", "--speed", "2")
    assert settings() == CleanUp(gains=Gains(jaw=2.0), timing=Timing(speed=2.0))
    assert said.endswith("codes.take.npz: 3 frames are played, cleaned with gains.jaw 2, timing.speed 2\n")
    assert "cleaned with the usual settings" in smirk("clean", "codes.take.npz", "--defaults")
    assert settings() == CleanUp()
    assert "not cleaned" in smirk("clean", "codes.take.npz", "--off")
    assert settings() is None


def test_another_file_can_take_the_settings(smirk, take, tmp_path):
    smirk("clean", "codes.take.npz", "--out", "other.take.npz", "--speed", "2")
    assert load_take(tmp_path / "codes.take.npz").clean_up is None
    assert load_take(tmp_path / "other.take.npz").clean_up == CleanUp(timing=Timing(speed=2.0))


def test_a_profile_gives_identity_neutral_and_gains(smirk, head, take, tmp_path):
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    from smirk_blender.clean.neutral import RestingFace
    from smirk_blender.clean.profile import Profile, save_profile

    resting = RestingFace(np.zeros(8), np.zeros(3), np.zeros(2))
    gains = {"brows": 1.5, "jaw": 0.5}
    profile = Profile("Ann", head.models(), head.expression_names, take.shape, resting, gains, np.tile([1, 0], (2, 1)))
    path = str(save_profile(profile, tmp_path / "ann.actor.json"))
    settings = lambda: load_take(tmp_path / "codes.take.npz").clean_up
    smirk("clean", "codes.take.npz", "--profile", path)
    assert settings() == CleanUp(
        identity=Identity("profile", path), neutral=Neutral("profile"), gains=Gains(brows=1.5, jaw=0.5)
    )
    smirk("clean", "codes.take.npz", "--profile", path, "--gain", "jaw=1", "--neutral", "off", "--defaults")
    assert settings() == CleanUp(identity=Identity("profile", path), gains=Gains(brows=1.5))
    assert "No actor profile at nobody.json" in smirk("clean", "codes.take.npz", "--profile", "nobody.json", code=1)


def test_a_real_take_is_refined_measured_and_profiled(smirk, tmp_path):
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    from smirk_blender.clean.profile import load_profile

    head = builtin_head()
    save_take(seen_take(head), tmp_path / "seen.take.npz")
    said = smirk("clean", "seen.take.npz", "--refine", "--save-profile", str(tmp_path / "a.actor.json"))
    assert "40 frames are played, cleaned with the usual settings" in said
    refined = load_take(tmp_path / "seen.take.npz")
    assert refined.refined_expression.shape == refined.expression.shape and refined.clean_up == CleanUp()
    assert load_profile(tmp_path / "a.actor.json").models == head.models()
    lines = smirk("qa", "seen.take.npz").splitlines()
    assert lines[0] == "Frames: 40 at 25.000 per second" and lines[5].startswith("Blinks found: 1, on the face 1 -> ")


def test_a_take_is_refined_by_the_profile_that_is_named_with_it(smirk, tmp_path):
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    from smirk_blender.clean.profile import profile_of, save_profile
    from smirk_blender.clean.refine import refine

    head, seen = builtin_head(), seen_take(builtin_head())
    save_take(seen, tmp_path / "seen.take.npz")
    profile = profile_of(seen, head, CleanUp(), lid_range=[[1.0, 0.4], [1.0, 0.4]])
    path = str(save_profile(profile, tmp_path / "a.actor.json"))
    smirk("clean", "seen.take.npz", "--refine", "--profile", path)
    refined = load_take(tmp_path / "seen.take.npz")
    expected = refine(replace(seen, clean_up=refined.clean_up), head).refined_eyelid
    np.testing.assert_array_equal(refined.refined_eyelid, expected)
    assert np.abs(expected - refine(seen, head).refined_eyelid).max() > 0.05


def seen_take(head):
    """A second and a half of the sample's animation, with a blink, and its landmarks as a camera sees them."""
    take = part_of(sample_take(head), slice(0, 40))
    points = head.landmarks.points(head.vertices(**take.head_parameters()))
    landmarks = np.zeros_like(take.landmarks)
    seen = image_points(points, take.camera, take.crop_transform)
    landmarks[:, head.landmarks.indices] = seen * [1, 1, -1]
    return replace(take, landmarks=landmarks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "polish"], "polish is not STEP.SETTING=VALUE"),
        (["--set", "polish.shoes=1"], "no step of the clean-up is called polish"),
        (["--set", "gains.jaw=wide"], "gains.jaw is 'wide'"),
        (["--gain", "ears=1"], "ears=1 is not NAME=NUMBER; the names are eyes, lids"),
        (["--gain", "jaw=7"], "gains.jaw is 7.0; it lies within 0 to 4"),
        (["--smooth", "lids=much"], "invalid number value: 'lids=much'"),
        (["--neutral", "9-3"], "9-3 ends before it starts"),
        (["--neutral", "soft"], "soft is not auto, off, profile, a frame"),
        (["--speed", "0"], "timing.speed is 0.0; it lies within 0.1 to 10"),
        (["--first", "-2"], "-2 is no frame"),
        (["--off", "--speed", "2"], "--off forgets all settings"),
    ],
)
def test_settings_that_there_are_not_are_wrong_usage(smirk, take, tmp_path, options, message):
    assert message in smirk("clean", "codes.take.npz", *options, code=2)
    assert load_take(tmp_path / "codes.take.npz").clean_up is None


def test_a_range_without_a_frame_of_the_take_is_not_written(smirk, take, tmp_path):
    said = smirk("clean", "codes.take.npz", "--first", "9", code=1)
    assert "Frames 9 to its last of codes.mp4 are none of this take, which has 0 to 5" in said
    assert load_take(tmp_path / "codes.take.npz").clean_up is None


@pytest.fixture
def half_a_take(monkeypatch):
    """Have cleaning halve every expression, and time it."""
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    from smirk_blender.clean import chain

    def cleaned(take, head, clean_up=None):
        clean_up = clean_up or take.clean_up
        half = replace(take, expression=take.expression / 2, clean_up=None)
        return timed(half, clean_up.timing) if clean_up else take

    monkeypatch.setattr(chain, "cleaned", cleaned)
    return cleaned


def test_a_bake_is_cleaned_as_the_take_says_or_raw(smirk, half_a_take, head, take, tmp_path):
    bake = ["bake", "codes.take.npz", "--head", "head.npz", "--out", "out.blend"]
    smirk("clean", "codes.take.npz", "--first", "2")
    for options, expected in (([], timed(half_a_take(take, head, CleanUp()), Timing(2))), (["--raw"], take)):
        smirk(*bake, *options)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
        assert bpy.context.scene.frame_end == len(expected)
        played = played_vertices(bpy.data.objects["Head"], 1 + np.arange(len(expected)))
        np.testing.assert_allclose(played, flame_vertices(head, expected), atol=1e-5)  # metres


def test_a_bake_of_another_speed_says_that_the_footage_is_not_in_step(half_a_take, head, take, tmp_path, capfd):
    write_code_movie(tmp_path / "codes.mp4", 6, FPS)
    save_take(replace(take, clean_up=CleanUp(timing=Timing(speed=0.5))), tmp_path / "codes.take.npz")
    names = ("codes.take.npz", "head.npz", "out.blend", "codes.mp4")
    arguments = zip(("bake", "--head", "--out", "--video"), (str(tmp_path / name) for name in names))
    assert main([part for pair in arguments for part in pair]) == 0
    assert "The take plays at another speed than codes.mp4" in capfd.readouterr().err
    assert bpy.context.scene.frame_end == 12


def test_takes_are_joined_as_their_files_say(smirk, half_a_take, head, take, tmp_path):
    save_take(replace(take, shape=take.shape + 1, clean_up=CleanUp(timing=Timing(2))), tmp_path / "late.take.npz")
    join = ["join", "codes.take.npz", "late.take.npz", "--out", "whole.take.npz", "--head", "head.npz"]
    assert "10 frames of 2 takes, 0.40 s" in smirk(*join)
    whole = load_take(tmp_path / "whole.take.npz")
    np.testing.assert_array_equal(whole.expression, np.concatenate([take.expression, take.expression[2:] / 2]))
    np.testing.assert_array_equal(whole.frame_shape[[0, -1]], [take.shape, take.shape + 1])
    assert not whole.clean_up.smoothing.enabled  # it was cleaned; its identity is still to be locked
    assert "12 frames" in smirk(*join, "--raw", "--blend", "0.1")
    smirk("join", "codes.take.npz", "codes.take.npz", "--out", "twice.take.npz")
    assert load_take(tmp_path / "twice.take.npz").clean_up is None


def test_takes_that_do_not_go_together_are_named(smirk, head, take, tmp_path):
    other = replace(take, models={"head": "another"}, source=replace(take.source, name="b.mp4"))
    save_take(other, tmp_path / "b.take.npz")
    said = smirk("join", "codes.take.npz", "b.take.npz", "--out", "whole.take.npz", code=1)
    assert "codes.mp4 and b.mp4 were solved on tiny 0 and another" in said
    assert "--blend" in smirk("join", "codes.take.npz", "--out", "whole.take.npz", "--blend", "-1", code=2)


def test_qa_prints_lines_or_json(smirk, head, take):
    pytest.importorskip("scipy", reason="takes are cleaned with SciPy, which this Python does not have")
    lines = smirk("qa", "codes.take.npz", "--head", "head.npz").splitlines()
    assert lines[0] == "Frames: 6 at 25.000 per second" and "->" not in "".join(lines)
    facts = json.loads(smirk("qa", "codes.take.npz", "--head", "head.npz", "--json"))
    assert facts["num_frames"] == 6 and facts["cleaned"] is None
    smirk("clean", "codes.take.npz", "--speed", "2")  # every frame is measured, at its own speed
    facts = json.loads(smirk("qa", "codes.take.npz", "--head", "head.npz", "--json"))
    assert facts["num_frames"] == 6 and facts["cleaned"].keys() == facts["solved"].keys()
    assert "was solved on tiny 0, not on Built-in. Name the head it" in smirk("qa", "codes.take.npz", code=1)


def test_a_clean_bake_on_another_head_is_refused_before_it_is_cleaned(smirk, half_a_take, head, take):
    smirk("clean", "codes.take.npz")
    said = smirk("bake", "codes.take.npz", "--head", "builtin", "--out", "out.blend", code=1)
    assert "was solved on tiny 0, not on Built-in" in said


def test_an_actor_profile_without_scipy_is_refused_by_name(smirk, head, take, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    for name in ("targets", "events", "picture"):
        monkeypatch.delitem(sys.modules, f"smirk_blender.clean.{name}", raising=False)
    options = ("--head", "head.npz", "--save-profile", str(tmp_path / "a.actor.json"))
    said = smirk("clean", "codes.take.npz", *options, code=1)
    assert "cleaned with SciPy, which" in said and not (tmp_path / "a.actor.json").exists()


def test_a_python_without_scipy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(NoPackageError, match="cleaned with SciPy, which .+ does not have. Use the add-on's"):
        with packages_for_cleaning():
            import scipy  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        with packages_for_cleaning():
            import nowhere  # noqa: F401
