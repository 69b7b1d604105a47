"""All steps together, with their usual settings: what each gains, no other loses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from smirk_blender.capture import solve_video
from smirk_blender.clean.chain import cleaned
from smirk_blender.clean.contact import lid_gap_mm, lip_gap_mm
from smirk_blender.clean.events import find_blinks, find_closures
from smirk_blender.clean.jitter import jitter_mm, still_rows
from smirk_blender.clean.met import with_contacts_of
from smirk_blender.clean.refine import refine
from smirk_blender.clean.spikes import find_spikes
from smirk_blender.take import CleanUp, Take, load_take, save_take
from smirk_blender.take.clean_up import GROUPS, Smoothing, Spikes
from tests.clean.closed_loop import BLINKS, CLOSURES, FPS, HALF_BLINK, NUM_FRAMES, truth
from tests.clean.sightings import assert_blinks_are_those_planted

LIDS_MEET_MM, LIPS_MEET_MM = 0.3, 0.5
IN_CLOSURE = np.zeros(NUM_FRAMES, bool)
for start, shutting, held, _ in CLOSURES:
    IN_CLOSURE[start + shutting : start + shutting + held + 1] = True
PARAMETERS = ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose", "eye_pose", "camera")


@pytest.fixture(scope="module")
def refined_clip(solved_clip, head) -> Take:
    return refine(solved_clip, head)


@pytest.fixture(scope="module")
def clean_clip(refined_clip, head) -> Take:
    return cleaned(refined_clip, head, CleanUp())


def unseen(take):
    return replace(take, landmarks=np.full_like(take.landmarks, np.nan))


def test_the_clean_face_blinks_as_planted(clean_clip, head):
    assert_blinks_are_those_planted(find_blinks(unseen(clean_clip), head))


def test_lids_meet_wherever_they_are_shut(solved_clip, clean_clip, head, figure):
    shut = truth(head).eyelid >= 1
    before, after = (lid_gap_mm(take, head)[shut].max() for take in (solved_clip, clean_clip))
    figure("widest gap of shut lids", before, "mm before")
    figure("widest gap of shut lids", after, "mm after")
    assert after < LIDS_MEET_MM < before


def test_lips_meet_in_every_closure(solved_clip, clean_clip, head, figure):
    before, after = (lip_gap_mm(take, head) for take in (solved_clip, clean_clip))
    figure("widest lip gap in closures", before[IN_CLOSURE].max(), "mm before")
    figure("widest lip gap in closures", after[IN_CLOSURE].max(), "mm after")
    assert after[IN_CLOSURE].max() < LIPS_MEET_MM and after.min() > -LIPS_MEET_MM
    assert len(find_closures(unseen(clean_clip), head)) == len(CLOSURES)


def test_blinks_keep_their_depth(solved_clip, clean_clip, head, figure):
    before, after = (np.maximum(lid_gap_mm(take, head), 0.0) for take in (solved_clip, clean_clip))
    opened = np.median(before, axis=0)
    kept = []
    for first, *lengths in BLINKS:
        rows = slice(first - 1, first + sum(lengths) + 2)
        kept.extend((opened - after[rows].min(axis=0)) / (opened - before[rows].min(axis=0)))
    figure("least share of a blink's depth kept", min(kept))
    assert min(kept) >= 0.95


def test_the_jaw_keeps_its_peaks(solved_clip, clean_clip, head, figure):
    played = truth(head).jaw_pose[:, 0]
    middle = played[1:-1]
    peaks = np.flatnonzero((middle > 0.1) & (middle >= played[:-2]) & (middle > played[2:])) + 1
    around = [slice(row - 2, row + 3) for row in peaks]
    kept = [clean_clip.jaw_pose[rows, 0].max() / solved_clip.jaw_pose[rows, 0].max() for rows in around]
    figure("least share of a jaw's peak kept", min(kept))
    assert len(kept) >= 10 and min(kept) >= 0.95


def test_nothing_comes_late(solved_clip, clean_clip, head):
    for name, curve in {
        "lids": lambda take: lid_gap_mm(take, head).mean(axis=1),
        "lips": lambda take: lip_gap_mm(take, head),
        "jaw": lambda take: take.jaw_pose[:, 0],
        "head": lambda take: take.head_pose[:, 1],
    }.items():
        before, after = curve(solved_clip), curve(clean_clip)
        match = [np.corrcoef(before[5:-5], after[5 + lag : len(after) - 5 + lag])[0, 1] for lag in range(-5, 6)]
        assert int(np.argmax(match)) - 5 == 0, name


def test_a_still_face_shakes_five_times_less(solved_clip, clean_clip, head, figure):
    rows = still_rows(solved_clip)
    before, after = (jitter_mm(take, head, rows) for take in (solved_clip, clean_clip))
    later = rows & (np.arange(len(rows)) >= 3)  # the first frames shake most
    least = [jitter_mm(take, head, later) for take in (solved_clip, clean_clip)]
    figure("jitter where still", before, "mm before")
    figure("jitter where still", after, "mm after")
    figure("jitter where still past the first frames", least[0], "mm before")
    figure("jitter where still past the first frames", least[1], "mm after")
    assert after <= before / 5 and least[1] <= least[0] / 5


def test_still_rows_hold_no_half_blink(solved_clip):
    start, shutting, held, opening, _ = HALF_BLINK
    assert not still_rows(solved_clip)[start + 1 : start + shutting + held + opening].any()


def test_no_blink_or_closure_is_a_spike(refined_clip):
    spikes = find_spikes(refined_clip, Spikes())
    for group in ("expression", "jaw", "lids"):
        assert not spikes[group][IN_CLOSURE].any(), group
        for start, *lengths in BLINKS:
            assert not spikes[group][start : start + sum(lengths) + 1].any(), (group, start)


def test_a_first_frame_that_the_head_leaves_at_once_is_a_spike(known):
    assert not any(rows.any() for rows in find_spikes(known, Spikes()).values())
    head_pose = known.head_pose.copy()
    head_pose[0] += np.float32([0.03, 0.0, 0.0])  # radians
    spikes = find_spikes(replace(known, head_pose=head_pose), Spikes())
    for group in GROUPS:
        assert np.flatnonzero(spikes[group]).tolist() == [0], group


def test_a_contact_of_one_frame_outlasts_the_smoothing(known, head, figure):
    first, shutting, held, opening = CLOSURES[0]
    met = first + shutting
    blurred = {name: gaussian_filter1d(getattr(known, name), 2.0, axis=0) for name in ("expression", "jaw_pose")}
    smooth = replace(known, **blurred)
    after = with_contacts_of(smooth, known, head, Smoothing())
    gaps = [lip_gap_mm(take, head)[met] for take in (known, smooth, after)]
    for what, gap in zip(("played", "smoothed", "given back"), gaps):
        figure(f"lip gap of a closure, {what}", gap, "mm")
    assert gaps[2] < LIPS_MEET_MM < gaps[1]
    brows = [column for column, name in enumerate(head.expression_names) if name.startswith("brow")]
    np.testing.assert_allclose(after.expression[met, brows], smooth.expression[met, brows], atol=0.02)


def test_lips_and_lids_that_meet_as_before_stay_as_they_are(known, head):
    after = with_contacts_of(known, known, head, Smoothing())
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(after, name), getattr(known, name), err_msg=name)


@pytest.mark.parametrize("smoothing", [Smoothing(enabled=False), Smoothing(expression=0, jaw=0, lids=0)])
def test_a_face_that_is_not_smoothed_stays_as_it_is_to_the_last_bit(unsteady, head, smoothing):
    after = cleaned(unsteady, head, CleanUp(spikes=Spikes(enabled=False), smoothing=smoothing))
    for name in ("expression", "jaw_pose", "eyelid"):
        np.testing.assert_array_equal(getattr(after, name), getattr(unsteady, name), err_msg=name)


def test_cleaning_twice_is_cleaning_once_and_goes_through_the_file(refined_clip, head, tmp_path):
    gap = np.zeros(NUM_FRAMES, bool)
    gap[200:208], gap[480:510] = True, True
    landmarks = np.where(gap[:, None, None], np.nan, refined_clip.landmarks)
    once = cleaned(replace(refined_clip, gap=gap, landmarks=landmarks, clean_up=CleanUp()), head)
    np.testing.assert_array_equal(once.gap, gap)
    assert once.clean_up is None and once.refined_expression is None
    again, loaded = cleaned(once, head), load_take(save_take(once, tmp_path / "clean.take.npz"))
    for name in once.frame_arrays():
        np.testing.assert_array_equal(getattr(again, name), getattr(once, name), err_msg=name)
        np.testing.assert_array_equal(getattr(loaded, name), getattr(once, name), err_msg=name)
    assert loaded.fps == once.fps == FPS


def test_footage_keeps_its_contacts_and_blinks_no_more_than_before(shared_folder, head, tmp_path, figure):
    list(solve_video(shared_folder / "footage" / "actor_a.mp4", tmp_path / "actor.take.npz"))
    take = load_take(tmp_path / "actor.take.npz")
    after = cleaned(refine(take, head), head, CleanUp())
    assert not [blink for blink in find_blinks(unseen(after), head) if blink.eye == "both"]
    for closure in find_closures(take):
        gap = lip_gap_mm(after, head)[closure.first : closure.last + 1]
        assert gap.max() < LIPS_MEET_MM, closure
    rows = still_rows(take)
    before, less = jitter_mm(take, head, rows), jitter_mm(after, head, rows)
    figure("jitter where still", before, "mm before")
    figure("jitter where still", less, "mm after")
    assert less <= before / 5
