"""A head posed by shape keys alone: against the FLAME layer, which poses it by skinning."""

import numpy as np
import pytest

from smirk_blender.flame import load_head, pose_keys
from smirk_blender.flame.pose_keys import (
    TOLERANCE_M,
    jaw_corrections,
    jaw_grid,
    pose_corrections,
    pose_features,
    posed_by_keys,
    skinned_pose_directions,
)
from tests.builders import make_take, tiny_head

EXACT_M = 1e-6  # metres; single precision
NUM_EXPRESSION = 50  # directions of a solved take
EXPRESSION_REACH = 2.0  # standard deviations, either way: strong, for all directions at once


def stiff_head():
    """A head of which nothing turns along with the face but the face: no pose directions."""
    return tiny_head(pose_directions=np.zeros((50, 3, 36), np.float32))


def distance_m(ours, theirs) -> float:
    return float(np.linalg.norm(ours.astype(np.float64) - theirs, axis=-1).max())


def without_root(parameters):
    return {name: values for name, values in parameters.items() if name != "head_pose"}


def shown(head, parameters, values, directions):
    """Return what the keys show with corrections of these values, (T, V, 3)."""
    return posed_by_keys(head, **parameters) + np.einsum("tk,vik->tvi", values, directions)


def assert_within(head, parameters, corrections, *, existing=None, tolerance_m=TOLERANCE_M) -> float:
    """Compare every vertex of every frame with FLAME; return the greatest distance, metres."""
    parameters = without_root(parameters)
    directions = corrections.directions if existing is None else np.concatenate([existing, corrections.directions], -1)
    error_m = distance_m(shown(head, parameters, corrections.values, directions), head.vertices(**parameters))
    assert error_m <= tolerance_m
    assert error_m <= corrections.greatest_error_m + EXACT_M
    return error_m


def strong_expressions(head, num_frames, seed=0):
    columns = min(NUM_EXPRESSION, head.num_expression)
    return np.random.default_rng(seed).uniform(-EXPRESSION_REACH, EXPRESSION_REACH, (num_frames, columns))


@pytest.mark.parametrize("joint", ["neck_pose", "jaw_pose", "eye_pose"])
def test_one_joint_turns_by_its_keys_exactly_at_any_angle(joint):
    head, shape = stiff_head(), np.linspace(-2, 2, 14)
    poses = np.random.default_rng(0).normal(size=(20, 6 if joint == "eye_pose" else 3))  # radians, up to a half turn
    ours = posed_by_keys(head, shape, **{joint: poses})
    theirs = head.vertices(shape, **{joint: poses})
    assert distance_m(theirs, head.vertices(shape)) > 0.05
    assert distance_m(ours, theirs) < EXACT_M


def test_jaw_and_eyes_turn_at_once():
    head, rng = stiff_head(), np.random.default_rng(0)
    poses = {"jaw_pose": rng.normal(size=(20, 3)), "eye_pose": rng.normal(size=(20, 6))}
    assert distance_m(posed_by_keys(head, **poses), head.vertices(**poses)) < EXACT_M


def test_pose_directions_are_part_of_the_keys():
    head = tiny_head(skinning_weights=np.eye(5, dtype=np.float32)[np.zeros(50, int)])  # all on the root
    poses = {"jaw_pose": [[0.4, 0.1, -0.2]], "neck_pose": [[0.1, 0.3, 0.2]], "eye_pose": [[0.1] * 3 + [-0.2] * 3]}
    np.testing.assert_array_equal(skinned_pose_directions(head), head.pose_directions)
    assert distance_m(posed_by_keys(head, **poses), head.vertices(**poses)) < EXACT_M


def test_keys_are_those_of_one_identity():
    head, shape = tiny_head(), np.linspace(-2, 2, 14)
    of_the_template = skinned_pose_directions(head)
    assert of_the_template.shape == (50, 3, 36) and of_the_template.dtype == np.float32
    assert np.abs(skinned_pose_directions(head, shape) - of_the_template).max() > 1e-3  # metres
    np.testing.assert_array_equal(skinned_pose_directions(head, shape[None]), skinned_pose_directions(head, shape))
    for call in (skinned_pose_directions, posed_by_keys):
        with pytest.raises(ValueError, match="2 identities; the keys that pose a head are those of one"):
            call(head, np.zeros((2, 14)))


def test_the_feature_is_neck_jaw_and_eyes_without_the_identity():
    features = pose_features(jaw_pose=[[0.5, 0, 0]]).reshape(4, 3, 3)
    cosine, sine = np.cos(0.5), np.sin(0.5)
    np.testing.assert_allclose(features[1], [[0, 0, 0], [0, cosine - 1, -sine], [0, sine, cosine - 1]], atol=1e-12)
    assert not features[[0, 2, 3]].any()
    turned = pose_features(neck_pose=[[0.1, 0, 0]] * 3, eye_pose=[[0, 0, 0, 0, 0.2, 0]])
    assert turned.shape == (3, 36)
    assert [bool(joint.any()) for joint in np.split(turned[2], 4)] == [True, False, False, True]


