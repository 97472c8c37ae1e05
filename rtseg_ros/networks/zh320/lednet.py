# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""LEDNet as zh320's collection builds it, models/lednet.py.

Departs from the paper: the pyramid of the decoder has 128 channels and 3x3 kernels everywhere, and
its two other branches 3x3 in place of 1x1; ReLU ends both branches of a unit; BN of the
downsampler is on its convolution only, whose pooling is 3x3; no dropout.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, shuffle_channels, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import Downsampler, activation, conv_bn_act, plain_conv


def _branch(channels: int, first: tuple[int, int], dilation: int) -> nn.Sequential:
    second = first[::-1]
    parts: list[nn.Module] = []
    for step in (1, dilation):
        parts += [
            plain_conv(channels, channels, first, dilation=step, bias=True),
            activation('relu'),
            conv_bn_act(channels, channels, second, dilation=step),
        ]
    return nn.Sequential(*parts)


class SplitShuffle(nn.Module):
    """Halves of the channels on two factorised branches, joined and shuffled."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.left_branch = _branch(channels // 2, (3, 1), dilation)
        self.right_branch = _branch(channels // 2, (1, 3), dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W), C even."""
        half = int(x.shape[1]) // 2
        branches = [self.left_branch(x[:, :half]), self.right_branch(x[:, half:])]
        return shuffle_channels(F.relu(x + torch.cat(branches, dim=1)), 2)


class AttentionPyramid(nn.Module):
    """A pyramid of class maps weighs class maps; pooled ones are added."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.left_conv1_1 = conv_bn_act(channels, channels, stride=2)
        self.left_conv1_2 = conv_bn_act(channels, num_classes)
        self.left_conv2_1 = conv_bn_act(channels, channels, stride=2)
        self.left_conv2_2 = conv_bn_act(channels, num_classes)
        self.left_conv3 = nn.Sequential(
            conv_bn_act(channels, channels, stride=2), conv_bn_act(channels, num_classes)
        )
        self.mid_branch = conv_bn_act(channels, num_classes)
        self.right_branch = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), conv_bn_act(channels, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Decode (N, C, h, w) to class maps (N, K, h, w)."""
        half = self.left_conv1_1(x)
        quarter = self.left_conv2_1(half)
        deepest = self.left_conv3(quarter)  # (N, K, h/8, w/8)
        y = resize_bilinear(deepest, size_hw(quarter), align_corners=True)
        y = resize_bilinear(self.left_conv2_2(quarter) + y, size_hw(half), align_corners=True)
        y = resize_bilinear(self.left_conv1_2(half) + y, size_hw(x), align_corners=True)
        return y * self.mid_branch(x) + self.right_branch(x)


class LEDNet(SegmentationNetwork):
    """LEDNet of the collection."""

    stride = 8
    align_corners = True
    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = nn.Sequential(
            Downsampler(3, 32),
            *(SplitShuffle(32, 1) for _ in range(3)),
            Downsampler(32, 64),
            *(SplitShuffle(64, 1) for _ in range(2)),
            Downsampler(64, 128),
            *(SplitShuffle(128, dilation) for dilation in (1, 2, 5, 9, 2, 5, 9, 17)),
        )
        self.apn = AttentionPyramid(128, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        return self.apn(self.encoder(image))
