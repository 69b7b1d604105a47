"""The FLAME layer: against the authors' stored outputs, and against what rotations must do."""

import io
from dataclasses import replace

import numpy as np
import pytest

from smirk_blender.flame import LandmarkEmbedding, load_head, save_head
from smirk_blender.flame.rotations import matrices_from_axis_angle, quaternions_from_axis_angle
from smirk_blender.flame.safe_pickle import ADMITTED, DataUnpickler
from tests.builders import tiny_head


@pytest.fixture(scope="module")
def flame(shared_folder):
    return load_head(shared_folder / "flame" / "generic_model.pkl")


@pytest.fixture(scope="module")
def expected(shared_folder):
    with np.load(shared_folder / "reference" / "flame_expected.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def vertices(flame, expected):
    return flame.vertices(
        expected["shape_params"],
        expected["expression_params"],
        head_pose=expected["pose_params"],
        neck_pose=expected["neck_pose_params"],
        jaw_pose=expected["jaw_params"],
        eye_pose=expected["eye_pose_params"],
        eyelid=expected["eyelid_params"],
        eyelid_order="after",
    )


def test_vertices_are_the_authors(vertices, expected, figure):
    figure("largest difference", np.abs(vertices - expected["vertices"]).max(), "m")
    np.testing.assert_allclose(vertices, expected["vertices"], rtol=0, atol=2e-6)  # metres


def test_mediapipe_landmarks_are_the_authors(flame, vertices, expected):
    np.testing.assert_allclose(flame.landmarks.points(vertices), expected["landmarks_mp"], rtol=0, atol=2e-6)  # metres


class _DiscardedTensor:
    """Stands in for the tensors of the contour landmarks, which this test does not need."""

    def __init__(self, *ignored):
        pass


class _EmbeddingUnpickler(DataUnpickler):
    def find_class(self, module, name):
        return ADMITTED.get((module, name), _DiscardedTensor)


def test_sixty_eight_landmarks_are_the_authors(flame, vertices, expected, shared_folder):
    content = (shared_folder / "flame" / "landmark_embedding.npy").read_bytes()
    pickled = content[content.index(b"\n", 10) + 1 :]
    fields = _EmbeddingUnpickler(io.BytesIO(pickled)).load().item()
    faces, weights = fields["full_lmk_faces_idx"][0], fields["full_lmk_bary_coords"][0]
    embedding = LandmarkEmbedding(np.arange(68), flame.triangles[faces], weights)
    np.testing.assert_allclose(embedding.points(vertices), expected["landmarks_fan_3d"], rtol=0, atol=2e-6)  # metres


def test_lids_before_and_after_posing_agree_only_on_an_upright_head(flame):
    lids = np.float32([[1.0, 0.5]])
    upright = [flame.vertices(eyelid=lids, eyelid_order=order) for order in ("before", "after")]
    np.testing.assert_allclose(upright[0], upright[1], atol=1e-7)  # metres
    rolled = [
        flame.vertices(eyelid=lids, head_pose=[[0, 0, np.radians(30)]], eyelid_order=order)
        for order in ("before", "after")
    ]
    assert 0.004 < np.abs(rolled[0] - rolled[1]).max() < 0.006  # metres


def test_head_pose_turns_everything_about_the_root():
    head = tiny_head()
    shape, expression = np.full((1, 5), 0.7), np.full((1, 3), -0.4)
    turn = np.array([[0.3, -0.8, 0.5]])
    still = head.vertices(shape, expression)
    root = head.joints(shape, expression)[:, 0]
    turned = (still - root) @ matrices_from_axis_angle(turn)[0].T + root
    np.testing.assert_allclose(head.vertices(shape, expression, head_pose=turn), turned, atol=1e-6)  # metres


def test_a_joint_moves_only_what_hangs_on_it_and_its_children():
    weights = np.eye(5, dtype=np.float32)[np.arange(50) % 5]
    head = tiny_head(skinning_weights=weights, pose_directions=np.zeros((50, 3, 36), np.float32))
    moved = np.abs(head.vertices(neck_pose=[[0.2, 0.1, 0.3]]) - head.template).max(axis=(0, 2)) > 1e-5
    np.testing.assert_array_equal(moved, np.arange(50) % 5 != 0)  # all but the root's
    moved = np.abs(head.vertices(jaw_pose=[[0.2, 0.1, 0.3]]) - head.template).max(axis=(0, 2)) > 1e-5
    np.testing.assert_array_equal(moved, np.arange(50) % 5 == 2)


def test_short_and_single_rows_are_filled():
    head = tiny_head()
    expression = np.random.default_rng(0).normal(size=(4, 8))
    full_shape = np.pad([[1.0, 2.0]], ((0, 0), (0, head.num_shape - 2)))
    ours = head.vertices([1.0, 2.0], expression)
    for row in range(4):
        np.testing.assert_allclose(ours[row], head.vertices(full_shape, expression[row : row + 1])[0], atol=1e-7)


def test_disagreeing_arguments_are_refused():
    head = tiny_head()
    with pytest.raises(ValueError, match="shape has shape"):
        head.vertices(np.zeros((1, head.num_shape + 1)))
    with pytest.raises(ValueError, match="different numbers of frames"):
        head.vertices(expression=np.zeros((2, 3)), jaw_pose=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="eyelid_order"):
        head.vertices(eyelid_order="never")


def test_quaternions_do_not_flip_between_frames():
    angles = np.linspace(0, 4 * np.pi, 100)
    quaternions = quaternions_from_axis_angle(angles[:, None] * np.array([0.6, 0.0, 0.8]))
    assert (np.sum(quaternions[1:] * quaternions[:-1], axis=1) > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1.0)
    np.testing.assert_allclose(quaternions_from_axis_angle([[0, np.pi / 2, 0]]), [[0.5**0.5, 0, 0.5**0.5, 0]])


def test_a_head_knows_the_takes_that_were_solved_on_it(tmp_path):
    paths = [tmp_path / folder / "generic_model.npz" for folder in ("2017", "2020", "copy")]
    for path, seed in zip(paths, (0, 1, 1)):
        path.parent.mkdir()
        save_head(replace(tiny_head(seed), name="generic_model.pkl"), path)
    older, newer, copy = map(load_head, paths)
    assert older.name == newer.name  # as FLAME's own versions are
    assert newer.is_of(copy.models()) and not newer.is_of(older.models())
    assert replace(newer, name="renamed.pkl").is_of(copy.models())
    assert tiny_head(0).is_of({"head": "tiny 0"}) and not tiny_head(0).is_of({"head": "tiny 1"})
    assert tiny_head(0).is_of({})
