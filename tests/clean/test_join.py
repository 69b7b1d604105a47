"""Takes end to end."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.clean.identity import locked
from smirk_blender.clean.join import joined
from smirk_blender.errors import TakeError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.regions import face_mask
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.sample.performance import sample_take
from smirk_blender.take import CleanUp, Source, load_take, save_take
from smirk_blender.take.camera import image_points
from smirk_blender.take.clean_up import Identity
from smirk_blender.take.parts import part_of
from smirk_blender.take.take import FRAME_ARRAYS
from tests.builders import make_take, tiny_head

A = Source("a.mp4", 1, "1" * 64, 64, 48)
B = Source("b.mov", 2, "2" * 64, 64, 48)
SHAPE = np.zeros(10, np.float32)
FPS = Fraction(25)


def take_of(num_frames, seed=0, **replacements):
    return make_take(num_frames, **(dict(seed=seed, fps=FPS, source=A, shape=SHAPE) | replacements))


def test_takes_play_one_after_the_other_to_the_last_bit():
    one, other = take_of(7, first_frame=3), take_of(5, seed=1, source=B, gap=[0, 1, 0, 0, 0], clean_up=CleanUp())
    whole = joined([one, other])
    assert (len(whole), whole.fps, whole.first_frame, whole.clean_up) == (12, FPS, 3, None)
    for name in FRAME_ARRAYS.keys() - {"time_s"}:
        both = np.concatenate([getattr(one, name), getattr(other, name)])
        np.testing.assert_array_equal(getattr(whole, name), both, err_msg=name)
        assert getattr(whole, name).dtype == both.dtype, name
    assert whole.source == Source("a + b.mov", 0, "", 64, 48)


def test_a_file_keeps_a_joined_take(tmp_path):
    whole = joined([take_of(4), take_of(3, seed=1, source=B, shape=SHAPE + 1)])
    loaded = load_take(save_take(whole, tmp_path / "whole.take.npz"))
    np.testing.assert_array_equal(loaded.frame_shape, whole.frame_shape)
    assert loaded.source == whole.source


def test_times_go_on_from_take_to_take():
    late = part_of(take_of(20, seed=1, source=B), slice(10, 20))
    np.testing.assert_allclose(joined([take_of(6), late, take_of(3)]).time_s, np.arange(19) / 25, atol=1e-12)
    varying = take_of(3, time_s=[0.0, 0.1, 0.12])
    np.testing.assert_allclose(joined([varying, varying]).time_s, [0, 0.1, 0.12, 0.16, 0.26, 0.28], atol=1e-12)


def test_parts_of_one_video_are_still_of_that_video():
    take = take_of(9)
    assert joined([part_of(take, slice(5, 9)), part_of(take, slice(0, 5))]).source == A


def test_another_rate_becomes_the_first_takes():
    slow, fast = take_of(10), take_of(20, seed=1, fps=Fraction(50), source=B)
    whole = joined([slow, fast])
    assert (whole.fps, len(whole)) == (FPS, 20)
    np.testing.assert_array_equal(whole.expression[10:], fast.expression[::2])
    np.testing.assert_allclose(whole.time_s, np.arange(20) / 25, atol=1e-12)
    assert len(joined([fast, slow])) == 40


def test_another_identity_is_remembered_row_by_row():
    locked, wide = take_of(2), take_of(3, seed=1, source=B, shape=np.arange(12, dtype=np.float32))
    whole = joined([locked, wide])
    np.testing.assert_array_equal(whole.shape, np.zeros(12))
    np.testing.assert_array_equal(whole.frame_shape, [np.zeros(12)] * 2 + [np.arange(12)] * 3)
    wandering = replace(locked, frame_shape=np.ones((2, 10), np.float32))
    np.testing.assert_array_equal(joined([wandering, locked]).frame_shape[:, 0], [1, 1, 0, 0])
    assert joined([locked, locked]).frame_shape is None


def test_what_only_some_takes_have_is_left_out():
    take = take_of(3)
    others = {"refined_jaw_pose": take.jaw_pose, "refined_eyelid": take.eyelid}
    refined = replace(take, refined_expression=2 * take.expression, **others)
    assert joined([refined, take]).refined_expression is None
    np.testing.assert_array_equal(joined([refined, refined]).refined_expression, np.tile(2 * take.expression, (2, 1)))


def test_a_head_of_a_larger_picture_lies_in_the_first_ones():
    large = Source("large.mp4", 1, "3" * 64, 256, 96)  # wider: half a picture of 128 by 48, in the middle of 64 by 48
    crop = np.tile([[0.9, 0, 12.0], [0, 0.9, -7.0], [0, 0, 1]], (3, 1, 1))
    take = take_of(3, seed=1, source=large, crop_transform=crop)
    vertices = tiny_head().vertices(head_pose=take.head_pose)
    whole = joined([take_of(2), take])
    seen = image_points(vertices, take.camera, take.crop_transform)
    laid = image_points(vertices, whole.camera[2:], whole.crop_transform[2:])
    expected = (seen - [127.5, 47.5, 0]) / 4 + [31.5, 23.5, 0]
    np.testing.assert_allclose(laid, expected, atol=1e-6)  # pixels
    landmarks = (take.landmarks - [127.5, 47.5, 0]) / 4 + [31.5, 23.5, 0]
    np.testing.assert_allclose(whole.landmarks[2:], landmarks, atol=1e-5)  # pixels


def test_a_blend_meets_midway_and_leaves_the_rest_alone():
    one, other = take_of(30), take_of(30, seed=1)
    plain, blended = joined([one, other]), joined([one, other], blend_s=0.4)  # five frames to either side
    far = np.r_[0:25, 35:60]
    for name in ("expression", "eyelid", "jaw_pose", "head_pose", "neck_pose", "eye_pose"):
        raw, soft = getattr(plain, name), getattr(blended, name)
        np.testing.assert_array_equal(soft[far], raw[far], err_msg=name)
        np.testing.assert_allclose(soft[29], soft[30], atol=1e-6)
    np.testing.assert_allclose(blended.expression[29], (plain.expression[29] + plain.expression[30]) / 2, atol=1e-6)
    steps = lambda values: np.abs(np.diff(values, axis=0)).max()
    assert steps(blended.expression) < 0.5 * steps(plain.expression)
    np.testing.assert_array_equal(blended.camera, plain.camera)
    turn = lambda row: matrices_from_axis_angle(blended.head_pose[row])
    ends = [matrices_from_axis_angle(take.head_pose[row]) for take, row in ((one, 29), (other, 0))]
    angles = [np.arccos((np.trace(end.T @ turn(29)) - 1) / 2) for end in ends]
    assert angles[0] == pytest.approx(angles[1], abs=1e-5)  # radians


def test_a_blend_takes_identities_and_what_was_refined_along():
    rng = np.random.default_rng(0)
    parts = []
    for seed, source in ((0, A), (1, B)):
        take = take_of(30, seed=seed, source=source)
        refined = dict(refined_expression=2 * take.expression, refined_jaw_pose=0.5 * take.jaw_pose)
        shape = np.tile(rng.normal(size=10).astype(np.float32), (30, 1))
        parts.append(replace(take, **refined, refined_eyelid=take.eyelid / 2, frame_shape=shape))
    plain, blended = joined(parts), joined(parts, blend_s=0.4)
    for name in ("frame_shape", "refined_expression", "refined_jaw_pose", "refined_eyelid"):
        raw, soft = getattr(plain, name), getattr(blended, name)
        np.testing.assert_allclose(soft[29], soft[30], atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(soft[[24, 35]], raw[[24, 35]], err_msg=name)
    np.testing.assert_allclose(blended.refined_expression, 2 * blended.expression, atol=1e-5)


def test_a_blend_of_short_takes_reaches_no_farther_than_they_do():
    takes = [take_of(4), take_of(1, seed=1), take_of(3, seed=2)]
    whole, blended = joined(takes), joined(takes, blend_s=2.0)
    assert np.isfinite(blended.expression).all() and len(blended) == 8
    np.testing.assert_array_equal(blended.expression[4], whole.expression[4])
    lids = joined([take_of(5, eyelid=np.ones((5, 2))), take_of(5, eyelid=np.zeros((5, 2)))], blend_s=0.4).eyelid[:, 0]
    assert lids.min() >= 0 and lids.max() <= 1 and (np.diff(lids) <= 1e-6).all()


def test_what_cannot_be_joined_is_refused_by_name():
    take = take_of(3, models={"head": "generic_model.pkl", "head_sha256": "1"})
    with pytest.raises(TakeError, match="no takes to join"):
        joined([])
    with pytest.raises(TakeError, match="a.mp4 and b.mov were solved on generic_model.pkl and built-in"):
        joined([take, take_of(3, source=B, models={"head": "built-in"})])
    with pytest.raises(TakeError, match="solved on generic_model.pkl and generic_model.pkl, which differ"):
        joined([take, replace(take, models={"head": "generic_model.pkl", "head_sha256": "2"})])
    joined([take, replace(take, models={"head": "renamed.pkl", "head_sha256": "1"})])
    with pytest.raises(TakeError, match="a.mp4 and b.mov have 50 and 20 expression directions"):
        joined([take_of(3), take_of(3, source=B, expression=np.zeros((3, 20)))])
    with pytest.raises(TakeError, match="or other names for them"):
        joined([take_of(3, expression_names=("smile",)), take_of(3, source=B)])
    with pytest.raises(TakeError, match="b.mov has no frames"):
        joined([take_of(3), part_of(take_of(3, source=B), slice(0, 0))])


def test_takes_of_two_identities_become_those_of_one_face(figure):
    head = builtin_head()
    shapes = [np.linspace(start, -start, head.num_shape).astype(np.float32) for start in (0.5, -0.5)]
    one, other = (replace(part_of(sample_take(head), slice(40, 70)), shape=shape) for shape in shapes)
    whole = joined([one, other])
    face = locked(whole, head, Identity())
    assert face.frame_shape is None
    vertices = lambda take: head.vertices(**take.head_parameters() | {"head_pose": None})[:, face_mask(head) > 0.5]
    both = np.concatenate([vertices(one), vertices(other)])
    apart = lambda take: 1000 * float(np.sqrt(((vertices(take) - both) ** 2).sum(axis=-1).mean()))
    before_mm, after_mm = apart(replace(whole, frame_shape=None)), apart(face)
    figure("face of two joined identities, before it is told by one", before_mm, "mm")
    figure("after", after_mm, "mm")
    assert after_mm < 0.8 * before_mm
