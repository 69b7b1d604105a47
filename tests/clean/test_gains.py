"""Gains, asymmetry and the mirror: what they change, and what not."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean import gains
from smirk_blender.clean.gains import JAW_WIDEST_RAD, expression_matrix, gained, partners, prepare_gains
from smirk_blender.errors import HeadError
from smirk_blender.flame import builtin_head, load_head
from smirk_blender.flame.regions import SKIN_REGIONS, face_mask, region_masks
from smirk_blender.sample import sample_take
from smirk_blender.take.clean_up import Gains
from tests.builders import make_take, tiny_head

FLIP = np.array([-1, 1, 1])


@pytest.fixture(scope="module")
def flame(shared_folder):
    return load_head(shared_folder / "flame" / "generic_model.pkl", shared_folder / "flame")


@pytest.fixture(scope="module")
def take(head):
    """The sample's animation, every fifth frame; with a jaw and eyes that move in all directions."""
    whole = make_take(150, head, **{name: array for name, array in sample_take(head).frame_arrays().items()})
    rows = {name: array[::5] for name, array in whole.frame_arrays().items()}
    rows["jaw_pose"] = rows["jaw_pose"] + np.float32([0, 0.05, -0.03])
    rows["eye_pose"] = rows["eye_pose"] + np.float32([0.02, 0.03, 0, -0.03, -0.02, 0])
    return replace(whole, **rows, shape=np.zeros_like(whole.shape))


def motion_mm(head, expression) -> np.ndarray:
    """Return what an expression (T, E) moves, (T, V, 3) millimetres, unposed."""
    directions = head.expression_directions[..., : expression.shape[-1]]
    return 1e3 * np.tensordot(expression, directions, axes=([1], [2]))


def exact_partners(head):
    """Return the partners, without the strands of hair, which have none but near ones."""
    own, other = partners(head)
    exact = np.linalg.norm(head.template[own] - head.template[other] * FLIP, axis=-1) < 1e-6  # metres
    return own[exact], other[exact]


def rms_by_region(head, offsets) -> dict[str, float]:
    face = face_mask(head)
    weights = {name: mask * face * (mask > 0.9) for name, mask in region_masks(head).items() if name != "eyes"}
    square = (offsets**2).sum(axis=-1).mean(axis=0)
    return {name: float(np.sqrt((weight * square).sum() / weight.sum())) for name, weight in weights.items()}


def test_gains_of_one_leave_the_take_as_it_is(head, take):
    assert gained(take, head, Gains()) is take


@pytest.mark.parametrize("which", ["builtin", "flame"])
@pytest.mark.parametrize(("gain", "expected"), [(2.0, 2.0), (0.0, 0.0)])
def test_a_gain_on_the_brows_moves_the_brows_and_not_the_mouth(request, head, take, which, gain, expected, figure):
    if which == "flame":
        head = request.getfixturevalue("flame")
        take = make_take(30, head)
        take = replace(take, expression=0.5 * take.expression[:, :50])
    before = motion_mm(head, take.expression)
    after = motion_mm(head, gained(take, head, Gains(brows=gain)).expression)
    was, is_now, changed = (rms_by_region(head, offsets) for offsets in (before, after, after - before))
    figure(f"{which}: brows move", was["brows"], "mm")
    figure(f"{which}: with a gain of {gain:g}", is_now["brows"], "mm")
    figure(f"{which}: which changes the mouth by", changed["mouth"], "mm")
    assert is_now["brows"] / was["brows"] == pytest.approx(expected, abs=0.4)
    assert changed["mouth"] < 0.05 and changed["mouth"] < 0.05 * changed["brows"]


def test_all_regions_at_one_gain_scale_the_whole_expression(head, take):
    matrix = expression_matrix(head, Gains(**dict.fromkeys(SKIN_REGIONS, 1.5)), head.num_expression)
    np.testing.assert_allclose(take.expression @ matrix.T, 1.5 * take.expression, atol=0.02)


def test_each_setting_leaves_alone_what_is_not_its_own(head, take):
    names = ("jaw_pose", "eyelid", "eye_pose", "head_pose", "neck_pose")
    own = {"jaw": "jaw_pose", "lids": "eyelid", "eyes": "eye_pose", "brows": "", "mouth": "", "nose": "", "cheeks": ""}
    for region, changes in own.items():
        after = gained(take, head, Gains(**{region: 0.5}))
        for name in names:
            same = np.array_equal(getattr(after, name), getattr(take, name))
            assert same == (name != changes), (region, name)
        assert np.array_equal(after.expression, take.expression) == (region == "eyes")
        np.testing.assert_array_equal(after.gap, take.gap)
        np.testing.assert_array_equal(after.shape, take.shape)


