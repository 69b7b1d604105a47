"""Refining: lips and lids where the picture has them, the rest as solved."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean.blend import LANDMARKS, blended
from smirk_blender.clean.contact import LIP_PAIRS, lid_gap_mm, lip_gap_mm
from smirk_blender.clean.refine import refine
from smirk_blender.errors import SmirkError
from smirk_blender.flame import load_head
from smirk_blender.take import Take
from smirk_blender.take.clean_up import Refine
from smirk_blender.take.parts import part_of
from tests.builders import make_take
from tests.clean.closed_loop import CLOSURES, HALF_BLINK, NUM_FRAMES, TALK, badly_solved, truth, with_landmarks

LIDS_MEET_MM, LIPS_MEET_MM = 0.3, 0.5
IN_CLOSURE = np.zeros(NUM_FRAMES, bool)
for start, shutting, held, _ in CLOSURES:
    IN_CLOSURE[start + shutting : start + shutting + held + 1] = True
TALKING = np.zeros(NUM_FRAMES, bool)
for first, last in TALK:
    TALKING[first : last + 1] = True


@pytest.fixture(scope="module")
def refined(unsteady, head) -> Take:
    return refine(unsteady, head)


@pytest.fixture(scope="module")
def refined_clip(solved_clip, head) -> Take:
    return refine(solved_clip, head)


def root_mean_square(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def test_lids_meet_where_they_are_shut(unsteady, refined, known, head, figure):
    shut = known.eyelid >= 1
    before, after = (lid_gap_mm(take, head)[shut].max() for take in (unsteady, blended(refined, head, Refine())))
    figure("widest gap of shut lids", before, "mm before")
    figure("widest gap of shut lids", after, "mm after")
    assert shut.any() and after < LIDS_MEET_MM < before


def test_lips_meet_in_closures_and_do_not_lie_in_each_other(unsteady, refined, head, figure):
    before, after = (lip_gap_mm(take, head)[IN_CLOSURE] for take in (unsteady, blended(refined, head, Refine())))
    figure("widest lip gap in closures", before.max(), "mm before")
    figure("widest lip gap in closures", after.max(), "mm after")
    assert after.max() < LIPS_MEET_MM < before.max() and after.min() > -LIPS_MEET_MM


def test_open_lips_and_lids_come_nearer_to_the_truth(unsteady, refined, known, head, figure):
    after = blended(refined, head, Refine())
    for name, gap, rows in (("lips", lip_gap_mm, ~IN_CLOSURE), ("lids", lid_gap_mm, slice(None))):
        wanted = gap(known, head)[rows]
        errors = [root_mean_square(gap(take, head)[rows] - wanted) for take in (unsteady, after)]
        figure(f"gap of {name} against the truth, root mean square", errors[0], "mm before")
        figure(f"gap of {name} against the truth, root mean square", errors[1], "mm after")
        assert errors[1] < errors[0]


def test_open_eyes_are_left_as_they_were(unsteady, refined, known, head):
    opened = known.eyelid <= 0
    change = lid_gap_mm(blended(refined, head, Refine()), head) - lid_gap_mm(unsteady, head)
    assert np.abs(change[opened]).max() < 0.15  # millimetres


def test_half_a_blink_stays_half(refined, known, head):
    row = HALF_BLINK[0] + HALF_BLINK[1]
    gap = lid_gap_mm(blended(refined, head, Refine()), head)[row]
    np.testing.assert_allclose(gap, lid_gap_mm(known, head)[row], atol=1.0)  # millimetres, of 11.4


def test_an_eye_that_never_shuts_is_not_shut(known, head):
    squinting = part_of(replace(known, eyelid=0.6 * known.eyelid), slice(0, 80))
    take = with_landmarks(squinting, head, noise=0.002, left_open=0.1)
    after = blended(refine(badly_solved(take, head), head), head, Refine())
    assert lid_gap_mm(after, head).min() > 2.0  # millimetres


def test_the_upper_face_stays(unsteady, refined, head, figure):
    after = blended(refined, head, Refine())
    forehead = np.flatnonzero(head.landmarks.points(head.template[None])[0][:, 1] > 0.05)
    points = [
        head.landmarks.points(head.vertices(expression=take.expression[::20], jaw_pose=take.jaw_pose[::20]))
        for take in (unsteady, after)
    ]
    moved = np.linalg.norm(points[1] - points[0], axis=-1)[:, forehead]
    figure("forehead moved at most", 1000 * moved.max(), "mm")
    assert moved.max() < 0.0003  # metres


def test_strength_0_is_the_solved_take_bit_by_bit(unsteady, refined, head):
    plain = blended(refined, head, Refine(mouth=0.0, lids=0.0, brows=0.0))
    for name in ("expression", "jaw_pose", "eyelid"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(unsteady, name))


def test_all_at_1_is_the_refined_take(refined, head):
    full = blended(refined, head, Refine(mouth=1.0, lids=1.0, brows=1.0))
    np.testing.assert_allclose(full.expression, refined.refined_expression, atol=1e-6)
    np.testing.assert_allclose(full.jaw_pose, refined.refined_jaw_pose, atol=1e-6)  # radians
    np.testing.assert_allclose(full.eyelid, refined.refined_eyelid, atol=1e-6)


def test_a_take_that_was_not_refined_stays_as_it_is(unsteady, head):
    plain = blended(unsteady, head, Refine())
    np.testing.assert_array_equal(plain.expression, unsteady.expression)


@pytest.mark.parametrize("region", ["mouth", "brows"])
def test_a_region_moves_alone(unsteady, refined, head, region):
    only = blended(refined, head, replace(Refine(mouth=0.0, lids=0.0, brows=0.0), **{region: 1.0}))
    vertices = [
        head.vertices(expression=take.expression[::20], jaw_pose=take.jaw_pose[::20]) for take in (unsteady, only)
    ]
    moved = np.linalg.norm(head.landmarks.points(vertices[1] - vertices[0]), axis=-1).mean(axis=0)
    inside = np.isin(head.landmarks.indices, LANDMARKS[region])
    other = np.isin(head.landmarks.indices, LANDMARKS["brows" if region == "mouth" else "mouth"])
    assert moved[inside].mean() > 20 * moved[other].mean()


def test_refining_is_told_frame_by_frame_and_can_be_stopped(unsteady, head):
    done = []
    take = part_of(unsteady, slice(0, 60))
    refine(take, head, done.append)
    assert done[-1] == 60 and done == sorted(done)

    class Stopped(Exception):
        pass

    def stop(num_frames: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        refine(take, head, stop)


def test_frames_in_a_gap_change_as_their_neighbours_do(unsteady, head):
    part = part_of(unsteady, slice(180, 230))
    gap = np.zeros(len(part), bool)
    gap[20:30] = True
    take = replace(part, gap=gap, landmarks=np.where(gap[:, None, None], np.nan, part.landmarks))
    refined = refine(take, head)
    change = refined.refined_jaw_pose - take.jaw_pose
    between = np.linspace(change[19], change[30], 12)[1:-1]
    np.testing.assert_allclose(change[20:30], between, atol=1e-5)  # radians
    np.testing.assert_array_equal(refined.gap, gap)


def test_each_frames_own_identity_is_the_one_that_is_refined(unsteady, head):
    take = part_of(unsteady, slice(80, 110))
    shape = np.zeros((len(take), head.num_shape), np.float32)
    same = refine(replace(take, frame_shape=shape), head)
    np.testing.assert_allclose(same.refined_expression, refine(take, head).refined_expression, atol=1e-5)
    shape[:, 0] = 2.0
    other = refine(replace(take, frame_shape=shape), head)
    assert np.abs(other.refined_expression - same.refined_expression).max() > 1e-3


def test_a_take_without_landmarks_says_what_to_do(unsteady, head):
    blind = replace(unsteady, landmarks=np.full_like(unsteady.landmarks, np.nan))
    with pytest.raises(SmirkError, match="no landmarks to refine"):
        refine(blind, head)


def test_shut_eyes_and_lips_meet_on_flame(shared_folder, figure):
    head = load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")
    row = np.arange(60)
    eyelid = np.zeros((len(row), 2))
    eyelid[[20, 40]] = 1.0
    closed = row % 20 < 3
    still = {name: np.zeros((len(row), 3)) for name in ("neck_pose", "head_pose", "jaw_pose")}
    still["jaw_pose"][:, 0] = np.where(closed, 0.01, 0.15)  # radians; FLAME's lips are 1.5 mm apart at rest
    solved = make_take(len(row), expression=np.zeros((len(row), 50)), shape=np.zeros(10), eyelid=eyelid, **still)
    seen = with_landmarks(solved, head, noise=0.001, left_open=0.1)
    for pair in LIP_PAIRS:  # in the picture they meet
        seen.landmarks[np.ix_(closed, pair)] = seen.landmarks[np.ix_(closed, pair)].mean(axis=1, keepdims=True)
    take = replace(seen, eyelid=0.8 * seen.eyelid)
    after = blended(refine(take, head), head, Refine())
    shut = eyelid >= 1
    figure("widest gap of shut lids on FLAME", lid_gap_mm(after, head)[shut].max(), "mm")
    assert lid_gap_mm(after, head)[shut].max() < LIDS_MEET_MM < lid_gap_mm(take, head)[shut].max()
    figure("widest gap of shut lips on FLAME", lip_gap_mm(after, head)[closed].max(), "mm")
    assert np.abs(lip_gap_mm(after, head)[closed]).max() < LIPS_MEET_MM < lip_gap_mm(take, head)[closed].min()


def test_the_rendered_clips_lids_meet_where_they_are_shut(solved_clip, refined_clip, head, figure):
    shut = truth(head).eyelid >= 1
    before, after = (lid_gap_mm(take, head)[shut] for take in (solved_clip, blended(refined_clip, head, Refine())))
    figure("widest gap of shut lids", before.max(), "mm before")
    figure("widest gap of shut lids", after.max(), "mm after")
    assert after.max() < LIDS_MEET_MM


def test_the_rendered_clips_lips_meet_in_every_closure(solved_clip, refined_clip, head, figure):
    before, after = (lip_gap_mm(take, head) for take in (solved_clip, blended(refined_clip, head, Refine())))
    figure("widest lip gap in closures", before[IN_CLOSURE].max(), "mm before")
    figure("widest lip gap in closures", after[IN_CLOSURE].max(), "mm after")
    assert after[IN_CLOSURE].max() < LIPS_MEET_MM and after.min() > -LIPS_MEET_MM


def test_the_rendered_clips_open_mouth_is_no_farther_from_the_truth(solved_clip, refined_clip, head, figure):
    wanted, talking = lip_gap_mm(truth(head), head), TALKING & ~IN_CLOSURE
    after = blended(refined_clip, head, Refine())
    errors = [root_mean_square((lip_gap_mm(take, head) - wanted)[talking]) for take in (solved_clip, after)]
    figure("lip gap while talking against the truth, root mean square", errors[0], "mm before")
    figure("lip gap while talking against the truth, root mean square", errors[1], "mm after")
    assert errors[1] < 1.05 * errors[0]


def test_the_rendered_clips_open_eyes_are_not_narrowed(solved_clip, refined_clip, head, figure):
    opened = truth(head).eyelid <= 0
    before, after = (lid_gap_mm(take, head)[opened] for take in (solved_clip, blended(refined_clip, head, Refine())))
    figure("median gap of open lids", np.median(before), "mm before")
    figure("median gap of open lids", np.median(after), "mm after")
    assert np.median(after) > 0.99 * np.median(before)


def test_stills_are_refined_too(unsteady, head):
    """A freeze frame with the mouth open, and a clip of two frames: neither tells how lips and lids usually move."""
    open_row = int(np.flatnonzero(lip_gap_mm(unsteady, head) > 5.0)[0])
    rows = np.full(40, open_row)
    arrays = {name: array[rows] for name, array in unsteady.frame_arrays().items() if name != "time_s"}
    still = replace(unsteady, **arrays, time_s=unsteady.time_s[:40])
    for take in (still, part_of(unsteady, slice(open_row, open_row + 2))):
        after = refine(take, head)
        assert np.isfinite(after.refined_expression).all() and np.isfinite(after.refined_eyelid).all()
        assert np.ptp(after.refined_expression, axis=0).max() < 1.0


def test_an_eye_that_seems_to_shut_above_its_open_level_gives_numbers(unsteady, head):
    two = part_of(unsteady, slice(100, 102))
    noise = np.random.default_rng(2).normal(size=two.landmarks.shape).astype(np.float32)
    after = refine(replace(two, landmarks=two.landmarks + 4.0 * noise), head)
    assert np.isfinite(after.refined_eyelid).all() and np.isfinite(after.refined_expression).all()