def test_nine_keys_hold_a_jaw_and_eight_do_not(any_head, figure):
    """Why nine: keys of any kind, the best there are, need as many for a face without expression."""
    poses = jaw_grid()[::3]
    offsets = (any_head.vertices(jaw_pose=poses) - any_head.template).reshape(len(poses), -1)
    best = np.linalg.svd(offsets, full_matrices=False)[2]
    left_m = {}
    for count in (6, 8, 9):
        shown_best = (offsets @ best[:count].T) @ best[:count]
        left_m[count] = distance_m(shown_best.reshape(len(offsets), -1, 3), offsets.reshape(len(offsets), -1, 3))
        figure(f"{any_head.name}, the best {count} keys for the jaw alone leave", 1e3 * left_m[count], "mm")
    assert left_m[9] <= TOLERANCE_M < left_m[8]


def test_the_jaws_nine_keys_and_its_corrections_stay_within_tolerance_over_its_range(any_head, figure):
    fixed = jaw_corrections(any_head)
    opening, aside, twist = np.meshgrid(np.linspace(0, 0.5, 8), np.linspace(-0.2, 0.2, 6), np.linspace(-0.2, 0.2, 6))
    between = {"jaw_pose": np.stack([opening, aside, twist], axis=-1).reshape(-1, 3)}  # radians; not the grid's own
    alone_m = distance_m(posed_by_keys(any_head, **between), any_head.vertices(**between))
    again = pose_corrections(any_head, between, existing=fixed.directions)
    assert again.directions.shape[-1] == 0
    error_m = assert_within(any_head, between, again, existing=fixed.directions)
    figure(f"{any_head.name}, greatest error of the nine alone", 1e3 * alone_m, "mm")
    figure(f"{any_head.name}, with {fixed.directions.shape[-1]} corrections", 1e3 * error_m, "mm")
    if not any_head.pose_directions.any():
        assert fixed.directions.shape[-1] == 0 and alone_m < EXACT_M


def test_the_jaws_corrections_serve_every_identity(any_head, figure):
    fixed = jaw_corrections(any_head).directions
    rng, worst_m = np.random.default_rng(3), 0.0
    for _ in range(4):
        parameters = {"jaw_pose": jaw_grid()[::7], "shape": rng.uniform(-2, 2, min(20, any_head.num_shape))}
        corrections = pose_corrections(any_head, parameters, existing=fixed)
        assert corrections.directions.shape[-1] == 0
        worst_m = max(worst_m, assert_within(any_head, parameters, corrections, existing=fixed))
    figure(f"{any_head.name}, greatest error of four identities", 1e3 * worst_m, "mm")


def test_strong_expressions_need_corrections_and_get_them(any_head, figure):
    poses = jaw_grid()[::3]
    parameters = {"jaw_pose": poses, "expression": strong_expressions(any_head, len(poses))}
    before_m = distance_m(posed_by_keys(any_head, **parameters), any_head.vertices(**parameters))
    assert before_m > 5 * TOLERANCE_M
    corrections = pose_corrections(any_head, parameters)
    error_m = assert_within(any_head, parameters, corrections)
    assert 0 < corrections.directions.shape[-1] < len(poses)
    figure(f"{any_head.name}, {len(poses)} random strong expressions, without corrections", 1e3 * before_m, "mm")
    figure(f"{any_head.name}, with {corrections.directions.shape[-1]}", 1e3 * error_m, "mm")


def test_a_take_in_which_everything_moves_is_shown_within_tolerance():
    head = tiny_head()
    take = make_take(40, head)
    corrections = pose_corrections(head, take.head_parameters())
    assert corrections.directions.shape == (50, 3, corrections.values.shape[1])
    assert_within(head, take.head_parameters(), corrections)
    np.testing.assert_allclose(np.abs(corrections.values).max(axis=0), 1.0)


def test_fewer_keys_do_where_more_error_is_allowed():
    head = tiny_head()
    parameters = make_take(40, head).head_parameters()
    counts = []
    for tolerance_m in (5e-3, 5e-4, 5e-6):
        corrections = pose_corrections(head, parameters, tolerance_m=tolerance_m)
        assert_within(head, parameters, corrections, tolerance_m=tolerance_m + EXACT_M)
        counts.append(corrections.directions.shape[-1])
    assert counts[0] < counts[1] < counts[2]


def test_a_take_that_was_corrected_before_needs_no_more_keys():
    head = tiny_head()
    first, second = (make_take(40, head, seed=seed).head_parameters() for seed in (1, 2))
    second["shape"] = first["shape"]
    existing = pose_corrections(head, first).directions
    again = pose_corrections(head, first, existing=existing)
    assert again.directions.shape[-1] == 0
    assert_within(head, first, again, existing=existing)
    other = pose_corrections(head, second, existing=existing)
    assert other.directions.shape[-1] < pose_corrections(head, second).directions.shape[-1]
    assert_within(head, second, other, existing=existing)


