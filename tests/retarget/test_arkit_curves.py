"""Takes as ARKit's weights, and ARKit's weights as takes of the built-in head."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.measures import face_measures
from smirk_blender.retarget.arkit import ARKIT_NAMES, NEVER_SEEN
from smirk_blender.retarget.arkit_curves import (
    INDEX,
    JAW_OPEN_RAD,
    LOOKS,
    ArkitCurves,
    columns_of,
    look_weights,
    take_of_curves,
)
from smirk_blender.retarget.arkit_solve import arkit_curves
from smirk_blender.retarget.live_link import read_live_link, write_live_link
from tests.builders import make_take, tiny_head
from tests.retarget.curves import made_up_curves


def curves_with(**weights):
    """One frame that weighs some names."""
    rows = np.zeros((1, len(ARKIT_NAMES)))
    for name, value in weights.items():
        rows[0, INDEX[name]] = value
    return ArkitCurves(rows, np.zeros((1, 3)), np.zeros((1, 6)), np.zeros(1), Fraction(30))


def shown(**weights):
    """The built-in head's landmarks (478, 3), metres, at these weights; NaN where it has none."""
    head = builtin_head()
    points = np.full((478, 3), np.nan)
    take = take_of_curves(curves_with(**weights), "made up")
    points[head.landmarks.indices] = head.landmarks.points(head.vertices(**take.head_parameters()))[0]
    return points


def test_curves_come_back_from_the_take_they_were_made_into(figure):
    curves = made_up_curves(200)
    back = arkit_curves(take_of_curves(curves, "phone.csv"), builtin_head())
    known = columns_of([name for name in ARKIT_NAMES if name not in NEVER_SEEN])
    error = np.abs(back.weights - curves.weights)[:, known].max()
    figure("greatest error of a weight", error)
    assert error < 1e-5
    np.testing.assert_allclose(back.head, curves.head, atol=1e-6)  # radians
    np.testing.assert_allclose(back.eyes, curves.eyes, atol=1e-6)  # radians
    np.testing.assert_allclose(back.time_s, curves.time_s, atol=1e-9)
    assert not back.weight("tongueOut").any()


def test_a_take_goes_through_a_file_unchanged(tmp_path):
    head = builtin_head()
    curves = made_up_curves(90, fps=Fraction(25))
    curves.eyes[:] *= 1.4  # some farther than the looks' weights go
    curves.weights[:, columns_of(LOOKS)] = np.minimum(look_weights(curves.eyes), 1.0)
    take = take_of_curves(curves, "a.csv")
    path = write_live_link(arkit_curves(take, head), tmp_path / "a.csv")
    back = take_of_curves(read_live_link(path), "a.csv")
    for name in ("expression", "jaw_pose", "eyelid", "head_pose", "eye_pose", "time_s"):
        np.testing.assert_allclose(getattr(back, name), getattr(take, name), atol=2e-6, err_msg=name)
    assert (back.fps, back.models, len(back)) == (25, head.models(), 90)


def test_left_is_the_actors_left():
    rest = shown()
    chin, nose, left_corner, right_corner = 152, 4, 291, 61
    assert shown(jawLeft=1)[chin, 0] - rest[chin, 0] == pytest.approx(0.0082, abs=0.001)  # metres; +x is the left
    assert shown(jawRight=1)[chin, 0] < rest[chin, 0]
    assert shown(mouthLeft=1)[left_corner, 0] > rest[left_corner, 0]
    smile = shown(mouthSmileLeft=1) - rest
    assert smile[left_corner, 1] > 0.004 > 0.001 > abs(smile[right_corner, 1])  # metres
    turned = shown(eyeLookOutLeft=1, eyeLookInRight=1) - rest
    assert turned[473, 0] > 0.004 and turned[468, 0] > 0.004  # both irises to the left
    np.testing.assert_allclose(turned[nose], 0, atol=1e-9)


def test_lips_are_shut_over_an_open_jaw_where_mouth_close_weighs_as_much():
    gap = lambda **weights: face_measures(shown(**weights)[None])["lip_gap"][0]
    assert gap(jawOpen=1) > 0.2  # of the eye distance
    for weight in (0.25, 0.5, 1.0):
        assert gap(jawOpen=weight, mouthClose=weight) < 0.02