def test_jaw_lids_and_eyes_stay_within_what_they_can(head, take):
    after = gained(take, head, Gains(jaw=4.0, lids=4.0, eyes=4.0))
    np.testing.assert_allclose(after.jaw_pose[:, 0], np.minimum(4 * take.jaw_pose[:, 0], JAW_WIDEST_RAD), atol=1e-6)
    np.testing.assert_allclose(after.eyelid, np.clip(4 * take.eyelid, 0, 1), atol=1e-6)
    assert np.abs(after.eye_pose).max() < np.radians(47.2)
    wide = replace(take, jaw_pose=np.full_like(take.jaw_pose, 0.9))
    np.testing.assert_allclose(gained(wide, head, Gains(jaw=2.0)).jaw_pose, 0.9, atol=1e-6)  # beyond before: no more


def test_the_mirror_swaps_named_pairs_and_keeps_the_rest(head, take):
    other = lambda name: {"_L": name[:-2] + "_R", "_R": name[:-2] + "_L"}.get(name[-2:], name)
    pairs = {"mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
    names = head.expression_names
    order = [names.index(pairs.get(name, other(name))) for name in names]
    after = gained(take, head, Gains(mirror=True))
    np.testing.assert_allclose(after.expression, take.expression[:, order], atol=1e-5)
    np.testing.assert_array_equal(after.eyelid, take.eyelid[:, ::-1])


def test_a_mirrored_take_shows_the_mirror_image(head, take, figure):
    mirrored = head.vertices(**gained(take, head, Gains(mirror=True)).head_parameters())
    own, other = exact_partners(head)
    apart = np.linalg.norm(mirrored[:, own] - head.vertices(**take.head_parameters())[:, other] * FLIP, axis=-1)
    figure("farthest vertex from the mirror image", 1e3 * apart.max(), "mm")
    assert apart.max() < 1e-5  # metres


@pytest.mark.parametrize("which", ["builtin", "flame"])
def test_mirrored_twice_is_as_before(request, head, take, which):
    if which == "flame":
        head = request.getfixturevalue("flame")
        take = make_take(30, head)
        take = replace(take, expression=take.expression[:, :50])
    mirror = Gains(mirror=True)
    twice = gained(gained(take, head, mirror), head, mirror)
    assert np.abs(gained(take, head, mirror).expression - take.expression).max() > 0.3
    for name, array in take.frame_arrays().items():
        np.testing.assert_allclose(twice.frame_arrays()[name], array, atol=2e-5, err_msg=name)


def test_without_asymmetry_both_sides_do_the_same(head, take, figure):
    still = replace(take, head_pose=0 * take.head_pose, eye_pose=0 * take.eye_pose)
    own, other = exact_partners(head)
    differ = lambda points: np.linalg.norm(points[:, own] - points[:, other] * FLIP, axis=-1).max()
    before = differ(head.vertices(**still.head_parameters()))
    after = differ(head.vertices(**gained(still, head, Gains(asymmetry=0.0)).head_parameters()))
    figure("left and right differ by", 1e3 * before, "mm")
    figure("and without asymmetry by", 1e3 * after, "mm")
    assert after < 1e-5 < 5e-3 < before  # metres


def test_asymmetry_leaves_where_the_eyes_look_and_how_the_head_turns(head, take):
    after = gained(take, head, Gains(asymmetry=0.0))
    np.testing.assert_array_equal(after.eye_pose[:, [1, 4]], take.eye_pose[:, [1, 4]])
    np.testing.assert_allclose(after.eye_pose[:, 0], after.eye_pose[:, 3], atol=1e-7)  # radians
    np.testing.assert_array_equal(after.head_pose, take.head_pose)


def test_doubled_asymmetry_doubles_the_difference_of_a_named_pair(head, take):
    names = head.expression_names
    left, right = names.index("mouthSmile_L"), names.index("mouthSmile_R")
    after = gained(take, head, Gains(asymmetry=2.0)).expression
    difference = take.expression[:, left] - take.expression[:, right]
    np.testing.assert_allclose(after[:, left] - after[:, right], 2 * difference, atol=1e-4)
    both = take.expression[:, left] + take.expression[:, right]
    np.testing.assert_allclose(after[:, left] + after[:, right], both, atol=1e-4)


def test_what_was_prepared_is_not_worked_out_again(monkeypatch):
    fresh = builtin_head()
    prepare_gains(fresh, fresh.num_expression)
    expected = expression_matrix(fresh, Gains(brows=1.5, mirror=True), fresh.num_expression)
    monkeypatch.setattr(gains, "region_masks", None)
    monkeypatch.setattr(gains, "partners", None)
    again = expression_matrix(fresh, Gains(brows=1.5, mirror=True), fresh.num_expression)
    np.testing.assert_array_equal(again, expected)


def test_a_head_without_a_face_to_be_found_says_so_to_a_gain_and_not_before():
    joints = np.zeros((5, 50))
    joints[:, 0] = 1  # all in one place
    faceless = tiny_head(joint_regressor=joints)
    prepare_gains(faceless, 8)
    with pytest.raises(HeadError):
        expression_matrix(faceless, Gains(brows=1.5), 8)