def test_existing_corrections_are_not_used_where_they_would_move_what_the_take_does_not():
    """A neck's corrections move vertices that a jaw leaves alone."""
    weights = np.zeros((50, 5), np.float32)
    weights[:25, 1], weights[25:, 2] = 1, 1
    head = tiny_head(skinning_weights=weights)
    still = np.zeros((20, 3), np.float32)
    neck = make_take(20, head, seed=1, jaw_pose=still)
    jaw = make_take(20, head, seed=2, neck_pose=still, eye_pose=np.zeros((20, 6)), shape=neck.shape)
    existing = pose_corrections(head, neck.head_parameters()).directions
    assert np.abs(existing[:25]).max() > TOLERANCE_M
    corrections = pose_corrections(head, jaw.head_parameters(), existing=existing)
    assert_within(head, jaw.head_parameters(), corrections, existing=existing)


def test_existing_corrections_that_are_alike_keep_small_values():
    head = tiny_head()
    parameters = make_take(40, head).head_parameters()
    first = pose_corrections(head, parameters).directions
    existing = np.concatenate([first, first * 1.0001, np.zeros_like(first[..., :1])], axis=-1)
    again = pose_corrections(head, parameters, existing=existing)
    assert_within(head, parameters, again, existing=existing)
    assert np.abs(again.values).max() < 2.0


def test_a_long_take_in_pieces_is_corrected_as_well(monkeypatch):
    head = tiny_head()
    parameters = make_take(67, head).head_parameters()
    whole = pose_corrections(head, parameters)
    monkeypatch.setattr(pose_keys, "FRAMES_AT_ONCE", 8)
    in_pieces = pose_corrections(head, parameters)
    assert_within(head, parameters, in_pieces)
    assert abs(in_pieces.directions.shape[-1] - whole.directions.shape[-1]) <= 2


def test_the_turn_of_the_whole_head_is_left_to_the_object():
    head = tiny_head()
    parameters = make_take(20, head).head_parameters()
    turned = pose_corrections(head, parameters)
    still = pose_corrections(head, without_root(parameters))
    np.testing.assert_array_equal(turned.values, still.values)
    np.testing.assert_array_equal(turned.directions, still.directions)


def test_a_face_that_does_not_turn_needs_nothing():
    head = tiny_head()
    for parameters in ({"expression": strong_expressions(head, 5)}, {"jaw_pose": np.zeros((5, 3)), "eyelid": [[1, 1]]}):
        corrections = pose_corrections(head, parameters)
        assert corrections.values.shape == (5, 0) and corrections.greatest_error_m == 0


def test_parameters_may_be_short_single_or_left_out():
    head = tiny_head(eyelid_directions=None)
    parameters = {"jaw_pose": jaw_grid()[:12], "expression": [[2.0, -3.0]], "eyelid": [[1, 1]], "eye_pose": None}
    assert_within(head, parameters, pose_corrections(head, parameters))


def test_what_cannot_be_shown_is_refused():
    head = tiny_head()
    with pytest.raises(ValueError, match="1e-06 m is the least"):
        pose_corrections(head, {}, tolerance_m=0.0)
    with pytest.raises(ValueError, match="2 identities"):
        pose_corrections(head, {"shape": np.zeros((2, 3))})
    disagreeing = {"jaw_pose": np.zeros((3, 3)), "expression": np.zeros((2, 8))}
    for call in (lambda: pose_corrections(head, disagreeing), lambda: posed_by_keys(head, **disagreeing)):
        with pytest.raises(ValueError, match="different numbers of frames"):
            call()


# --- real footage


def test_the_actor_needs_a_handful_of_corrections(shared_folder, tmp_path, figure):
    capture = pytest.importorskip("smirk_blender.capture")
    pytest.importorskip("mediapipe")
    from smirk_blender.take import load_take

    model = shared_folder / "flame" / "generic_model.pkl"
    take_path = tmp_path / "actor.take.npz"
    video = shared_folder / "footage" / "actor_a.mp4"
    list(capture.solve_video(video, take_path, capture.SolveOptions(head=str(model))))
    head, parameters = load_head(model), load_take(take_path).head_parameters()
    still = without_root(parameters)
    before_m = distance_m(posed_by_keys(head, **still), head.vertices(**still))
    fixed = jaw_corrections(head).directions
    corrections = pose_corrections(head, parameters, existing=fixed)
    error_m = assert_within(head, parameters, corrections, existing=fixed)
    assert before_m > TOLERANCE_M
    assert fixed.shape[-1] + corrections.directions.shape[-1] <= 15
    figure("without corrections", 1e3 * before_m, "mm")
    figure(f"with the jaw's {fixed.shape[-1]} and {corrections.directions.shape[-1]} of its own", 1e3 * error_m, "mm")
