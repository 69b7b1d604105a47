"""Spikes found where they were planted and nowhere else; gaps and spikes filled."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.clean.groups import group_channels, shots
from smirk_blender.clean.mend import mended
from smirk_blender.clean.spikes import find_spikes
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.sample import sample_take
from smirk_blender.take.clean_up import GROUPS, Fill, Spikes
from tests.builders import make_take
from tests.clean.played import played_take
from tests.clean.shaking import shaking

PARAMETERS = ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose", "eye_pose", "camera")


def with_gaps(take, *ranges):
    gap = take.gap.copy()
    for first, last in ranges:
        gap[first : last + 1] = True
    return replace(take, gap=gap)


def with_spikes(take, size: float, *, seed: int, count: int = 6):
    """Return the take with jumps of one to three frames, and where they are: of `size` 1 some 0.3, 6 degrees of jaw."""
    rng = np.random.default_rng(seed)
    planted = np.zeros(len(take), bool)
    arrays = {name: getattr(take, name).copy() for name in ("expression", "jaw_pose", "head_pose")}
    for row in rng.choice(np.arange(6, len(take) - 10, 12), count, replace=False):
        rows = slice(row, row + rng.integers(1, 4))
        planted[rows] = True
        for array, large in zip(arrays.values(), (0.3, 0.1, 0.1)):
            array[rows] += size * large * rng.normal(size=array.shape[1])
    return replace(take, **arrays), planted


@pytest.mark.parametrize(
    ("size", "noise", "least"), [(1.0, 0.0, 0.97), (2.0, 0.0, 0.97), (1.0, 1.0, 0.85), (2.0, 1.0, 0.97)]
)
def test_planted_spikes_are_found_and_none_invented(head, size, noise, least, figure):
    take = shaking(played_take(head), noise)
    found, planted, invented = 0, 0, 0
    for seed in range(4):
        spiky, where = with_spikes(take, size, seed=seed)
        spikes = find_spikes(spiky, Spikes())
        found += (spikes["expression"] & where).sum()
        planted += where.sum()
        invented += sum((spikes[group] & ~where).sum() for group in GROUPS)
    figure("recall", found / planted)
    figure("frames invented", invented)
    assert found >= least * planted and invented == 0


@pytest.mark.parametrize("fps", [25, 30, 60])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_blinks_plosives_saccades_and_turns_are_no_spikes(head, fps, noise):
    take = shaking(played_take(head, duration_s=28.0, fps=Fraction(fps)), noise)  # 20 blinks
    spikes = find_spikes(take, Spikes())
    assert {group: int(rows.sum()) for group, rows in spikes.items()} == dict.fromkeys(GROUPS, 0)


def test_the_sample_clips_truth_has_no_spikes(head):
    assert not any(rows.any() for rows in find_spikes(sample_take(head), Spikes()).values())


def test_a_cut_is_no_spike_but_ends_a_shot():
    take = make_take(60)
    origin = np.where(np.arange(60)[:, None] < 30, [[5.0, 0.0, 0.0]], [[5.0, 3.0, 0.0]])
    take = replace(take, camera=origin.astype(np.float32))
    assert not any(rows.any() for rows in find_spikes(take, Spikes()).values())
    assert shots(take) == [slice(0, 30), slice(30, 60)]


def test_a_frame_of_low_confidence_is_a_spike_of_everything():
    confidence = np.ones(30, np.float32)
    confidence[12] = 0.1
    spikes = find_spikes(make_take(30, confidence=confidence), Spikes())
    for group in GROUPS:
        assert np.flatnonzero(spikes[group]).tolist() == [12], group
    off = find_spikes(make_take(30, confidence=confidence), Spikes(enabled=False))
    assert not any(rows.any() for rows in off.values())


def test_a_mended_spike_is_near_what_was_played(head, figure):
    truth = played_take(head)
    spiky, where = with_spikes(truth, 2.0, seed=1)
    take = mended(spiky, find_spikes(spiky, Spikes()), Fill())
    before = np.abs(spiky.expression - truth.expression)[where].mean()
    after = np.abs(take.expression - truth.expression)[where].mean()
    figure("mean error of expression in spikes before", before)
    figure("mean error of expression in spikes after", after)
    assert after < 0.05 * before
    np.testing.assert_array_equal(take.expression[~where], spiky.expression[~where])


@pytest.mark.parametrize("beyond", ["neutral", "hold"])
def test_mending_twice_is_mending_once(head, beyond):
    spiky, _ = with_spikes(shaking(played_take(head), 1.0), 2.0, seed=2)
    spiky = with_gaps(spiky, (0, 9), (50, 55), (100, 140), (246, 249))
    settings = Fill(beyond=beyond)
    spikes = find_spikes(spiky, Spikes())
    once = mended(spiky, spikes, settings)
    again = mended(once, spikes, settings)
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(again, name), getattr(once, name), err_msg=name)
    np.testing.assert_array_equal(once.gap, spiky.gap)
    assert not any(rows.any() for rows in find_spikes(once, Spikes()).values())


def test_a_short_gap_is_bridged_without_overshoot(head):
    truth = played_take(head)
    take = mended(with_gaps(truth, (70, 73), (77, 80)), {}, Fill())
    for rows, name in ((slice(69, 75), "jaw_pose"), (slice(76, 82), "jaw_pose"), (slice(69, 75), "eyelid")):
        values = getattr(take, name)[rows]
        low, high = np.minimum(values[0], values[-1]), np.maximum(values[0], values[-1])
        assert (values >= low - 1e-6).all() and (values <= high + 1e-6).all()


def test_a_long_gap_rests_in_neutral_while_the_head_holds():
    take = with_gaps(make_take(120), (40, 99))
    eased = mended(take, {}, Fill(ease_s=0.3))  # 9 frames
    np.testing.assert_allclose(eased.expression[49:90], 0.0, atol=1e-6)
    np.testing.assert_allclose(eased.jaw_pose[49:90], 0.0, atol=1e-6)
    open_lids = np.median(take.eyelid[~take.gap & (take.eyelid < 0.5).all(axis=1)], axis=0)
    np.testing.assert_allclose(eased.eyelid[49:90], np.broadcast_to(open_lids, (41, 2)), atol=1e-6)
    for name in ("head_pose", "eye_pose"):
        held = np.broadcast_to(getattr(take, name)[39], (51, getattr(take, name).shape[1]))
        np.testing.assert_allclose(getattr(eased, name)[40:91], held, atol=1e-5, err_msg=name)  # radians
    for name in PARAMETERS:
        steps = np.abs(np.diff(getattr(eased, name)[38:102], axis=0)).max()
        played = np.abs(np.diff(getattr(take, name)[:40], axis=0)).max()
        gone = np.abs(getattr(eased, name)[100] - getattr(eased, name)[39]).max()
        assert steps <= max(played, 0.25 * gone) + 1e-6, name


def test_holding_holds_the_face_too():
    take = with_gaps(make_take(120), (40, 99))
    held = mended(take, {}, Fill(beyond="hold"))
    np.testing.assert_allclose(held.expression[40:91], np.broadcast_to(take.expression[39], (51, 50)), atol=1e-5)


def test_gaps_at_the_ends_have_one_side():
    take = with_gaps(make_take(120), (0, 4), (116, 119))
    short = mended(take, {}, Fill())
    np.testing.assert_allclose(short.jaw_pose[:5], np.broadcast_to(take.jaw_pose[5], (5, 3)), atol=1e-6)
    np.testing.assert_allclose(short.jaw_pose[116:], np.broadcast_to(take.jaw_pose[115], (4, 3)), atol=1e-6)
    long = mended(with_gaps(make_take(120), (0, 59)), {}, Fill())
    np.testing.assert_allclose(long.expression[:51], 0.0, atol=1e-6)
    np.testing.assert_allclose(long.head_pose[:60], np.broadcast_to(take.head_pose[60], (60, 3)), atol=1e-5)


def test_a_take_without_a_known_frame_stays_as_it_is():
    take = with_gaps(make_take(5), (0, 4))
    assert mended(take, {}, Fill()) is take


def test_a_head_beyond_half_a_turn_is_bridged_the_short_way():
    angle = np.linspace(2.9, 3.4, 40)
    wrapped = np.where(angle > np.pi, angle - 2 * np.pi, angle)
    take = make_take(40, head_pose=np.stack([0 * angle, wrapped, 0 * angle], axis=1))
    take.head_pose[15:26] = 0.5  # rubbish where no face was found
    filled = mended(with_gaps(take, (15, 25)), {}, Fill())
    truth = matrices_from_axis_angle(np.stack([0 * angle, angle, 0 * angle], axis=1))
    np.testing.assert_allclose(matrices_from_axis_angle(filled.head_pose), truth, atol=0.01)


def test_where_the_head_stands_is_filled_in_the_picture_not_in_a_crop_that_jumps():
    rng = np.random.default_rng(0)
    crops = np.tile(np.eye(3), (30, 1, 1))
    crops[:, :2, 2] = rng.normal(size=(30, 2)) * 20  # pixels
    take = make_take(30, crop_transform=crops)
    channels = group_channels(take, "head")
    filled = mended(with_gaps(take, (10, 15)), {}, Fill())
    place = group_channels(filled, "head")[9:17, 9:]
    low, high = np.sort(channels[[9, 16], 9:], axis=0)
    assert (place >= low - 1e-3).all() and (place <= high + 1e-3).all()  # pixels
    np.testing.assert_array_equal(filled.crop_transform, take.crop_transform)
