"""Smoothing held to truth: the landmark solver's noise, and takes that shake in every frame by itself."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.clean.groups import group_channels, shots, with_group_channels
from smirk_blender.clean.jitter import jitter_mm, still_rows
from smirk_blender.clean.smooth import smoothed
from smirk_blender.flame.fit import LandmarkFitter
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.take.clean_up import GROUPS, Smoothing
from tests.builders import make_take
from tests.clean.played import BLINK_S, blink_starts, played_take, seen_landmarks, shaken, solved_take
from tests.clean.shaking import shaking

PARAMETERS = ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose", "eye_pose", "camera")
LANDMARK_NOISE = 0.01  # of the eye distance
DURATION_S = 10.0


@pytest.fixture(scope="module")
def truth(head):
    return played_take(head, duration_s=DURATION_S)


@pytest.fixture(scope="module")
def solves(head, truth):
    """What the landmark solver makes of the truth's landmarks, without noise and with it."""
    fitter, seen = LandmarkFitter(head), seen_landmarks(head, truth)
    return solved_take(fitter, truth, seen), solved_take(fitter, truth, shaken(seen, LANDMARK_NOISE))


@pytest.fixture(scope="module", params=["landmarks", "frames by themselves"])
def pair(request, truth):
    """A take that shakes, and the same without its noise."""
    if request.param == "landmarks":
        clean, noisy = request.getfixturevalue("solves")
        return noisy, clean
    return shaking(truth, 1.0), truth


def mesh_mm(head, take) -> np.ndarray:
    """Return every sixth vertex with the head at rest and no identity, (T, V, 3) millimetres."""
    part = head.part(np.arange(0, len(head.template), 6), np.zeros(1))
    moved = {name: getattr(take, name) for name in ("jaw_pose", "eyelid", "eye_pose")}
    return 1000.0 * part.vertices(None, take.expression, **moved)


def rms(offsets: np.ndarray) -> float:
    return float(np.sqrt((offsets**2).sum(axis=-1).mean()))


def test_the_mesh_is_40_percent_nearer_to_what_there_is_without_noise(pair, head, figure):
    noisy, clean = pair
    still = mesh_mm(head, clean)
    before, after = rms(mesh_mm(head, noisy) - still), rms(mesh_mm(head, smoothed(noisy, Smoothing())) - still)
    figure("mesh error before", before, "mm")
    figure("mesh error after", after, "mm")
    assert after <= 0.6 * before


def test_it_is_nearer_to_the_truth_too_though_the_solver_errs_without_noise(solves, truth, head, figure):
    clean, noisy = solves
    played = mesh_mm(head, truth)
    errors = [rms(mesh_mm(head, take) - played) for take in (clean, noisy, smoothed(noisy, Smoothing()))]
    for what, error in zip(("without noise", "with noise", "smoothed"), errors):
        figure(f"mesh error against truth {what}", error, "mm")
    assert errors[2] <= 0.8 * errors[1]


# Lids have noise only while they are open: shut ones, and those of a blink, are left as they are.
@pytest.mark.parametrize(
    ("group", "most"), [("expression", 0.6), ("jaw", 0.6), ("lids", 0.9), ("head", 0.7), ("gaze", 0.6)]
)
def test_every_group_loses_noise(pair, group, most, figure):
    noisy, clean = pair
    before, after, still = (group_channels(take, group) for take in (noisy, smoothed(noisy, Smoothing()), clean))
    left = np.linalg.norm(after - still) / np.linalg.norm(before - still)
    figure(f"{group}: error left", left)
    assert left <= most


def test_nothing_comes_late(pair, head):
    noisy, clean = pair
    after = smoothed(noisy, Smoothing())
    for group in GROUPS:
        moving = np.ptp(group_channels(clean, group), axis=0) > 10 * noise_of(noisy, clean, group)
        for column in np.flatnonzero(moving):
            still, calm = group_channels(clean, group)[:, column], group_channels(after, group)[:, column]
            match = [np.corrcoef(still[5:-5], calm[5 + lag : len(calm) - 5 + lag])[0, 1] for lag in range(-5, 6)]
            assert int(np.argmax(match)) - 5 == 0, (group, column)


def noise_of(noisy, clean, group) -> np.ndarray:
    return np.std(group_channels(noisy, group) - group_channels(clean, group), axis=0)


