"""SMIRK's three encoders with their last layers, and how their weights are loaded."""

import os
import pickle
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..errors import WeightsError
from .backbone import LARGE, SMALL, Backbone, fold_batch_norms

NUM_SHAPE = 300
NUM_EXPRESSION = 50
CROP_SIZE_PX = 224
MAX_JAW_SIDE_RAD = 0.2  # SMIRK clamps the jaw's yaw and roll to this
WEIGHTS_PREFIX = "smirk_encoder."  # the rest of the checkpoint is SMIRK's image generator, of no use here
BATCH_SIZE = 4  # crops at once; on a CPU larger ones are slower, as their activations no longer fit the caches


@dataclass(frozen=True)
class EncoderOutput:
    """FLAME parameters of N crops, float32.

    Attributes:
        head_pose: (N, 3) axis-angle, radians, FLAME axes.
        camera: (N, 3) scale, tx, ty of an orthographic camera; the crop's edge is at +-1.
        shape: (N, 300) identity; (0, 300) where it was not asked for.
        expression: (N, 50).
        eyelid: (N, 2) left then right, 0 open to 1 shut.
        jaw_pose: (N, 3) axis-angle, radians; x from 0, y and z within +-0.2.
    """

    head_pose: np.ndarray
    camera: np.ndarray
    shape: np.ndarray
    expression: np.ndarray
    eyelid: np.ndarray
    jaw_pose: np.ndarray


