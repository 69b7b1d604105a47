"""Gaze from irises: found again from landmarks that it made, and from the sample clip that was rendered with it."""

from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.capture import SolveOptions, solve_video
from smirk_blender.capture.gaze import ANCHORS, IRISES, LIDS, gaze_from_irises
from smirk_blender.flame import builtin_head, load_head
from smirk_blender.flame.align import align_similarity
from smirk_blender.flame.gaze import GAZE_HIGH_RAD, GAZE_LOW_RAD, MAX_CONVERGENCE_RAD
from smirk_blender.flame.landmark_model import EYE_L, EYE_R, with_iris_centers
from smirk_blender.sample import SAMPLE_CLIP, sample_take
from smirk_blender.take import load_take
from tests.builders import make_take, tiny_head

ONE_DEGREE = np.radians(1.0)
PIXELS_PER_METRE = 2000.0
RIM_RADIUS_M = 0.0059


@pytest.fixture(scope="module", params=["built-in", "flame"])
def head(request):
    if request.param == "built-in":
        return builtin_head()
    return load_head(request.getfixturevalue("shared_folder") / "flame" / "generic_model.pkl")


def staring_take(head, gaze, *, num_frames=40, **replacements):
    """Return a take of a resting face whose eyes look along gaze, (T, 2) or (2,), radians about x and y."""
    gaze = np.broadcast_to(gaze, (num_frames, 2))
    take = make_take(num_frames, head)
    eyes = np.tile(np.pad(gaze, ((0, 0), (0, 1))), (1, 2)).astype(np.float32)
    rest = {name: 0 * getattr(take, name) for name in ("expression", "jaw_pose", "eyelid", "head_pose", "neck_pose")}
    rest = rest | {"shape": 0 * take.shape, "eye_pose": eyes}
    return replace(take, **(rest | {name: np.float32(values) for name, values in replacements.items()}))


def landmarks_of(head, take) -> np.ndarray:
    """Return (T, 478, 3) pixels, y down, where the take's head shows its landmarks, irises with their rims included."""
    vertices = head.vertices(**take.head_parameters())
    embedding = with_iris_centers(head)
    points = np.zeros((len(take), 478, 3))
    points[:, embedding.indices] = embedding.points(vertices)
    for iris, joint in zip(IRISES, (EYE_L, EYE_R)):
        eyeball = np.flatnonzero(head.skinning_weights[:, joint] > 0.999)
        foremost = head.template[eyeball[np.argmax(head.template[eyeball, 2])]]
        center = head.joint_template[joint]
        around = np.radians([0, 90, 180, 270])
        depth = np.full(4, np.sqrt(np.sum((foremost - center) ** 2) - RIM_RADIUS_M**2))
        rim = center + np.column_stack([RIM_RADIUS_M * np.cos(around), RIM_RADIUS_M * np.sin(around), depth])
        # An eyeball moves as a whole.
        turn, size, shift = align_similarity(head.template[eyeball], vertices[:, eyeball])
        points[:, iris[1:]] = size[:, None, None] * (rim @ turn.swapaxes(1, 2)) + shift[:, None]
    return points * [PIXELS_PER_METRE, -PIXELS_PER_METRE, -PIXELS_PER_METRE] + [640, 360, 0]


def found(head, take, landmarks) -> np.ndarray:
    parameters = {name: getattr(take, name) for name in ("shape", "expression", "jaw_pose", "eyelid", "head_pose")}
    return gaze_from_irises(head, landmarks, **parameters)


GAZES = [(0, 0), (0, 0.3), (0, -0.45), (0.3, 0), (-0.25, 0), (0.2, 0.3), (-0.2, -0.3)]
TURNS = [(0, 0, 0), (0, 0.6, 0), (0, -0.6, 0), (0.35, 0, 0), (-0.35, 0.2, 0), (0.2, -0.4, 0.3)]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_known_gaze_is_found_within_a_degree_however_the_head_is_turned(head, turn, figure):
    gaze = np.repeat(np.array(GAZES), 5, axis=0)
    take = staring_take(head, gaze, num_frames=len(gaze), head_pose=np.tile(turn, (len(gaze), 1)))
    error = np.abs(found(head, take, landmarks_of(head, take)) - take.eye_pose).max()
    figure("greatest error", np.degrees(error), "degrees")
    assert error < ONE_DEGREE


def test_an_expression_an_open_mouth_and_another_identity_do_not_turn_the_eyes():
    head = builtin_head()
    take = make_take(40, head, head_pose=np.zeros((40, 3)), neck_pose=np.zeros((40, 3)), eyelid=np.zeros((40, 2)))
    gaze = np.column_stack([0.1 * np.sin(np.arange(40) / 5), np.linspace(-0.3, 0.3, 40)])
    eyes = np.tile(np.pad(gaze, ((0, 0), (0, 1))), (1, 2)).astype(np.float32)
    take = replace(take, eye_pose=eyes, expression=np.clip(take.expression, 0, 0.3), shape=0.5 * take.shape)
    np.testing.assert_allclose(found(head, take, landmarks_of(head, take)), eyes, atol=2 * ONE_DEGREE)  # radians


