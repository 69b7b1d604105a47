"""The landmark fit: its derivatives, and parameters found again from landmarks that they made."""

import numpy as np
import pytest

from smirk_blender.flame import LandmarkEmbedding, builtin_head
from smirk_blender.flame.align import align_similarity
from smirk_blender.flame.fit import OVERLAP_FRAMES, WINDOW_FRAMES, LandmarkFitter
from smirk_blender.flame.gaze import GAZE_HIGH_RAD, GAZE_LOW_RAD
from smirk_blender.flame.landmark_model import LandmarkModel
from smirk_blender.flame.rotations import matrices_from_axis_angle
from smirk_blender.take.camera import camera_points
from tests.builders import tiny_head


@pytest.fixture(scope="module")
def head():
    return builtin_head()


def performance(head, num_frames: int) -> dict[str, np.ndarray]:
    """Return parameters of a face that talks, blinks, smiles and turns."""
    phase = np.linspace(0, 2 * np.pi * num_frames / 60, num_frames)
    zero = np.zeros(num_frames)
    wave = lambda rate, shift=0.0: 0.5 - 0.5 * np.cos(rate * phase + shift)
    expression = np.zeros((num_frames, head.num_expression))
    for name, values in {
        "mouthSmile_L": wave(1),
        "mouthSmile_R": wave(1, 1),
        "browInnerUp": wave(2),
        "mouthPucker": 0.7 * wave(3),
    }.items():
        expression[:, head.expression_names.index(name)] = values
    gaze = np.column_stack([0.1 * np.sin(phase), 0.2 * np.sin(2 * phase), zero])
    return {
        "expression": expression,
        "jaw_pose": np.column_stack([0.3 * wave(4), zero, zero]),
        "eyelid": np.column_stack([wave(5) ** 4, wave(5, 0.2) ** 4]),
        "head_pose": np.column_stack([0.15 * np.sin(phase), 0.4 * np.sin(phase + 1), 0.1 * np.sin(2 * phase)]),
        "eye_pose": np.concatenate([gaze, gaze], axis=1),
    }


def seen(head, parameters, shape, noise: float = 0.0) -> np.ndarray:
    """Return the 478 landmarks (T, 478, 3) that a camera of scale 8 sees, with noise as a part of the eye distance."""
    vertices = head.vertices(shape, **parameters)
    points = camera_points(head.landmarks.points(vertices), np.tile([8.0, 0.01, -0.02], (len(vertices), 1)))
    measured = np.zeros((len(points), 478, 3))
    measured[:, head.landmarks.indices] = points
    eye_distance = np.linalg.norm(measured[:, 33, :2] - measured[:, 263, :2], axis=1).mean()
    return measured + np.random.default_rng(0).normal(size=measured.shape) * noise * eye_distance


