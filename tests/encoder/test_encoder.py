"""SMIRK's encoder: against the authors' stored outputs, and against files that are not theirs."""

import os
import pickle

import numpy as np
import pytest
import torch

from smirk_blender.encoder import load_encoder
from smirk_blender.encoder.backbone import SMALL, Backbone, fold_batch_norms
from smirk_blender.encoder.encoder import WEIGHTS_PREFIX, SmirkNetwork, choose_device
from smirk_blender.errors import WeightsError

# our name: the reference's
OUTPUTS = {
    "head_pose": "pose_params",
    "camera": "cam",
    "shape": "shape_params",
    "expression": "expression_params",
    "eyelid": "eyelid_params",
    "jaw_pose": "jaw_params",
}


@pytest.fixture(scope="session")
def smirk_like(shared_folder):
    return load_encoder(shared_folder / "reference" / "smirk_like.pt", device="cpu")


@pytest.fixture(scope="session")
def made_up_weights(tmp_path_factory):
    """A checkpoint in SMIRK's layout with random weights, and a generator's weight beside them."""
    torch.manual_seed(0)
    weights = {WEIGHTS_PREFIX + name: value for name, value in SmirkNetwork().state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "made_up.pt"
    torch.save(weights | {"smirk_generator.conv.weight": torch.zeros(2, 2)}, path)
    return path


def crops(num: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, 224, 224, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_the_authors(smirk_like, encoder_reference, name, figure):
    ours = getattr(smirk_like.encode(encoder_reference["crop_rgb"]), name)
    figure("largest difference", np.abs(ours - encoder_reference[OUTPUTS[name]]).max())
    np.testing.assert_allclose(ours, encoder_reference[OUTPUTS[name]], rtol=0, atol=1e-4)  # radians, or coefficients


def test_outputs_do_not_depend_on_how_crops_are_batched(made_up_weights):
    encoder = load_encoder(made_up_weights, device="cpu")
    together = encoder.encode(crops(7))
    for index in (0, 6):
        alone = encoder.encode(crops(7)[index : index + 1])
        for name in OUTPUTS:
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[index], atol=1e-5)


def test_outputs_have_smirks_shapes_and_bounds(made_up_weights):
    output = load_encoder(made_up_weights, device="cpu").encode(crops(5))
    shapes = {name: getattr(output, name).shape for name in OUTPUTS}
    widths = {"head_pose": 3, "camera": 3, "shape": 300, "expression": 50, "eyelid": 2, "jaw_pose": 3}
    assert shapes == {name: (5, width) for name, width in widths.items()}
    assert all(getattr(output, name).dtype == np.float32 for name in OUTPUTS)
    assert output.eyelid.min() >= 0 and output.eyelid.max() <= 1
    assert output.jaw_pose[:, 0].min() >= 0 and np.abs(output.jaw_pose[:, 1:]).max() <= np.float32(0.2)


def test_identity_can_be_left_out(made_up_weights):
    encoder = load_encoder(made_up_weights, device="cpu")
    whole, part = encoder.encode(crops(5)), encoder.encode(crops(5), identity=False)
    assert part.shape.shape == (0, 300)
    for name in set(OUTPUTS) - {"shape"}:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))


def test_folding_batch_norms_changes_nothing():
    torch.manual_seed(1)
    network = Backbone(SMALL).double().eval()
    for name, buffer in network.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    pixels = torch.rand(2, 3, 224, 224, dtype=torch.float64)
    with torch.inference_mode():
        before = network(pixels.clone())
        fold_batch_norms(network)
        after = network.double()(pixels.clone())
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
    np.testing.assert_allclose(after, before, rtol=2e-5)  # folded weights are kept in single precision


def test_no_crops_give_empty_outputs(made_up_weights):
    assert load_encoder(made_up_weights, device="cpu").encode(crops(0)).shape.shape == (0, 300)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 224, 224, 3), np.float32), np.zeros((224, 224, 3), np.uint8), np.zeros((1, 3, 224, 224), np.uint8)],
)
def test_crops_of_another_kind_are_refused(made_up_weights, wrong):
    with pytest.raises(ValueError, match="crops must be"):
        load_encoder(made_up_weights, device="cpu").encode(wrong)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="No weights at .*none.pt.*SMIRK_em1.pt"):
        load_encoder(tmp_path / "none.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "wrong.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        load_encoder(path)


def test_another_networks_checkpoint_is_told_what_it_lacks(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(
        WeightsError,
        match=r"not SMIRK's checkpoint: \d+ of \d+ weights are missing, among them smirk_encoder\.pose_encoder",
    ):
        load_encoder(path)


def test_one_missing_weight_is_named(tmp_path, made_up_weights):
    weights = torch.load(made_up_weights, weights_only=True)
    del weights["smirk_encoder.expression_encoder.expression_layers.0.bias"]
    torch.save(weights, tmp_path / "part.pt")
    with pytest.raises(
        WeightsError,
        match=r"1 of \d+ weights are missing, among them smirk_encoder.expression_encoder.expression_layers.0.bias",
    ):
        load_encoder(tmp_path / "part.pt")


def test_a_weight_of_another_shape_is_named(tmp_path, made_up_weights):
    weights = torch.load(made_up_weights, weights_only=True)
    weights["smirk_encoder.shape_encoder.shape_layers.0.weight"] = torch.zeros(100, 960)
    torch.save(weights, tmp_path / "other_size.pt")
    with pytest.raises(WeightsError, match=r"shape_layers.0.weight is \(100, 960\), where SMIRK has \(300, 960\)"):
        load_encoder(tmp_path / "other_size.pt")


class RunsCode:
    def __reduce__(self):
        return os.mkdir, (os.environ["SMIRK_TEST_TRAP"],)


def test_a_checkpoint_with_code_is_not_run(tmp_path, monkeypatch):
    trap = tmp_path / "trap"
    monkeypatch.setenv("SMIRK_TEST_TRAP", str(trap))
    path = tmp_path / "code.pt"
    torch.save({"smirk_encoder.x": RunsCode()}, path)
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint of plain weights"):
        load_encoder(path)
    path.write_bytes(pickle.dumps(RunsCode(), protocol=2))
    with pytest.raises(WeightsError):
        load_encoder(path)
    assert not trap.exists()


def test_a_device_that_is_not_there_is_refused():
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(WeightsError, match=f"no {missing}.*Choose one of: .*cpu"):
        choose_device(missing)
    with pytest.raises(WeightsError, match="No such device: warp"):
        choose_device("warp")