def test_blinks_keep_their_depth(pair, figure):
    noisy, clean = pair
    after = smoothed(noisy, Smoothing())
    kept = []
    for start in blink_starts(DURATION_S):
        rows = slice(int(start * 25), int((start + BLINK_S[-1]) * 25) + 2)
        kept.append(after.eyelid[rows].max(axis=0) / noisy.eyelid[rows].max(axis=0))
        assert (after.eyelid[rows].max(axis=0) > 0.9 * clean.eyelid[rows].max(axis=0)).all()
    figure("least share of a blink's depth kept", np.min(kept))
    figure("mean depth of blinks against the noise-free", after.eyelid.max() / clean.eyelid.max())
    assert np.min(kept) >= 0.95


def test_every_opening_of_the_jaw_keeps_its_height(pair, truth, figure):
    noisy, clean = pair
    after = smoothed(noisy, Smoothing())
    jaw = truth.jaw_pose[:, 0]
    peaks = [row for row in range(1, len(jaw) - 1) if jaw[row] > 0.1 and jaw[row - 1] <= jaw[row] > jaw[row + 1]]
    assert len(peaks) >= 5
    around = [slice(row - 2, row + 3) for row in peaks]
    kept = [after.jaw_pose[rows, 0].max() / noisy.jaw_pose[rows, 0].max() for rows in around]
    against = [after.jaw_pose[rows, 0].max() / clean.jaw_pose[rows, 0].max() for rows in around]
    figure("least share of a jaw's peak, of the noise-free one", np.min(against))
    figure("least share of a jaw's peak, of the noisy one", np.min(kept))
    assert np.min(against) >= 0.94


def test_a_still_face_shakes_five_times_less(pair, truth, head, figure):
    noisy, _ = pair
    rows = still_rows(truth)
    assert rows.sum() > 50
    before, after = jitter_mm(noisy, head, rows), jitter_mm(smoothed(noisy, Smoothing()), head, rows)
    figure("jitter before", before, "mm")
    figure("jitter after", after, "mm")
    assert after <= 0.2 * before
    found = still_rows(noisy)  # as one has to who does not know the truth
    assert (found & rows).sum() > 0.5 * found.sum() > 0
    assert jitter_mm(smoothed(noisy, Smoothing()), head, found) <= 0.2 * jitter_mm(noisy, head, found)


def test_strength_0_changes_nothing():
    take = make_take(40)
    for settings in (Smoothing(**dict.fromkeys(GROUPS, 0.0)), Smoothing(enabled=False)):
        after = smoothed(take, settings)
        for name in PARAMETERS:
            np.testing.assert_array_equal(getattr(after, name), getattr(take, name), err_msg=name)
    lids_only = smoothed(shaking(take, 1.0), Smoothing(**dict.fromkeys(GROUPS, 0.0) | {"lids": 1.0}))
    np.testing.assert_array_equal(lids_only.head_pose, shaking(take, 1.0).head_pose)


def test_more_strength_leaves_less_noise(truth, head):
    noisy = shaking(truth, 1.0)
    rows = still_rows(truth)
    left = [jitter_mm(smoothed(noisy, Smoothing(**dict.fromkeys(GROUPS, s))), head, rows) for s in (0.1, 0.5, 1.0)]
    assert left == sorted(left, reverse=True)


def test_what_has_no_noise_is_kept(truth):
    after = smoothed(truth, Smoothing())
    for name in PARAMETERS:
        np.testing.assert_allclose(getattr(after, name), getattr(truth, name), atol=2e-3, err_msg=name)


@pytest.mark.parametrize("fps", [25, 60])
def test_other_rates_are_smoothed_alike(head, fps, figure):
    truth = played_take(head, duration_s=5.0, fps=Fraction(fps))
    noisy = shaking(truth, 1.0)
    after, still = mesh_mm(head, smoothed(noisy, Smoothing())), mesh_mm(head, truth)
    left = rms(after - still) / rms(mesh_mm(head, noisy) - still)
    figure("mesh error left", left)
    assert left <= 0.4


@pytest.mark.parametrize("num_frames", range(1, 11))
def test_short_takes_are_smoothed(num_frames):
    take = shaking(make_take(num_frames), 1.0)
    after = smoothed(take, Smoothing())
    for name in PARAMETERS:
        assert np.isfinite(getattr(after, name)).all(), name
        assert getattr(after, name).dtype == getattr(take, name).dtype


