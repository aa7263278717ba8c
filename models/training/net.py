"""The network in PyTorch: inverted residuals with linear bottlenecks and ReLU6.

The early stages use the fused form (a plain 3x3 in place of the 1x1 expansion
and the depthwise 3x3), which trains several times faster on a CPU; the last
stage is the depthwise form of MobileNetV2. Padding is TensorFlow's SAME for
even sizes, so photos must be a multiple of 16 pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.03
SIZE_MULTIPLE = 16


@dataclass(frozen=True)
class Stage:
    """`count` blocks of one kind; the first one strides."""

    fused: bool
    channels: int
    expansion: int
    count: int
    stride: int


STEM_CHANNELS = 32
STAGES: tuple[Stage, ...] = (
    Stage(fused=True, channels=32, expansion=2, count=1, stride=2),
    Stage(fused=True, channels=64, expansion=4, count=3, stride=2),
    Stage(fused=True, channels=96, expansion=3, count=2, stride=2),
    Stage(fused=False, channels=128, expansion=4, count=4, stride=1),
)
FEATURE_CHANNELS = 320


class ConvNorm(nn.Module):
    """Convolution, BatchNorm and, unless it is a linear bottleneck, ReLU6."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = depthwise
        self.linear = linear
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=kernel // 2 if stride == 1 else 0,
            groups=in_channels if depthwise else 1,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(
            out_channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        x = self.norm(self.conv(x))
        return x if self.linear else functional.relu6(x)


class InvertedResidual(nn.Module):
    """expand -> depthwise -> project, or fused: expand (3x3) -> project."""

    def __init__(self, in_channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = in_channels * stage.expansion
        self.residual = stride == 1 and in_channels == stage.channels
        self.expand = ConvNorm(
            in_channels, wide, 3 if stage.fused else 1, stride if stage.fused else 1
        )
        self.depthwise = None if stage.fused else ConvNorm(wide, wide, 3, stride, depthwise=True)
        self.project = ConvNorm(wide, stage.channels, 1, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        if self.depthwise is not None:
            y = self.depthwise(y)
        y = self.project(y)
        return x + y if self.residual else y


class Net(nn.Module):
    """Stem, stages, a 1x1 to the features, mean over the photo, class layer."""

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        blocks: list[InvertedResidual] = []
        channels = STEM_CHANNELS
        for stage in STAGES:
            for position in range(stage.count):
                stride = stage.stride if position == 0 else 1
                blocks.append(InvertedResidual(channels, stage, stride))
                channels = stage.channels
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(channels, FEATURE_CHANNELS, 1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(FEATURE_CHANNELS, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.features(x)))


def load_backbone(net: Net, state: dict[str, Tensor]) -> None:
    """Take everything but the class layer from another net's state."""
    kept = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    missing, unexpected = net.load_state_dict(kept, strict=False)
    if unexpected or any(not key.startswith("classifier.") for key in missing):
        raise ValueError(f"the backbone does not fit: {missing} {unexpected}")


def parameter_count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def channels_last(batch: Tensor) -> Tensor:
    return batch.to(memory_format=torch.channels_last)