def test_a_head_solved_beside_the_face_too_large_or_rolled_does_not_turn_the_eyes(head):
    take = staring_take(head, (0.1, 0.2), head_pose=np.tile([0.1, 0.3, 0.0], (40, 1)))
    landmarks = landmarks_of(head, take)
    right = found(head, take, landmarks)
    moved = landmarks + [55, -30, 0]
    larger = landmarks * 1.3
    roll = np.radians(8)
    rolled = landmarks @ np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]).T
    for changed in (moved, larger, rolled):
        np.testing.assert_allclose(found(head, take, changed), right, atol=1e-3)  # radians


def test_eyes_that_look_straight_out_of_the_face_are_at_rest(head):
    take = staring_take(head, (0, 0), head_pose=np.tile([0.2, -0.5, 0.1], (40, 1)))
    np.testing.assert_allclose(found(head, take, landmarks_of(head, take)), 0, atol=1e-3)  # radians


@pytest.mark.parametrize("gaze", [(-0.9, 0), (1.2, 0), (0, 1.2), (0, -1.2), (-0.8, 0.9)], ids=str)
def test_eyes_turn_as_far_as_eyes_do_and_no_further(head, gaze):
    take = staring_take(head, gaze)
    eyes = found(head, take, landmarks_of(head, take)).reshape(-1, 2, 3)
    wanted = np.clip(gaze, GAZE_LOW_RAD, GAZE_HIGH_RAD)
    assert (eyes[..., :2] >= GAZE_LOW_RAD - 1e-6).all() and (eyes[..., :2] <= GAZE_HIGH_RAD + 1e-6).all()
    np.testing.assert_allclose(eyes[:, :, :2], np.broadcast_to(wanted, eyes[..., :2].shape), atol=0.06)  # radians
    assert not eyes[..., 2].any()  # eyes do not roll


def guess_irises(landmarks, frames, eyes=(0, 1)):
    """Put the lids of these frames together and the irises where a network might guess them: far off."""
    for eye in eyes:
        for upper, lower in LIDS[eye]:
            landmarks[frames, upper] = landmarks[frames, lower]
        landmarks[np.ix_(frames, IRISES[eye])] += [15, 12, 0]  # pixels: more than half a radian
    return landmarks


def test_a_blink_does_not_make_the_gaze_jump(head):
    gaze = np.column_stack([np.zeros(40), np.linspace(-0.2, 0.2, 40)])
    take = staring_take(head, gaze)
    landmarks = guess_irises(landmarks_of(head, take), np.arange(15, 22))
    eyes = found(head, take, landmarks)
    np.testing.assert_allclose(eyes, take.eye_pose, atol=ONE_DEGREE)  # radians: drawn straight through the blink
    assert np.abs(np.diff(eyes, axis=0)).max() < 0.02


def test_a_wink_leaves_the_gaze_to_the_other_eye(head):
    gaze = np.column_stack([0.1 * np.sin(np.arange(40) / 5), np.linspace(-0.2, 0.2, 40)])
    take = staring_take(head, gaze)
    for eye in (0, 1):
        eyes = found(head, take, guess_irises(landmarks_of(head, take), np.arange(10, 30), eyes=(eye,)))
        np.testing.assert_allclose(eyes, take.eye_pose, atol=ONE_DEGREE)  # radians


def test_a_constant_slip_of_one_iris_does_not_jump_at_a_wink():
    head = builtin_head()
    take = staring_take(head, (0, 0.1))
    landmarks = landmarks_of(head, take)
    landmarks[:, IRISES[0]] += [3, 2, 0]  # pixels, 6 degrees
    eyes = found(head, take, guess_irises(landmarks, np.arange(15, 25), eyes=(1,)))
    assert np.abs(np.diff(eyes, axis=0)).max() < 2e-3  # radians


def test_a_take_with_shut_eyes_has_its_eyes_at_rest(head):
    take = staring_take(head, (0.1, 0.3))
    eyes = found(head, take, guess_irises(landmarks_of(head, take), np.arange(40)))
    np.testing.assert_array_equal(eyes, 0)


def test_eyes_converge_a_little_and_never_part():
    head = builtin_head()
    take = staring_take(head, (0, 0))
    inward = np.concatenate([np.zeros(12), np.linspace(0, 0.3, 16), np.full(4, -0.2), np.zeros(8)])
    eyes = take.eye_pose.copy()
    eyes[:, 1], eyes[:, 4] = -inward, inward
    take = replace(take, eye_pose=eyes)
    solved = found(head, take, landmarks_of(head, take))
    half = 0.5 * (solved[:, 4] - solved[:, 1])
    assert half.min() >= -1e-6 and half.max() <= MAX_CONVERGENCE_RAD + 1e-6
    assert half[24:27].min() > 0.9 * MAX_CONVERGENCE_RAD
    np.testing.assert_allclose(solved[:, 1] + solved[:, 4], 0, atol=0.02)  # together they look straight ahead