def test_a_head_that_turns_through_half_a_turn_is_smoothed_as_any(figure):
    angle = np.linspace(2.6, 3.7, 80)
    wrapped = np.where(angle > np.pi, angle - 2 * np.pi, angle)
    zero = np.zeros(80)
    noise = 0.01 * np.random.default_rng(0).normal(size=(80, 3))
    turn = lambda y, noise: np.stack([zero, y, zero], axis=1) + noise
    after = smoothed(make_take(80, head_pose=turn(wrapped, noise)), Smoothing())
    truth = matrices_from_axis_angle(turn(angle, 0.0))
    error = lambda poses: np.sqrt(((matrices_from_axis_angle(poses) - truth) ** 2).mean())
    before, left = error(turn(wrapped, noise)), error(after.head_pose)
    figure("error left", left / before)
    assert left < 0.6 * before


def test_where_the_head_stands_is_calmed_in_the_picture():
    rng = np.random.default_rng(0)
    crops = np.tile(np.eye(3), (80, 1, 1))
    crops[:, :2, 2] = rng.normal(size=(80, 2)) * 5  # pixels
    take = make_take(80)
    held = with_group_channels(replace(take, crop_transform=crops), {"head": group_channels(take, "head")})
    after = smoothed(held, Smoothing())  # the crop shakes, the head does not
    np.testing.assert_allclose(group_channels(after, "head")[:, 8:], group_channels(take, "head")[:, 8:], rtol=1e-3)


def test_a_cut_stays_a_cut():
    jump = np.where(np.arange(60) < 30, 0.0, 3.0)[:, None]
    camera = np.hstack([np.full((60, 1), 5.0), jump, 0 * jump])
    take = make_take(60, camera=camera, jaw_pose=0.1 * np.hstack([jump] * 3))
    after = smoothed(shaking(take, 1.0), Smoothing())
    for name in ("jaw_pose", "camera"):
        steps = np.abs(np.diff(getattr(after, name), axis=0)).max(axis=1)
        assert steps[29] > 10 * np.delete(steps, 29).max(), name


def test_still_frames_are_those_in_which_nothing_is_played(truth):
    rows = still_rows(truth)
    time_s = truth.time_s
    assert not rows[(time_s > 2.3) & (time_s < 2.7)].any()  # the head turns
    assert not rows[(time_s > 3.1) & (time_s < 4.5)].any()  # speech
    assert rows[(time_s > 0.2) & (time_s < 0.4)].all() and rows[(time_s > 9.4) & (time_s < 9.8)].all()
    gap = truth.gap.copy()
    gap[5:8] = True
    assert not still_rows(replace(truth, gap=gap))[5:8].any()


def test_jitter_is_the_mesh_s_second_difference(truth, head):
    take = replace(truth, jaw_pose=np.float32(0.02) * (np.arange(len(truth))[:, None] % 2) * np.float32([1, 0, 0]))
    part = slice(0, 6)
    vertices = head.vertices(**take.head_parameters(part))
    second = 1000 * (vertices[2:] - 2 * vertices[1:-1] + vertices[:-2])
    rows = np.arange(len(take)) < 6
    assert jitter_mm(take, head, rows) == pytest.approx(rms(second), rel=1e-4)
    assert np.isnan(jitter_mm(take, head, np.zeros(len(take), bool)))


def test_a_take_that_is_mostly_gaps_is_smoothed_where_a_face_was_seen(truth):
    noisy = shaking(truth, 1.0)
    gap = np.arange(len(noisy)) >= 100
    held = {name: np.where(gap[:, None], getattr(noisy, name)[99], getattr(noisy, name)) for name in PARAMETERS}
    after = smoothed(replace(noisy, gap=gap, **held), Smoothing())
    rows = slice(0, 15)  # still
    assert np.std(after.expression[rows], axis=0).mean() < 0.5 * np.std(noisy.expression[rows], axis=0).mean()


def test_a_take_without_a_camera_is_smoothed_as_well(truth):
    crops = np.tile(np.eye(3), (len(truth), 1, 1))
    crops[:, :2, 2] = np.random.default_rng(0).normal(size=(len(truth), 2))
    take = replace(truth, camera=np.zeros_like(truth.camera), crop_transform=crops)
    noisy = replace(shaking(take, 1.0), camera=take.camera)
    after = smoothed(noisy, Smoothing())
    assert shots(noisy) == [slice(0, len(truth))]
    np.testing.assert_array_equal(after.camera, take.camera)
    error = lambda poses: np.sqrt(((poses - take.head_pose) ** 2).mean())
    assert error(after.head_pose) < 0.6 * error(noisy.head_pose)
