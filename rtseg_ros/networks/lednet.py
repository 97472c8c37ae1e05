# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""LEDNet (Wang et al., ICIP 2019): split-and-shuffle encoder, attention pyramid decoder.

Sections 2.1 and 2.2, Table 1, Figures 1 and 2 (d).

Deviations:
- The published code fixes 20 outputs and 1024x512; here both follow the arguments.
- The encoder's 1x1 output layer (2,580 values at 20 classes), which the published code builds
  for encoder pre-training and never runs afterwards, is left out.
- Figure 1 draws the pyramid with 128 channels; like the published code it has one, which alone
  fits the parameter count in the paper.
- The published code resizes the pyramid to h // 4 and h // 2 and stops if h (1/8 of the input)
  is not a multiple of 4; here each level takes the size of the level it joins, the same numbers
  where the published code runs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, shuffle_channels, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3


class Downsampler(nn.Module):
    """Strided 3x3 convolution beside a max pooling, stacked; ERFNet's and ESNet's too."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels - in_channels, 3, 2, 1)
        self.bn = nn.BatchNorm2d(out_channels, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution: (N, C, H, W) -> (N, C', H/2, W/2)."""
        return F.relu(self.bn(torch.cat([self.conv(x), F.max_pool2d(x, 2, 2)], dim=1)))


def _half(channels: int, *, tall_first: bool, dilation: int) -> list[nn.Module]:
    """Convolve 3x1 then 1x3, or 1x3 then 3x1, with a ReLU between and BN behind."""
    tall = nn.Conv2d(channels, channels, (3, 1), padding=(dilation, 0), dilation=(dilation, 1))
    wide = nn.Conv2d(channels, channels, (1, 3), padding=(0, dilation), dilation=(1, dilation))
    first, second = (tall, wide) if tall_first else (wide, tall)
    return [first, nn.ReLU(inplace=True), second, nn.BatchNorm2d(channels, EPSILON)]


class SplitShuffle(nn.Module):
    """SS-nbt: halves of the channels on two factorised branches, joined and shuffled."""

    def __init__(self, channels: int, *, dropout: float, dilation: int) -> None:
        super().__init__()
        self.left, self.right = (
            nn.Sequential(
                *_half(channels // 2, tall_first=tall_first, dilation=1),
                nn.ReLU(inplace=True),
                *_half(channels // 2, tall_first=tall_first, dilation=dilation),
                nn.Dropout2d(dropout),
            )
            for tall_first in (True, False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W), C even."""
        half = int(x.shape[1]) // 2
        left, right = x[:, :half], x[:, half:]
        x = F.relu(x + torch.cat([self.left(left), self.right(right)], dim=1))
        return shuffle_channels(x, 2)


class ConvBnRelu(nn.Sequential):
    """Convolution with bias, BN, ReLU; 'same' padding for odd kernels."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2),
            nn.BatchNorm2d(out_channels, EPSILON),
            nn.ReLU(inplace=True),
        )


class AttentionPyramid(nn.Module):
    """APN: a one-channel pyramid weighs the class maps, a pooled branch adds global context."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.context = ConvBnRelu(in_channels, num_classes, 1)
        self.middle = ConvBnRelu(in_channels, num_classes, 1)
        self.down1 = ConvBnRelu(in_channels, 1, 7, stride=2)
        self.down2 = ConvBnRelu(1, 1, 5, stride=2)
        self.down3 = nn.Sequential(ConvBnRelu(1, 1, 3, stride=2), ConvBnRelu(1, 1, 3))
        self.level2 = ConvBnRelu(1, 1, 5)
        self.level1 = ConvBnRelu(1, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        """Decode (N, C, h, w) to class maps (N, K, h, w)."""
        context = self.context(F.adaptive_avg_pool2d(x, 1))  # (N, K, 1, 1)
        x1 = self.down1(x)  # (N, 1, h/2, w/2)
        x2 = self.down2(x1)  # (N, 1, h/4, w/4)
        x3 = self.down3(x2)  # (N, 1, h/8, w/8)
        level2 = self.level2(x2)
        pyramid = level2 + resize_bilinear(x3, size_hw(level2), align_corners=True)
        level1 = self.level1(x1)
        pyramid = level1 + resize_bilinear(pyramid, size_hw(level1), align_corners=True)
        attention = resize_bilinear(pyramid, size_hw(x), align_corners=True)  # (N, 1, h, w)
        return attention * self.middle(x) + context


class LEDNet(SegmentationNetwork):
    """LEDNet as in Table 1."""

    stride = 8
    align_corners = True
    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.trunk = nn.Sequential(
            Downsampler(3, 32),
            *(SplitShuffle(32, dropout=0.03, dilation=1) for _ in range(3)),
            Downsampler(32, 64),
            *(SplitShuffle(64, dropout=0.03, dilation=1) for _ in range(2)),
            Downsampler(64, 128),
            *(
                SplitShuffle(128, dropout=0.3, dilation=dilation)
                for dilation in (1, 2, 5, 9, 2, 5, 9, 17)
            ),
        )
        self.decoder = AttentionPyramid(128, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        return self.decoder(self.trunk(image))