def test_a_head_without_landmarks_at_the_eyes_keeps_its_eyes_at_rest():
    head = builtin_head()
    take = staring_take(head, (0.1, 0.3))
    landmarks = landmarks_of(head, take)
    bare = replace(head, landmarks=None)
    without_a_corner = replace(head, landmarks=head.landmarks.subset(head.landmarks.indices != ANCHORS[0]))
    for blind in (bare, without_a_corner):
        np.testing.assert_array_equal(found(blind, take, landmarks), np.zeros((40, 6)))
    tiny = tiny_head()
    np.testing.assert_array_equal(found(tiny, make_take(40, tiny), landmarks), np.zeros((40, 6)))


def test_parameters_for_more_directions_than_the_head_has_are_cut():
    """As a head file cut to fewer directions than SMIRK's: the take then says what is wrong, not the solve."""
    head = builtin_head()
    take = staring_take(head, (0, 0.2))
    wide = {"shape": np.zeros(300), "expression": np.zeros((40, 50))}
    rest = {name: getattr(take, name) for name in ("jaw_pose", "eyelid", "head_pose")}
    eyes = gaze_from_irises(head, landmarks_of(head, take), **wide, **rest)
    np.testing.assert_allclose(eyes, take.eye_pose, atol=ONE_DEGREE)


# --- the sample clip, and footage


@pytest.fixture(scope="module")
def sample_solved(tmp_path_factory):
    path = tmp_path_factory.mktemp("gaze") / "sample.take.npz"
    list(solve_video(SAMPLE_CLIP, path))
    return load_take(path)


@pytest.mark.parametrize("parameters", ["true", "solved"])
def test_the_sample_clips_gaze_is_found_again(sample_solved, parameters, figure):
    head = builtin_head()
    truth = sample_take(head)
    eyes = found(head, truth if parameters == "true" else sample_solved, sample_solved.landmarks)
    error = eyes - truth.eye_pose
    for name, column in {"down": 0, "to the left": 1}.items():
        figure(f"mean error {name}", np.degrees(error[:, column].mean()), "degrees")
        figure(f"its spread {name}", np.degrees(error[:, column].std()), "degrees")
    figure("slope sideways", np.polyfit(truth.eye_pose[:, 1], eyes[:, 1], 1)[0])
    for side, column in (("left", 1), ("right", 4)):
        correlation = np.corrcoef(eyes[:, column], truth.eye_pose[:, column])[0, 1]
        figure(f"{side} eye's correlation, sideways", correlation)
        figure(
            "of the landmark solver", np.corrcoef(sample_solved.eye_pose[:, column], truth.eye_pose[:, column])[0, 1]
        )
        assert correlation >= 0.9
    assert np.abs(error[:, [1, 4]].mean(axis=0)).max() < np.radians(3)
    assert np.abs(error[:, [0, 3]]).max() < np.radians(9)  # it looks neither up nor down


def test_the_actors_gaze_goes_the_landmark_solvers_way(shared_folder, tmp_path, figure):
    model = shared_folder / "flame" / "generic_model.pkl"
    path = tmp_path / "actor.take.npz"
    list(solve_video(shared_folder / "footage" / "actor_a.mp4", path, SolveOptions(head=str(model))))
    take = load_take(path)
    eyes = found(load_head(model), take, take.landmarks)
    for name, column in {"down L": 0, "to the left L": 1, "down R": 3, "to the left R": 4}.items():
        ours, theirs = eyes[:, column], take.eye_pose[:, column]
        figure(f"correlation with the landmark solver's, {name}", np.corrcoef(ours, theirs)[0, 1])
        figure(f"mean beside its, {name}", np.degrees((ours - theirs).mean()), "degrees")
    sideways = eyes[:, [1, 4]].mean(axis=1), take.eye_pose[:, [1, 4]].mean(axis=1)
    assert np.corrcoef(*sideways)[0, 1] > 0.5


def test_the_smirk_solver_gives_the_eyes_a_gaze(shared_folder, tmp_path):
    options = SolveOptions(
        weights=str(shared_folder / "reference" / "smirk_like.pt"),
        head=str(shared_folder / "flame" / "generic_model.pkl"),
    )
    path = tmp_path / "sample.take.npz"
    list(solve_video(SAMPLE_CLIP, path, options))
    eyes = load_take(path).eye_pose.reshape(-1, 2, 3)
    assert eyes[..., 1].std() > 0.005 and not eyes[..., 2].any()  # random weights: a gaze, but no more than that
    assert (eyes[..., :2] >= GAZE_LOW_RAD - 1e-6).all() and (eyes[..., :2] <= GAZE_HIGH_RAD + 1e-6).all()
