"""The resting face: found where it is, and taken out so that nothing else is lost."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from smirk_blender.capture import solve_video
from smirk_blender.clean.neutral import find_neutral, neutral_of, shows_rest, without_neutral
from smirk_blender.errors import TakeError
from smirk_blender.flame.rotations import axis_angle_from_matrices, matrices_from_axis_angle
from smirk_blender.sample import SAMPLE_CLIP, sample_take
from smirk_blender.take import load_take
from smirk_blender.take.clean_up import Neutral
from tests.builders import make_take


@pytest.fixture(scope="module")
def truth(head):
    return sample_take(head)


@pytest.fixture(scope="module")
def at_rest(truth):
    """The sample's frames, (T,) bool, in which the face does nothing."""
    moves = [np.abs(truth.expression).max(axis=1), truth.jaw_pose[:, 0], truth.eyelid.max(axis=1)]
    return np.max(moves, axis=0) < 0.02


@pytest.fixture(scope="module")
def offset(head, truth):
    """The sample's animation by somebody whose face at rest smiles a little, with parted lips and half shut eyes."""
    rest = SimpleNamespace(expression=np.zeros(head.num_expression, np.float32), lids=np.float32([0.2, 0.35]))
    rest.expression[[head.expression_names.index(name) for name in ("mouthSmile_L", "browDown_R")]] = 0.3, 0.2
    rest.jaw_pose = np.array([0.06, 0.01, -0.02])
    turned = matrices_from_axis_angle(rest.jaw_pose) @ matrices_from_axis_angle(truth.jaw_pose)
    return replace(
        truth,
        expression=truth.expression + rest.expression,
        jaw_pose=axis_angle_from_matrices(turned).astype(np.float32),
        eyelid=rest.lids + (1 - rest.lids) * truth.eyelid,
    )


@pytest.mark.parametrize("sees", ["landmarks", "parameters"])
def test_a_take_of_one_frame_rests_there(head, sees):
    take = make_take(1, head)
    if sees == "parameters":
        take = replace(take, landmarks=np.full_like(take.landmarks, np.nan))
    assert find_neutral(take, head) == slice(0, 1)
    rested = without_neutral(take, head, Neutral("auto"))
    np.testing.assert_array_equal(rested.expression, np.zeros_like(take.expression))


def test_the_neutral_found_in_the_solved_sample_is_at_rest(head, truth, at_rest, tmp_path, figure):
    path = tmp_path / "sample.take.npz"
    list(solve_video(SAMPLE_CLIP, path))
    solved = load_take(path)
    rows = find_neutral(solved, head)
    assert at_rest[rows].all() and rows.stop - rows.start == 5  # a fifth of a second
    assert shows_rest(solved, rows) and not shows_rest(solved, slice(112, 118))  # with the mouth wide open
    neutral = without_neutral(solved, head, Neutral("auto"))
    off = lambda take: float(np.sqrt(((take.eyelid - truth.eyelid) ** 2).mean()))
    shut = truth.eyelid[:, 0] > 0.99
    depth = lambda take: float(np.mean(take.eyelid[shut, 0]) - np.mean(take.eyelid[at_rest, 0]))
    figure("lids off the truth, as solved", off(solved))
    figure("lids off the truth, neutral taken out", off(neutral))
    figure("depth of the left eye's blinks, as solved", depth(solved))
    figure("depth of the left eye's blinks, neutral taken out", depth(neutral))
    assert off(neutral) < off(solved) and depth(neutral) > depth(solved)


def test_the_neutral_is_found_by_parameters_where_there_are_no_landmarks(head, offset, at_rest):
    assert at_rest[find_neutral(offset, head)].all()


def test_a_neutral_is_not_found_in_a_gap(head, truth, at_rest):
    gap = at_rest.copy()
    gap[4] = False  # one frame of the longest rest is left
    rows = find_neutral(replace(truth, gap=gap), head)
    assert not gap[rows].any()
    everywhere = replace(truth, gap=np.ones(len(truth), bool))
    with pytest.raises(TakeError, match="sample.mp4 shows a face in no frame"):
        find_neutral(everywhere, head)


