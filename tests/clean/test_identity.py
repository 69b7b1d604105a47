"""One identity for a take: the face stays where it was seen, and nothing is left of the other identities."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.clean.identity import locked, robust_shape
from smirk_blender.clean.neutral import RestingFace
from smirk_blender.clean.profile import Profile
from smirk_blender.errors import TakeError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.regions import face_mask
from smirk_blender.sample import sample_take
from smirk_blender.take.clean_up import Identity
from tests.builders import make_take

WANDER = 0.5  # standard deviations, of each of the first 40 identity coefficients, up and down
NOISE = 0.2  # standard deviations, from frame to frame


@pytest.fixture(scope="module")
def head(either_head):
    return either_head


@pytest.fixture(scope="module")
def truth(head):
    """A performance of one identity."""
    rng = np.random.default_rng(1)
    shape = 0.5 * rng.normal(size=head.num_shape).astype(np.float32)
    if head.name != "Built-in":
        take = make_take(60, head)
        jaw_pose = np.maximum(take.jaw_pose * [0.75, 0.2, 0.2], [0, -1, -1])
        move = dict(expression=0.5 * take.expression[:, :50], jaw_pose=jaw_pose.astype(np.float32))
        return replace(take, **move, shape=shape, neck_pose=0 * take.neck_pose, eye_pose=0 * take.eye_pose)
    whole = sample_take(head)
    rows = {name: array[::3] for name, array in whole.frame_arrays().items()}
    return replace(whole, **rows, shape=shape)


@pytest.fixture(scope="module")
def wandering(head, truth):
    return seen_as_others(head, truth, np.random.default_rng(0))


def seen_as_others(head, truth, rng):
    """Return the take of a solver that sees a little of somebody else in every frame.

    Its expressions and cameras lay its landmarks on the true ones: by landmarks, not vertices, as the clean-up does.
    """
    frames = np.arange(len(truth))[:, None]
    cycles, start = rng.uniform(0.01, 0.1, 40), rng.uniform(0, 1, 40)
    other = np.zeros((len(truth), len(truth.shape)))
    other[:, :40] = WANDER * np.sin(2 * np.pi * (cycles * frames + start))
    other += NOISE * rng.normal(size=other.shape)
    marks, num_expression = head.landmarks, truth.expression.shape[-1]
    at = lambda directions: np.einsum("lckj,lc->lkj", directions[marks.corners], marks.weights).astype(np.float64)
    points = marks.points(head.template[None])[0]
    rigid = [np.broadcast_to(np.eye(3), (len(marks), 3, 3)), points[..., None]]
    basis = np.concatenate([at(head.expression_directions[..., :num_expression]), *rigid], axis=-1)
    basis = basis.reshape(-1, num_expression + 4)
    normal = basis.T @ basis
    normal[np.diag_indices(num_expression)] += 1e-8 * np.trace(normal)
    meant = other @ np.linalg.solve(normal, basis.T @ at(head.shape_directions).reshape(len(basis), -1)).T
    frame_shape = (truth.shape + other).astype(np.float32)
    expression = truth.expression - meant[:, :num_expression].astype(np.float32)
    take = replace(truth, expression=expression, frame_shape=frame_shape, shape=np.median(frame_shape, axis=0))
    seen = in_picture(head, truth, truth.shape[None], marks.points)[..., :2]
    own = marks.points(head.vertices(**take.head_parameters() | {"shape": frame_shape}))[..., :2]
    seen_middle, own_middle = seen.mean(axis=1, keepdims=True), own.mean(axis=1, keepdims=True)
    scale = ((seen - seen_middle) * (own - own_middle)).sum(axis=(1, 2)) / ((own - own_middle) ** 2).sum(axis=(1, 2))
    camera = np.column_stack([scale, seen_middle[:, 0] / scale[:, None] - own_middle[:, 0]])
    return replace(take, camera=camera.astype(np.float32))


def in_picture(head, take, shape, points_of=lambda vertices: vertices):
    """Return where points lie before the camera, (T, N, 3) in halves of the crop."""
    points = points_of(head.vertices(**take.head_parameters() | {"shape": shape}))
    shift = np.pad(take.camera[:, 1:], ((0, 0), (0, 1)))
    return take.camera[:, :1, None] * (points + shift[:, None])


def off_mm(head, take, truth) -> float:
    """Return how far the face lies from the true one as the camera sees both, root mean square, millimetres."""
    face = face_mask(head)[:, None] / face_mask(head).sum()
    apart = in_picture(head, take, take.shape[None]) - in_picture(head, truth, truth.shape[None])
    apart[..., 2] -= (apart[..., 2:] * face).sum(axis=1)  # no camera tells how far away all of it is
    return 1e3 / truth.camera[:, 0].mean() * float(np.sqrt((face * apart**2).sum(axis=(1, 2)).mean()))


def test_the_face_stays_where_it_was_seen(head, truth, wandering, figure):
    steady = locked(wandering, head, Identity())
    before, after = off_mm(head, replace(wandering, shape=steady.shape), truth), off_mm(head, steady, truth)
    figure(f"{head.name}: off the true face, expression as solved", before, "mm")
    figure(f"{head.name}: off the true face, expression told anew", after, "mm")
    assert after < 0.5 * before
    assert steady.frame_shape is None
    np.testing.assert_array_equal(steady.gap, wandering.gap)


def test_what_stays_is_near_the_true_identity(head, truth, wandering, figure):
    face = face_mask(head)[:, None] / face_mask(head).sum()
    off = lambda shape: 1e3 * np.sqrt((face * (head.shape_directions @ (shape - truth.shape)) ** 2).sum())
    one = np.mean([off(row) for row in wandering.frame_shape[::10]])
    figure(f"{head.name}: identity off by, one frame's", one, "mm")
    figure(f"{head.name}: identity off by, the median", off(np.median(wandering.frame_shape, axis=0)), "mm")
    figure(f"{head.name}: identity off by, the robust mean", off(robust_shape(wandering)), "mm")
    assert off(robust_shape(wandering)) < off(np.median(wandering.frame_shape, axis=0))


def test_locked_twice_is_locked_once(head, wandering):
    once = locked(wandering, head, Identity())
    assert locked(once, head, Identity()) is once


def test_a_refined_expression_is_told_anew_likewise(head, wandering):
    others = {"refined_jaw_pose": wandering.jaw_pose, "refined_eyelid": wandering.eyelid}
    refined = replace(wandering, refined_expression=wandering.expression + 1, **others)
    steady = locked(refined, head, Identity())
    np.testing.assert_allclose(steady.refined_expression, steady.expression + 1, atol=1e-5)


def test_a_profiles_identity_is_worn_by_another_take_and_its_face_stays(head, truth, figure):
    mine = truth.shape + 0.4 * np.random.default_rng(5).normal(size=len(truth.shape)).astype(np.float32)
    resting = RestingFace(np.zeros(5, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32))
    profile = Profile("actor", head.models(), (), mine, resting, {}, np.zeros((2, 2), np.float32))
    settings = Identity("profile", "actor.actor.json")
    steady = locked(truth, head, settings, profile)
    np.testing.assert_array_equal(steady.shape, mine)
    before, after = off_mm(head, replace(truth, shape=mine), truth), off_mm(head, steady, truth)
    figure(f"{head.name}: off the face, expression as solved", before, "mm")
    figure(f"{head.name}: off the face, expression told anew", after, "mm")
    assert after < 0.75 * before
    assert locked(steady, head, settings, profile) is steady
    with pytest.raises(TakeError, match="should wear an actor profile's identity, but none is chosen"):
        locked(truth, head, settings)


def test_frames_that_went_wrong_do_not_change_who_it_is():
    rng = np.random.default_rng(3)
    take = make_take(200, confidence=np.ones(200))
    frame_shape = (take.shape + 0.1 * rng.normal(size=(200, 10))).astype(np.float32)
    clean = robust_shape(replace(take, frame_shape=frame_shape))
    frame_shape[50:80] += 6.0  # a hand before the face
    frame_shape[120:150] += 1000.0
    gap = np.zeros(200, bool)
    gap[120:150] = True
    confidence = np.where((np.arange(200) >= 50) & (np.arange(200) < 80), 0.1, 1.0).astype(np.float32)
    found = robust_shape(replace(take, frame_shape=frame_shape, gap=gap, confidence=confidence))
    np.testing.assert_allclose(found, clean, atol=0.05)  # standard deviations; the mean is off by more than 1
    np.testing.assert_allclose(clean, take.shape, atol=0.03)


def test_a_take_of_one_identity_comes_back_as_it_is():
    take = make_take(5, builtin_head())
    assert locked(take, builtin_head(), Identity()) is take
    np.testing.assert_array_equal(robust_shape(take), take.shape)


@pytest.mark.parametrize("num_known", [0, 20])
def test_a_head_of_few_identity_directions_tells_what_it_can(num_known):
    whole = builtin_head()
    known = dict(shape_directions=whole.shape_directions[..., :num_known], shape_names=whole.shape_names[:num_known])
    few = replace(whole, **known, landmarks=None)  # as one that is adopted by the names of its keys
    take, rng = make_take(8, whole), np.random.default_rng(0)
    take = replace(take, frame_shape=(take.shape + 0.1 * rng.normal(size=(8, whole.num_shape))).astype(np.float32))
    other = take.frame_shape.copy()
    other[:, :num_known] = take.shape[:num_known]  # only what it does not know wanders
    face = locked(replace(take, frame_shape=other), few, Identity())
    np.testing.assert_allclose(face.expression, take.expression, atol=1e-4)
    moved = np.abs(locked(take, few, Identity()).expression - take.expression).max()
    assert moved > 0.01 if num_known else moved == 0.0


def test_a_take_without_a_camera_gets_none(wandering, head):
    blind = replace(wandering, camera=np.zeros_like(wandering.camera))
    np.testing.assert_array_equal(locked(blind, head, Identity()).camera, blind.camera)
