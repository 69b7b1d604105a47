"""MobileNetV3 "minimal": the backbone of SMIRK's three encoders, plain convolutions and ReLU, no squeeze-and-excite.

Attributes carry the checkpoint's names (`conv_stem`, `bn1`, `blocks`, `conv_pw`, ...): those names are a file format.
Source: Howard et al., "Searching for MobileNetV3" (2019); the "minimalistic" variants of its TensorFlow models.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

BATCH_NORM_EPSILON = 1e-3  # TensorFlow's; PyTorch's default is 1e-5


class Stage(NamedTuple):
    """One stage of the network: the blocks' widths after expansion, the stage's width, its first block's stride."""

    expanded: tuple[int, ...]
    channels: int
    stride: int


class Layout(NamedTuple):
    """A whole backbone: the first, depthwise-separable stage, the inverted residuals, the last 1x1 convolution."""

    first: Stage
    stages: tuple[Stage, ...]
    features: int


STEM_CHANNELS = 16
SMALL = Layout(
    first=Stage((16,), 16, 2),
    stages=(
        Stage((72, 88), 24, 2),
        Stage((96, 240, 240), 40, 2),
        Stage((120, 144), 48, 1),
        Stage((288, 576, 576), 96, 2),
    ),
    features=576,
)
LARGE = Layout(
    first=Stage((16,), 16, 1),
    stages=(
        Stage((64, 72), 24, 2),
        Stage((72, 120, 120), 40, 2),
        Stage((240, 200, 184, 184), 80, 2),
        Stage((480, 672), 112, 1),
        Stage((672, 960, 960), 160, 2),
    ),
    features=960,
)


class StridedConv(nn.Conv2d):
    """A 3x3 convolution of stride 2 with TensorFlow's "SAME" padding: one row and column of zeros, bottom and right.

    For even sizes, which are all that a 224 x 224 crop comes to.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(functional.pad(x, (0, 1, 0, 1)))


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride == 2:
        return StridedConv(channels_in, channels_out, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


class SeparableBlock(nn.Module):
    """Depthwise 3x3, then pointwise; the input is added where the shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _conv(channels_in, channels_in, 3, stride, groups=channels_in)
        self.bn1 = _norm(channels_in)
        self.conv_pw = _conv(channels_in, channels_out, 1)
        self.bn2 = _norm(channels_out)
        self.has_skip = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv_pw(functional.relu_(self.bn1(self.conv_dw(x)))))
        return y.add_(x) if self.has_skip else y


class InvertedResidual(nn.Module):
    """Pointwise to `expanded` channels, depthwise 3x3, pointwise back; the input is added where the shapes agree."""

    def __init__(self, channels_in: int, expanded: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv_pw = _conv(channels_in, expanded, 1)
        self.bn1 = _norm(expanded)
        self.conv_dw = _conv(expanded, expanded, 3, stride, groups=expanded)
        self.bn2 = _norm(expanded)
        self.conv_pwl = _conv(expanded, channels_out, 1)
        self.bn3 = _norm(channels_out)
        self.has_skip = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu_(self.bn1(self.conv_pw(x)))
        y = functional.relu_(self.bn2(self.conv_dw(y)))
        y = self.bn3(self.conv_pwl(y))
        return y.add_(x) if self.has_skip else y


class LastConv(nn.Module):
    """The 1x1 convolution that makes the features which are averaged."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = _conv(channels_in, channels_out, 1)
        self.bn1 = _norm(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu_(self.bn1(self.conv(x)))


class Backbone(nn.Module):
    """Crops (N, 3, 224, 224) float32, 0 to 1, in; mean features (N, F) out."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.conv_stem = _conv(3, STEM_CHANNELS, 3, 2)
        self.bn1 = _norm(STEM_CHANNELS)
        channels = layout.first.channels
        blocks = [nn.Sequential(SeparableBlock(STEM_CHANNELS, channels, layout.first.stride))]
        for stage in layout.stages:
            residuals = []
            for position, expanded in enumerate(stage.expanded):
                stride = stage.stride if position == 0 else 1
                residuals.append(InvertedResidual(channels, expanded, stage.channels, stride))
                channels = stage.channels
            blocks.append(nn.Sequential(*residuals))
        blocks.append(nn.Sequential(LastConv(channels, layout.features)))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu_(self.bn1(self.conv_stem(x)))
        return self.blocks(x).mean(dim=(-2, -1))


# Which batch-norm follows which convolution, by the checkpoint's names.
NORM_AFTER = {
    Backbone: {"conv_stem": "bn1"},
    SeparableBlock: {"conv_dw": "bn1", "conv_pw": "bn2"},
    InvertedResidual: {"conv_pw": "bn1", "conv_dw": "bn2", "conv_pwl": "bn3"},
    LastConv: {"conv": "bn1"},
}


def fold_batch_norms(module: nn.Module) -> None:
    """Multiply every batch-norm into the convolution before it, and put an identity in its place.

    For inference only: the running statistics become constants.
    """
    for part in list(module.modules()):
        for conv_name, norm_name in NORM_AFTER.get(type(part), {}).items():
            _fold(getattr(part, conv_name), getattr(part, norm_name))
            setattr(part, norm_name, nn.Identity())


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    conv.weight.copy_(conv.weight.double() * gain[:, None, None, None])
    conv.bias = nn.Parameter((norm.bias.double() - norm.running_mean.double() * gain).float(), requires_grad=False)