@pytest.mark.parametrize("settings", [Neutral("auto"), Neutral("range", 1, 6), Neutral("range", 6, 1)])
def test_without_its_neutral_the_face_does_what_the_actor_did(head, truth, offset, settings):
    found = without_neutral(offset, head, settings)
    np.testing.assert_allclose(found.expression, truth.expression, atol=1e-3)
    np.testing.assert_allclose(found.jaw_pose, truth.jaw_pose, atol=1e-3)  # radians
    np.testing.assert_allclose(found.eyelid, truth.eyelid, atol=1e-3)


def test_at_the_neutral_mouth_and_eyes_are_the_heads_own(head, offset, figure):
    found = without_neutral(offset, head, Neutral("range", 1, 6))
    lip_gap = lambda take: np.linalg.norm(np.diff(lips(head, take, slice(3, 4)), axis=1))
    figure("lip gap at rest, as solved", 1e3 * lip_gap(offset), "mm")
    figure("lip gap at rest, neutral taken out", 1e3 * lip_gap(found), "mm")
    own = np.linalg.norm(np.diff(lips(head, replace(found, expression=0 * found.expression), slice(0, 1)), axis=1))
    assert lip_gap(found) == pytest.approx(own, abs=1e-5) and lip_gap(offset) > own + 2e-3  # metres


def lips(head, take, frames):
    """Return the middles of both inner lips, (T, 2, 3) metres."""
    parameters = take.head_parameters(frames)
    parts = {name: parameters[name] for name in ("expression", "jaw_pose", "eyelid")}
    indices = head.landmarks.indices.tolist()
    return head.landmarks.points(head.vertices(**parts))[:, [indices.index(13), indices.index(14)]]


def test_lids_keep_their_order_and_shut_ones_stay_shut(head):
    lids = np.repeat(np.linspace(0, 1, 41)[:, None], 2, axis=1)
    take = make_take(41, head, eyelid=lids, gap=np.arange(41) > 20)
    for strength in (0.25, 1.0):
        found = without_neutral(take, head, Neutral("range", 8, 12, strength)).eyelid
        assert (np.diff(found, axis=0) >= 0).all() and found.min() == 0
        np.testing.assert_allclose(found[-1], 1.0, atol=1e-6)
    np.testing.assert_allclose(found[10], 0.0, atol=1e-6)
    np.testing.assert_allclose(found[25], (0.625 - 0.25) / 0.75, atol=1e-6)


def test_eyes_that_are_shut_at_the_chosen_neutral_can_still_open(head):
    take = make_take(3, head, eyelid=[[1, 1], [0.9, 0.5], [0, 0]])
    found = without_neutral(take, head, Neutral("range", 0, 0)).eyelid
    assert np.isfinite(found).all() and found[0, 0] == 1 and 0 < found[1, 0] < 1


def test_taking_the_neutral_out_is_undone_by_switching_it_off(head, offset):
    assert without_neutral(offset, head, Neutral("off")) is offset
    nothing = without_neutral(offset, head, Neutral("auto", strength=0.0))
    for name, array in offset.frame_arrays().items():
        np.testing.assert_allclose(nothing.frame_arrays()[name], array, atol=1e-6, err_msg=name)


def test_half_the_strength_takes_out_half(head, truth, offset):
    found = without_neutral(offset, head, Neutral("range", 1, 6, 0.5))
    np.testing.assert_allclose(found.expression, 0.5 * (truth.expression + offset.expression), atol=1e-3)


def test_a_range_is_of_the_videos_frames_and_must_be_in_the_take(head, offset):
    part = replace(offset, first_frame=100)
    same = without_neutral(offset, head, Neutral("range", 2, 5))
    np.testing.assert_array_equal(without_neutral(part, head, Neutral("range", 102, 105)).expression, same.expression)
    with pytest.raises(TakeError, match="should be frames 2-5, and the take of sample.mp4 has frames 100-249"):
        without_neutral(part, head, Neutral("range", 2, 5))
    with pytest.raises(TakeError, match="should be frame 120, in which the take of sample.mp4 shows no face"):
        without_neutral(replace(part, gap=np.arange(150) == 20), head, Neutral("range", 120, 120))


def test_a_gap_in_the_range_says_nothing_of_the_neutral(head, offset):
    broken = offset.expression.copy()
    broken[2:4] = 50.0
    gap = (np.arange(150) >= 2) & (np.arange(150) < 4)
    found = neutral_of(replace(offset, expression=broken, gap=gap), slice(1, 6))
    np.testing.assert_allclose(found.expression, offset.expression[1], atol=1e-6)