@pytest.mark.parametrize(
    "make_head", [builtin_head, lambda: tiny_head(3, landmarks=tiny_landmarks())], ids=["built-in", "tiny"]
)
def test_derivatives_are_the_slopes(make_head):
    model = LandmarkModel(make_head(), 10, 50)
    rng = np.random.default_rng(0)
    shape, frames = rng.normal(size=model.num_shape), 0.2 * rng.normal(size=(2, model.layout.size))
    frames[:, model.layout.groups["camera"]] += [5, 0, 0, 0]
    _, jacobian = model.project(shape, frames, derivatives=True, shape_derivatives=True)
    step = 1e-5
    for column in range(model.num_shape + model.layout.size):
        moves = np.zeros(model.num_shape + model.layout.size)
        moves[column] = step
        ends = [
            model.project(shape + sign * moves[: model.num_shape], frames + sign * moves[model.num_shape :])[0]
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(
            jacobian[..., column], (ends[0] - ends[1]) / (2 * step), atol=1e-6, err_msg=str(column)
        )


def tiny_landmarks() -> LandmarkEmbedding:
    rng = np.random.default_rng(5)
    corners = rng.integers(0, 50, (6, 1)).repeat(3, axis=1)  # at vertices, where a landmark's mean weights are exact
    return LandmarkEmbedding(np.array([33, 133, 263, 362, 468, 473]), corners, np.full((6, 3), 1 / 3, np.float32))


@pytest.mark.parametrize(
    "make_head", [builtin_head, lambda: tiny_head(3, landmarks=tiny_landmarks())], ids=["built-in", "tiny"]
)
def test_the_reduced_head_puts_landmarks_where_the_whole_head_does(make_head):
    head = make_head()
    model = LandmarkModel(head, head.num_shape, head.num_expression)
    rng = np.random.default_rng(1)
    shape = rng.normal(size=head.num_shape)
    frames = 0.2 * rng.normal(size=(3, model.layout.size))
    groups = model.layout.groups
    frames[:, groups["camera"]] = [1, 0, 0, 0]
    gaze = frames[:, groups["gaze"]]
    zero = np.zeros((3, 1))
    vertices = head.vertices(
        shape,
        frames[:, groups["expression"]],
        eyelid=frames[:, groups["eyelid"]],
        jaw_pose=frames[:, groups["jaw_pose"]],
        eye_pose=np.concatenate([gaze[:, :2], zero, gaze[:, 2:], zero], axis=1),
    )
    turn = matrices_from_axis_angle(frames[:, groups["head_pose"]])
    expected = head.landmarks.points(vertices) @ turn.swapaxes(1, 2)
    points = model.project(shape, frames)[0]
    order = [list(model.indices).index(index) for index in head.landmarks.indices]
    if make_head is builtin_head:
        assert np.abs(points[:, order] - expected).max() < 2e-4  # metres
    else:  # its pose directions answer to the eyes as well, which the reduced head leaves out
        assert np.abs(points[:, order] - expected).max() < 3e-3


def test_a_performance_is_found_again(head):
    shape = np.random.default_rng(2).normal(size=(1, head.num_shape))
    truth = performance(head, 60)
    fit = LandmarkFitter(head).fit(seen(head, truth, shape))
    assert np.median(fit.error) < 0.006  # of the eye distance
    np.testing.assert_allclose(fit.head_pose, truth["head_pose"], atol=0.06)  # radians
    np.testing.assert_allclose(fit.eyelid, truth["eyelid"], atol=0.2)
    np.testing.assert_allclose(fit.jaw_pose[:, 0], truth["jaw_pose"][:, 0], atol=0.08)  # radians
    for name in ("mouthSmile_L", "mouthSmile_R", "browInnerUp", "mouthPucker"):
        column = head.expression_names.index(name)
        assert np.corrcoef(fit.expression[:, column], truth["expression"][:, column])[0, 1] > 0.9, name


def test_noise_neither_delays_nor_shakes_the_result(head):
    truth = performance(head, 120)
    fit = LandmarkFitter(head).fit(seen(head, truth, None, noise=0.01))
    jaw, true_jaw = fit.jaw_pose[:, 0], truth["jaw_pose"][:, 0]
    lags = range(-5, 6)
    match = [np.corrcoef(jaw[5 + lag : 115 + lag], true_jaw[5:115])[0, 1] for lag in lags]
    assert lags[int(np.argmax(match))] == 0
    assert max(match) > 0.97


def test_windows_join_without_a_step(head):
    num_frames = WINDOW_FRAMES + 3 * OVERLAP_FRAMES
    truth = performance(head, num_frames)
    measured = seen(head, truth, None)
    fitter = LandmarkFitter(head)
    done = []
    fit = fitter.fit(measured, done.append)
    assert [frames for frames in done if frames] == [WINDOW_FRAMES, num_frames]
    jaw = fit.jaw_pose[:, 0] - truth["jaw_pose"][:, 0]
    seam = np.abs(np.diff(jaw))[WINDOW_FRAMES - 3 : WINDOW_FRAMES + 3].max()
    assert seam < 0.01  # radians


def test_bounds_hold(head):
    truth = performance(head, 30)
    truth["eyelid"] *= 1.5
    fit = LandmarkFitter(head).fit(seen(head, truth, None))
    prior = head.expression_prior
    assert fit.eyelid.min() >= 0 and fit.eyelid.max() <= 1
    assert fit.expression.min() >= prior.low - 1e-6 and fit.expression.max() <= prior.high + 1e-6


@pytest.mark.parametrize(
    "gaze", [(-0.9, 0, 0), (1.1, 0, 0), (0, 1.0, 0), (0, -1.0, 0)], ids=["up", "down", "left", "right"]
)
def test_eyes_turn_as_far_as_eyes_do_and_no_further(head, gaze):
    truth = performance(head, 10) | {"eyelid": np.zeros((10, 2)), "eye_pose": np.tile(gaze, (10, 2))}
    eyes = LandmarkFitter(head).fit(seen(head, truth, None)).eye_pose.reshape(10, 2, 3)
    low, high = np.append(GAZE_LOW_RAD, 0), np.append(GAZE_HIGH_RAD, 0)
    assert (eyes >= low - 1e-6).all() and (eyes <= high + 1e-6).all()  # radians
    axis, bound = (int(np.argmax(np.abs(gaze))), low if min(gaze) < 0 else high)
    np.testing.assert_allclose(eyes[..., axis], bound[axis], atol=0.03)


def test_a_single_frame_can_be_fitted(head):
    truth = performance(head, 20)
    one = {name: values[10:11] for name, values in truth.items()}
    fit = LandmarkFitter(head).fit(seen(head, one, None))
    assert fit.expression.shape == (1, head.num_expression) and fit.error[0] < 0.01


def test_align_similarity_finds_a_known_motion():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(12, 3))
    turn = matrices_from_axis_angle(rng.normal(size=(4, 3)))
    scale, shift = rng.uniform(0.5, 2, 4), rng.normal(size=(4, 3))
    target = scale[:, None, None] * source @ turn.swapaxes(1, 2) + shift[:, None]
    found = align_similarity(source, target)
    for ours, truth in zip(found, (turn, scale, shift)):
        np.testing.assert_allclose(ours, truth, atol=1e-12)