def test_looking_takes_the_lids_along_and_a_blink_shuts_them_all_the_same():
    aperture = lambda **weights: face_measures(shown(**weights)[None])["lid_L"][0]
    assert aperture(eyeLookDownLeft=1) == pytest.approx(0.8 * aperture(), rel=0.05)
    assert aperture(eyeLookUpLeft=1) == pytest.approx(1.33 * aperture(), rel=0.05)
    assert aperture(eyeLookDownLeft=1, eyeBlinkLeft=1) < 0.15 * aperture()
    take = take_of_curves(curves_with(eyeLookDownLeft=1), "made up")
    still = arkit_curves(take, builtin_head())
    assert still.weight("eyeBlinkLeft")[0] == pytest.approx(0, abs=1e-6)


def test_lids_that_do_not_follow_a_look_are_held_back():
    head = builtin_head()
    look_down, look_up = curves_with(eyeLookDownLeft=1), curves_with(eyeLookUpLeft=1)
    open_lids = np.zeros((1, 2), np.float32)
    held_open = arkit_curves(replace(take_of_curves(look_down, "made up"), eyelid=open_lids), head)
    assert held_open.weight("eyeBlinkLeft")[0] == 0.0
    assert held_open.weight("eyeWideLeft")[0] == pytest.approx(1.0, abs=0.15)
    still = take_of_curves(look_up, "made up")
    held_down = arkit_curves(replace(still, expression=0 * still.expression), head)
    assert held_down.weight("eyeWideLeft")[0] == 0.0
    assert held_down.weight("eyeBlinkLeft")[0] == pytest.approx(0.345, abs=0.01)


def test_weights_stay_within_0_and_1_whatever_the_take_does():
    head = builtin_head()
    take = make_take(50, head, eyelid=np.full((50, 2), 1.0))
    weights = arkit_curves(replace(take, jaw_pose=3 * take.jaw_pose, eye_pose=5 * take.eye_pose), head).weights
    assert weights.min() == 0.0 and weights.max() == 1.0 and np.isfinite(weights).all()


def test_the_necks_turn_is_the_heads_too():
    head = builtin_head()
    still = np.zeros((5, 3))
    take = make_take(5, head, head_pose=still, neck_pose=still + [0.2, 0.1, 0])
    np.testing.assert_allclose(arkit_curves(take, head).head, take.neck_pose, atol=1e-6)  # radians


def test_eyes_that_disagree_with_the_looks_are_turned_as_the_looks_say():
    curves = made_up_curves(30)
    eyes = take_of_curves(curves, "a.csv").eye_pose
    backwards = replace(curves, eyes=-curves.eyes)  # as another app may mean them
    np.testing.assert_allclose(take_of_curves(backwards, "a.csv").eye_pose, eyes, atol=1e-6)  # radians
    without = curves.weights.copy()
    without[:, columns_of(LOOKS)] = 0.0
    unlooked = take_of_curves(replace(curves, weights=without), "a.csv")
    np.testing.assert_allclose(unlooked.eye_pose, curves.eyes, atol=1e-6)  # radians


def test_frames_that_were_not_recorded_are_gaps_between_their_neighbours():
    curves = made_up_curves(10, fps=Fraction(30))
    there = [0, 1, 2, 5, 6, 9]
    arrays = {name: getattr(curves, name)[there] for name in ("weights", "head", "eyes", "time_s")}
    take = take_of_curves(replace(curves, **arrays), "a.csv")
    assert np.flatnonzero(take.gap).tolist() == [3, 4, 7, 8]
    np.testing.assert_allclose(take.time_s, np.arange(10) / 30, atol=1e-9)  # seconds
    jaw = JAW_OPEN_RAD * curves.weight("jawOpen")
    np.testing.assert_allclose(take.jaw_pose[there, 0], jaw[there], atol=1e-6)  # radians
    np.testing.assert_allclose(take.jaw_pose[3, 0], (2 * jaw[2] + jaw[5]) / 3, atol=1e-6)
    assert np.all(take.confidence == np.where(take.gap, 0, 1))


def test_several_recordings_in_one_file_are_refused():
    curves = made_up_curves(20)
    apart = replace(curves, time_s=np.where(np.arange(20) < 8, curves.time_s, curves.time_s + 3600))
    with pytest.raises(RetargetError, match="a.csv has 20 frames over 3600.3 s.* after frame 7"):
        take_of_curves(apart, "a.csv")


def test_a_head_without_names_and_landmarks_is_refused():
    head = tiny_head()
    with pytest.raises(RetargetError, match="tiny 0 has 0 of the landmarks"):
        arkit_curves(make_take(3, head), head)