class PreciseLinear(nn.Linear):
    """A last layer, in double precision on the CPU: hundreds of large features cancel in its sums, and it costs nothing."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(features.cpu().double(), self.weight.cpu().double(), self.bias.cpu().double())


class PoseEncoder(nn.Module):
    """Crops -> head rotation and camera."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Backbone(SMALL)
        self.pose_cam_layers = nn.Sequential(PreciseLinear(SMALL.features, 6))

    def forward(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
        head_pose, camera = self.pose_cam_layers(self.encoder(crops)).split([3, 3], dim=-1)
        return {"head_pose": head_pose, "camera": camera}


class ShapeEncoder(nn.Module):
    """Crops -> identity."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Backbone(LARGE)
        self.shape_layers = nn.Sequential(PreciseLinear(LARGE.features, NUM_SHAPE))

    def forward(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"shape": self.shape_layers(self.encoder(crops))}


class ExpressionEncoder(nn.Module):
    """Crops -> expression, eyelids, jaw."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Backbone(LARGE)
        self.expression_layers = nn.Sequential(PreciseLinear(LARGE.features, NUM_EXPRESSION + 2 + 3))

    def forward(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.expression_layers(self.encoder(crops))
        expression, eyelid, jaw_open, jaw_side = torch.split(y, [NUM_EXPRESSION, 2, 1, 2], dim=-1)
        jaw_side = jaw_side.clamp(-MAX_JAW_SIDE_RAD, MAX_JAW_SIDE_RAD)
        return {
            "expression": expression,
            "eyelid": eyelid.clamp(0.0, 1.0),
            "jaw_pose": torch.cat([jaw_open.relu(), jaw_side], dim=-1),
        }


class SmirkNetwork(nn.Module):
    """The three encoders under the checkpoint's names."""

    def __init__(self) -> None:
        super().__init__()
        self.pose_encoder = PoseEncoder()
        self.shape_encoder = ShapeEncoder()
        self.expression_encoder = ExpressionEncoder()

    def forward(self, crops: torch.Tensor, *, identity: bool = True) -> dict[str, torch.Tensor]:
        shape = self.shape_encoder(crops) if identity else {"shape": torch.empty(0, NUM_SHAPE)}
        return self.pose_encoder(crops) | shape | self.expression_encoder(crops)


class Encoder:
    """SMIRK, ready for inference: batch-norms folded, channels last, on its device."""

    def __init__(self, network: SmirkNetwork, device: torch.device) -> None:
        fold_batch_norms(network.eval())
        self.device = device
        self._network = network.requires_grad_(False).to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def encode(self, crops: np.ndarray, *, identity: bool = True) -> EncoderOutput:
        """Return the parameters of face crops.

        Args:
            crops: (N, 224, 224, 3) uint8 RGB; see `capture.crop_face`.
            identity: whether to run the identity encoder, nearly half of the work; without it `shape` is (0, 300).
        Raises:
            ValueError: crops of another shape or type.
        """
        crops = np.asarray(crops)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (CROP_SIZE_PX, CROP_SIZE_PX, 3):
            raise ValueError(
                f"crops must be (N, {CROP_SIZE_PX}, {CROP_SIZE_PX}, 3) uint8, not {crops.shape} {crops.dtype}"
            )
        names = [item.name for item in fields(EncoderOutput)]
        starts = range(0, max(len(crops), 1), BATCH_SIZE)
        batches = [self._encode_batch(crops[start : start + BATCH_SIZE], identity) for start in starts]
        return EncoderOutput(**{name: np.concatenate([batch[name] for batch in batches]) for name in names})

    def _encode_batch(self, crops: np.ndarray, identity: bool) -> dict[str, np.ndarray]:
        pixels = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device).permute(0, 3, 1, 2)  # channels last
        # Not in TF32 on CUDA: ten bits of mantissa would be off by more than 1e-4.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            outputs = self._network(pixels.float().div_(255.0), identity=identity)
        return {name: values.float().numpy() for name, values in outputs.items()}


def load_encoder(path: str | os.PathLike, device: str | torch.device | None = None) -> Encoder:
    """Return SMIRK's encoder with the weights of a checkpoint in SMIRK_em1.pt's layout.

    Args:
        path: the checkpoint; nothing in it is run.
        device: "cuda", "mps", "cpu", or None for the best that is there.
    Raises:
        WeightsError: no such file, not a checkpoint, or not SMIRK's; the message says what is missing.
    """
    path = Path(path)
    weights = {
        name.removeprefix(WEIGHTS_PREFIX): tensor
        for name, tensor in _read_checkpoint(path).items()
        if isinstance(name, str) and name.startswith(WEIGHTS_PREFIX)
    }
    network = SmirkNetwork()
    _check_weights(path, network.state_dict(), weights)
    network.load_state_dict(weights, strict=False)
    return Encoder(network, choose_device(device))


def use_threads(num_threads: int) -> None:
    """Let the encoder use so many of the processor's cores; for the whole process."""
    torch.set_num_threads(max(1, num_threads))


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """Return the device asked for; by itself CUDA before MPS before CPU.

    Raises:
        WeightsError: the device asked for is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device is None:
        return torch.device(next(name for name, there in available.items() if there))
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise WeightsError(f"No such device: {device}. Choose one of {', '.join(available)}") from error
    if not available.get(chosen.type, False):
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise WeightsError(f"This computer's PyTorch has no {device}. Choose one of: {there}")
    return chosen


def _read_checkpoint(path: Path) -> dict:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"No weights at {path}. Choose the file SMIRK_em1.pt") from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is not a PyTorch checkpoint of plain weights ({reason}). Choose the file SMIRK_em1.pt"
        ) from error
    if not isinstance(checkpoint, dict):
        raise WeightsError(
            f"{path} holds a {type(checkpoint).__name__}, not weights by name. Choose the file SMIRK_em1.pt"
        )
    return checkpoint


def _check_weights(path: Path, expected: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]) -> None:
    """Raise WeightsError if a weight is missing or has another shape; batch counters do not matter."""
    wanted = {name: tensor.shape for name, tensor in expected.items() if not name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in weights]
    if missing:
        parts = sorted({name.split(".")[0] for name in missing})
        raise WeightsError(
            f"{path} is not SMIRK's checkpoint: {len(missing)} of {len(wanted)} weights are missing, "
            f"among them {WEIGHTS_PREFIX}{missing[0]} (in {', '.join(parts)}). Choose the file SMIRK_em1.pt"
        )
    for name, shape in wanted.items():
        if weights[name].shape != shape:
            raise WeightsError(
                f"{path} is not SMIRK's checkpoint: {WEIGHTS_PREFIX}{name} is {tuple(weights[name].shape)}, "
                f"where SMIRK has {tuple(shape)}. Choose the file SMIRK_em1.pt"
            )
