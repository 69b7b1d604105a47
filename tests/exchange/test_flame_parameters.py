"""FLAME parameters in the layouts of SMIRK, VHAP and GaussianAvatars."""

from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.errors import ExportError
from smirk_blender.exchange.flame_parameters import save_frame_parameters, save_smirk_parameters, save_vhap_parameters
from smirk_blender.flame import load_head
from tests.builders import make_take, tiny_head

BAR = 1e-6  # of every number that is read back


def read(path):
    with np.load(path) as archive:
        return dict(archive)


@pytest.fixture
def take():
    return make_take(7, tiny_head(), fps=Fraction(30000, 1001))


def test_smirks_names_hold_the_take(take, tmp_path):
    found = read(save_smirk_parameters(take, tmp_path / "new" / "face.npz"))
    expected = {
        "pose_params": take.head_pose,
        "cam": take.camera,
        "shape_params": np.tile(np.pad(take.shape, (0, 286)), (7, 1)),
        "expression_params": np.pad(take.expression, ((0, 0), (0, 42))),
        "eyelid_params": take.eyelid,
        "jaw_params": take.jaw_pose,
        "neck_pose_params": take.neck_pose,
        "eye_pose_params": take.eye_pose,
        "fps": np.array(30000 / 1001),
        "time_s": take.time_s,
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=BAR, err_msg=name)


def test_smirks_parameters_pose_flame_as_the_take_does(shared_folder, tmp_path):
    folder = shared_folder / "flame"
    head = load_head(folder / "generic_model.pkl", folder)
    take = make_take(3)
    found = read(save_smirk_parameters(take, tmp_path / "face.npz"))
    posed = head.vertices(
        found["shape_params"],
        found["expression_params"],
        jaw_pose=found["jaw_params"],
        eyelid=found["eyelid_params"],
        head_pose=found["pose_params"],
        neck_pose=found["neck_pose_params"],
        eye_pose=found["eye_pose_params"],
    )
    np.testing.assert_allclose(posed, head.vertices(**take.head_parameters()), rtol=0, atol=BAR)  # metres


def test_vhaps_names_hold_the_take(take, tmp_path):
    found = read(save_vhap_parameters(take, tmp_path / "tracked_flame_params_0.npz"))
    expected = {
        "shape": np.pad(take.shape, (0, 286)),
        "expr": np.pad(take.expression, ((0, 0), (0, 92))),
        "rotation": take.head_pose,
        "neck_pose": take.neck_pose,
        "jaw_pose": take.jaw_pose,
        "eyes_pose": take.eye_pose,
        "translation": np.zeros((7, 3)),
        "static_offset": np.zeros((1, 5143, 3)),
        "eyelid": take.eyelid,
    }
    assert found.keys() == expected.keys() | {"timestep_id", "n_processed_frames", "fps"}
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], values, rtol=0, atol=BAR, err_msg=name)
    assert found["timestep_id"].tolist()[-1] == "00006" and found["n_processed_frames"] == 7


def test_gaussian_avatars_gets_a_file_a_frame(take, tmp_path):
    paths = save_frame_parameters(take, tmp_path)
    assert len(paths) == 8
    assert sorted(path.name for path in (tmp_path / "flame_param").iterdir()) == [f"{row:05d}.npz" for row in range(7)]
    frame = read(tmp_path / "flame_param" / "00004.npz")
    assert {name: array.shape for name, array in frame.items()} == {
        "shape": (300,),
        "static_offset": (1, 5143, 3),
        "expr": (1, 100),
        "rotation": (1, 3),
        "neck_pose": (1, 3),
        "jaw_pose": (1, 3),
        "eyes_pose": (1, 6),
        "translation": (1, 3),
    }
    np.testing.assert_allclose(frame["expr"][0, :8], take.expression[4], rtol=0, atol=BAR)
    np.testing.assert_allclose(frame["eyes_pose"][0], take.eye_pose[4], rtol=0, atol=BAR)
    rest = read(tmp_path / "canonical_flame_param.npz")
    assert not np.any(rest["expr"]) and rest["jaw_pose"].tolist() == [[np.float32(0.3), 0, 0]]


def test_a_take_of_another_head_is_refused_and_leaves_no_file(tmp_path):
    take = make_take(2, tiny_head(expression_names=tuple(f"smile_{index}" for index in range(8))))
    with pytest.raises(ExportError, match="whose directions are not FLAME's"):
        save_smirk_parameters(take, tmp_path / "face.npz")
    assert not list(tmp_path.iterdir())


def test_more_coefficients_than_the_layout_has_are_refused_and_unused_ones_are_not(tmp_path):
    take = make_take(2, expression=np.ones((2, 60)))
    with pytest.raises(ExportError, match="uses 60 expression coefficients, and this format has 50"):
        save_smirk_parameters(take, tmp_path / "face.npz")
    save_vhap_parameters(take, tmp_path / "face.npz")
    unused = make_take(2, expression=np.pad(np.ones((2, 50)), ((0, 0), (0, 10))))
    assert read(save_smirk_parameters(unused, tmp_path / "face.npz"))["expression_params"].shape == (2, 50)


def test_a_folder_that_cannot_be_made_is_named(take, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="Cannot write .*file.*Choose a folder"):
        save_smirk_parameters(take, tmp_path / "file" / "face.npz")
