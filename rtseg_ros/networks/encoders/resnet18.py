# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 (He et al., CVPR 2016, Table 1), with parameter names as in torchvision."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.encoders.encoder import Encoder

CHANNELS = {'stem': 64, 'layer1': 64, 'layer2': 128, 'layer3': 256, 'layer4': 512}
LAYERS = ('layer1', 'layer2', 'layer3', 'layer4')


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; the ReLU after the sum is the caller's."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, out_channels, 3, stride, dilation, dilation=dilation, bias=False
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to the sum before the last ReLU, (N, C', H/s, W/s)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut


class ResNet18(Encoder):
    """ResNet-18 without pooling and classifier.

    Args:
        taps: Which maps to return, from ``stem`` (1/4) and ``layer1`` (1/4) to ``layer4`` (1/32).
        before_relu: Return the sums before the last ReLU of a layer instead of after it.
        dilations: Dilation of the first 3x3 convolution in layer3 and layer4; above 1 it
            replaces that convolution's stride.
    """

    fitting_weights = "torchvision's resnet18"

    def __init__(
        self,
        taps: Sequence[str] = LAYERS,
        *,
        before_relu: bool = False,
        dilations: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.before_relu = before_relu
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        reduction, in_channels = 4, 64
        reductions = {'stem': reduction}
        for name, dilation in zip(LAYERS, (1, 1, *dilations), strict=True):
            out_channels = CHANNELS[name]
            stride = 2 if dilation == 1 and name != 'layer1' else 1
            layer = nn.Sequential(
                BasicBlock(in_channels, out_channels, stride=stride, dilation=dilation),
                BasicBlock(out_channels, out_channels),
            )
            self.add_module(name, layer)
            reduction, in_channels = reduction * stride, out_channels
            reductions[name] = reduction
        self.channels = tuple(CHANNELS[tap] for tap in self.taps)
        self.reductions = tuple(reductions[tap] for tap in self.taps)

    def own_names(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Leave the classifier out; the names are torchvision's."""
        return {key: value for key, value in weights.items() if not key.startswith('fc.')}

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the tapped maps of (N, 3, H, W), finest first."""
        x = F.relu(self.bn1(self.conv1(image)))
        x = F.max_pool2d(x, 3, 2, 1)  # (N, 64, H/4, W/4)
        maps = {'stem': x}
        for name in LAYERS:
            for block in self.get_submodule(name).children():
                total = block(x)
                x = F.relu(total)
            maps[name] = total if self.before_relu else x
        return [maps[tap] for tap in self.taps]
