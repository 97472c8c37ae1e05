# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""DDRNet-23-slim as zh320's collection builds it, models/ddrnet.py.

Departs from the authors' code: BN and ReLU follow the convolutions of context module and head; no
bias in the stem; every block ends with ReLU; all resizing is with aligned corners. The auxiliary
head of training (``aux_head``) is left out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import conv_bn_act, scores

# Kernel and stride of the average pools of the context module.
POOLS = ((5, 2), (9, 4), (17, 8))


class Residual(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1, and a shortcut."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int = 1, bottleneck: bool = False
    ) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        self.changes = stride > 1 or in_channels != out_channels
        if bottleneck:
            self.conv1 = conv_bn_act(in_channels, in_channels, 1)
            self.conv2 = conv_bn_act(in_channels, in_channels, stride=stride)
            self.conv3 = conv_bn_act(in_channels, out_channels, 1, act='none')
        else:
            self.conv1 = conv_bn_act(in_channels, out_channels, stride=stride)
            self.conv2 = conv_bn_act(out_channels, out_channels, act='none')
        if self.changes:
            self.conv_down = conv_bn_act(in_channels, out_channels, 1, stride=stride, act='none')

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        y = self.conv2(self.conv1(x))
        if self.bottleneck:
            y = self.conv3(y)
        return F.relu(y + (self.conv_down(x) if self.changes else x))


def _pair(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        Residual(in_channels, out_channels, stride=stride), Residual(out_channels, out_channels)
    )


def _bottleneck(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(Residual(in_channels, out_channels, stride=stride, bottleneck=True))


class Fusion(nn.Module):
    """Each branch is added to the other at its size."""

    def __init__(self, low: int, high: int, stride: int) -> None:
        super().__init__()
        self.conv_low = conv_bn_act(low, high, 1, act='none')
        self.conv_high = conv_bn_act(high, low, stride=stride, act='none')

    def forward(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Return both, in the order in which they are given."""
        enlarged = resize_bilinear(self.conv_low(low), size_hw(high), align_corners=True)
        return F.relu(low + self.conv_high(high)), F.relu(high + enlarged)


class Context(nn.Module):
    """DAPPM with BN and ReLU behind the convolutions, and none in the pooled branches."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        narrow = in_channels // 4
        self.conv0 = conv_bn_act(in_channels, out_channels, 1)
        self.conv1 = conv_bn_act(in_channels, narrow, 1)
        pools = [nn.AvgPool2d(kernel, stride, kernel // 2) for kernel, stride in POOLS]
        for number, pool in enumerate([*pools, nn.AdaptiveAvgPool2d(1)], start=2):
            project = nn.Conv2d(in_channels, narrow, 1, bias=False)
            self.add_module(f'pool{number}', nn.Sequential(pool, project))
            self.add_module(f'conv{number}', conv_bn_act(narrow, narrow))
        self.conv_last = conv_bn_act(narrow * 5, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        parts = [self.conv1(x)]
        for number in range(2, 6):
            pooled = self.get_submodule(f'pool{number}')(x)
            pooled = resize_bilinear(pooled, size_hw(x), align_corners=True)
            parts.append(self.get_submodule(f'conv{number}')(parts[-1] + pooled))
        return self.conv_last(torch.cat(parts, dim=1)) + self.conv0(x)


class DDRNet(SegmentationNetwork):
    """DDRNet-23-slim of the collection."""

    stride = 8
    align_corners = True
    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        c = 32
        self.conv1 = conv_bn_act(3, c, stride=2)
        stem = [conv_bn_act(c, c, stride=2), Residual(c, c), Residual(c, c)]
        self.conv2 = nn.ModuleDict({'conv': nn.Sequential(*stem)})
        self.conv3 = nn.ModuleDict({'conv': _pair(c, 2 * c, stride=2)})
        self.conv4 = nn.ModuleDict(
            {
                'low_conv1': _pair(2 * c, 4 * c, stride=2),
                'high_conv1': _pair(2 * c, 2 * c),
                'bilateral_fusion1': Fusion(4 * c, 2 * c, 2),
            }
        )
        self.conv5 = nn.ModuleDict(
            {
                'low_conv1': _pair(4 * c, 8 * c, stride=2),
                'high_conv1': _pair(2 * c, 2 * c),
                'bilateral_fusion': Fusion(8 * c, 2 * c, 4),
                'low_conv2': _bottleneck(8 * c, 16 * c, stride=2),
                'high_conv2': _bottleneck(2 * c, 4 * c),
                'dappm': Context(16 * c, 4 * c),
            }
        )
        self.seg_head = scores(4 * c, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        x = self.conv3['conv'](self.conv2['conv'](self.conv1(image)))  # (N, 64, H/8, W/8)
        fourth, fifth = self.conv4, self.conv5
        low, high = fourth['bilateral_fusion1'](fourth['low_conv1'](x), fourth['high_conv1'](x))
        low, high = fifth['bilateral_fusion'](fifth['low_conv1'](low), fifth['high_conv1'](high))
        context = fifth['dappm'](fifth['low_conv2'](low))  # (N, 128, H/64, W/64)
        high = fifth['high_conv2'](high)  # (N, 128, H/8, W/8)
        return self.seg_head(high + resize_bilinear(context, size_hw(high), align_corners=True))
