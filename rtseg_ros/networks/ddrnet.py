# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""DDRNet-23-slim (Pan et al., T-ITS 2022): a branch that stays at 1/8 beside one down to 1/64.

Sections III-B to III-D, Figures 3 to 5, Table I. Parameter names are those of the weights that the
authors published, so that their files load as they are; the head that only training uses
(``seghead_extra``) is left out.

Deviation: sides that are not multiples of 8 are padded; the published code takes them as they are
and rounds down, which fails where the branches meet.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

# Kernel and stride of the average pools before the context module's branches.
POOLS = ((5, 2), (9, 4), (17, 8))


def conv_bn(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, bias: bool = False
) -> nn.Sequential:
    """Convolution and BN, same size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=bias),
        nn.BatchNorm2d(out_channels),
    )


def bn_relu_conv(
    in_channels: int, out_channels: int, kernel: int, *, groups: int = 1
) -> nn.Sequential:
    """Pre-activation unit: BN, ReLU, convolution."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), conv)


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, with or without the last ReLU."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        self.relu = relu
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y = y + self.downsample(x)
        return F.relu(y) if self.relu else y


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 to twice the channels, and a shortcut; no ReLU at the end."""

    expansion = 2

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, 2 C', H/stride, W/stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return self.bn3(self.conv3(y)) + self.downsample(x)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def residual_blocks(
    in_channels: int, channels: int, count: int, *, stride: int = 1
) -> nn.Sequential:
    """``count`` residual blocks, 2 or more; the last leaves its ReLU to what follows."""
    first = Residual(in_channels, channels, stride=stride)
    rest = (Residual(channels, channels, relu=i < count - 1) for i in range(1, count))
    return nn.Sequential(first, *rest)


class ContextBranches(nn.Module):
    """The part that DAPPM and PIDNet's PAPPM have in common: pooled 1x1 projections."""

    def __init__(self, in_channels: int, branch_channels: int, out_channels: int) -> None:
        super().__init__()
        self.scale0 = bn_relu_conv(in_channels, branch_channels, 1)
        pools = [nn.AvgPool2d(kernel, stride, kernel // 2) for kernel, stride in POOLS]
        for number, pool in enumerate([*pools, nn.AdaptiveAvgPool2d(1)], start=1):
            unit = bn_relu_conv(in_channels, branch_channels, 1)
            self.add_module(f'scale{number}', nn.Sequential(pool, *unit))
        self.compression = bn_relu_conv(branch_channels * 5, out_channels, 1)
        self.shortcut = bn_relu_conv(in_channels, out_channels, 1)

    def branches(self, x: Tensor) -> list[Tensor]:
        """Return the branch at full size and the four pooled ones, enlarged to it."""
        pooled = [self.get_submodule(f'scale{number}')(x) for number in range(1, 5)]
        size = size_hw(x)
        enlarged = [resize_bilinear(branch, size, align_corners=False) for branch in pooled]
        return [self.scale0(x), *enlarged]


class Dappm(ContextBranches):
    """Deep aggregation pyramid pooling: each branch is added to the one before (Figure 5)."""

    def __init__(self, in_channels: int, branch_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, branch_channels, out_channels)
        for number in range(1, 5):
            self.add_module(f'process{number}', bn_relu_conv(branch_channels, branch_channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        first, *branches = self.branches(x)
        parts = [first]
        for number, branch in enumerate(branches, start=1):
            parts.append(self.get_submodule(f'process{number}')(branch + parts[-1]))
        return self.compression(torch.cat(parts, dim=1)) + self.shortcut(x)


class Head(nn.Module):
    """BN, ReLU and 3x3, then BN, ReLU and 1x1 to the classes."""

    def __init__(self, in_channels: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to class maps (N, K, H, W)."""
        x = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(x)))


def stem(channels: int) -> nn.Sequential:
    """Two 3x3 convolutions with bias and stride 2: (N, 3, H, W) -> (N, C, H/4, W/4)."""
    return nn.Sequential(
        *conv_bn(3, channels, 3, stride=2, bias=True),
        nn.ReLU(inplace=True),
        *conv_bn(channels, channels, 3, stride=2, bias=True),
        nn.ReLU(inplace=True),
    )


class DDRNet(SegmentationNetwork):
    """DDRNet-23-slim; channels grow from 32 to 512 on the low-resolution branch."""

    stride = 8
    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        c = 32
        self.conv1 = stem(c)
        self.layer1 = residual_blocks(c, c, 2)
        self.layer2 = residual_blocks(c, 2 * c, 2, stride=2)
        self.layer3 = residual_blocks(2 * c, 4 * c, 2, stride=2)
        self.layer4 = residual_blocks(4 * c, 8 * c, 2, stride=2)
        self.layer5 = nn.Sequential(Bottleneck(8 * c, 8 * c, stride=2))
        self.layer3_ = residual_blocks(2 * c, 2 * c, 2)
        self.layer4_ = residual_blocks(2 * c, 2 * c, 2)
        self.layer5_ = nn.Sequential(Bottleneck(2 * c, 2 * c))
        self.compression3 = conv_bn(4 * c, 2 * c, 1)
        self.compression4 = conv_bn(8 * c, 2 * c, 1)
        self.down3 = conv_bn(2 * c, 4 * c, 3, stride=2)
        self.down4 = nn.Sequential(
            *conv_bn(2 * c, 4 * c, 3, stride=2),
            nn.ReLU(inplace=True),
            *conv_bn(4 * c, 8 * c, 3, stride=2),
        )
        self.spp = Dappm(16 * c, 128, 4 * c)
        self.final_layer = Head(4 * c, 64, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        x = F.relu(self.layer2(F.relu(self.layer1(self.conv1(image)))))  # (N, 64, H/8, W/8)
        size = size_hw(x)

        deep = self.layer3(x)  # (N, 128, H/16, W/16)
        fine = self.layer3_(x)
        narrow = self.compression3(F.relu(deep))
        deep = deep + self.down3(F.relu(fine))
        fine = fine + resize_bilinear(narrow, size, align_corners=False)

        deep = self.layer4(F.relu(deep))  # (N, 256, H/32, W/32)
        fine = self.layer4_(F.relu(fine))
        narrow = self.compression4(F.relu(deep))
        deep = deep + self.down4(F.relu(fine))
        fine = fine + resize_bilinear(narrow, size, align_corners=False)

        fine = self.layer5_(F.relu(fine))  # (N, 128, H/8, W/8)
        deep = self.spp(self.layer5(F.relu(deep)))  # (N, 128, H/64, W/64)
        return self.final_layer(fine + resize_bilinear(deep, size, align_corners=False))
