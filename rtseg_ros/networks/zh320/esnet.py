# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESNet as zh320's collection builds it, models/esnet.py.

Departs from the paper: factorised convolutions have no bias; the three branches of a parallel unit
have a BN each; BN of the downsampler is on its convolution only, whose pooling is 3x3; the last
transposed convolution is 3x3 with BN and ReLU, so that no score is negative; no dropout.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import (
    Downsampler,
    Enlarge,
    activation,
    conv_bn_act,
    plain_conv,
)


def _factorised(channels: int, kernel: int, *, dilation: int = 1, act: str) -> list[nn.Module]:
    return [
        plain_conv(channels, channels, (kernel, 1), dilation=dilation),
        activation('relu'),
        conv_bn_act(channels, channels, (1, kernel), dilation=dilation, act=act),
    ]


class Unit(nn.Module):
    """FCU: two factorised convolutions and a shortcut."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *_factorised(channels, kernel, act='relu'), *_factorised(channels, kernel, act='none')
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        return F.relu(self.conv(x) + x)


class ParallelUnit(nn.Module):
    """PFCU: one factorised 3x3, then three dilated ones in parallel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(*_factorised(channels, 3, act='relu'))
        self.conv_left, self.conv_mid, self.conv_right = (
            nn.Sequential(*_factorised(channels, 3, dilation=dilation, act='none'))
            for dilation in (2, 5, 9)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        y = self.conv0(x)
        return F.relu(self.conv_left(y) + self.conv_mid(y) + self.conv_right(y) + x)


class ESNet(SegmentationNetwork):
    """ESNet of the collection."""

    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.block1_down = Downsampler(3, 16)
        self.block1 = nn.Sequential(*(Unit(16, 3) for _ in range(3)))
        self.block2_down = Downsampler(16, 64)
        self.block2 = nn.Sequential(*(Unit(64, 5) for _ in range(2)))
        self.block3_down = Downsampler(64, 128)
        self.block3 = nn.Sequential(*(ParallelUnit(128) for _ in range(3)))
        self.block4_up = Enlarge(128, 64)
        self.block4 = nn.Sequential(*(Unit(64, 5) for _ in range(2)))
        self.block5_up = Enlarge(64, 16)
        self.block5 = nn.Sequential(*(Unit(16, 3) for _ in range(2)))
        self.full_conv = Enlarge(16, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        x = self.block1(self.block1_down(image))
        x = self.block2(self.block2_down(x))
        x = self.block3(self.block3_down(x))
        x = self.block4(self.block4_up(x))
        x = self.block5(self.block5_up(x))
        return self.full_conv(x)
