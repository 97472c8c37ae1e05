# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the networks of the collection share: convolution, BN, activation, in this order."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rtseg_ros.networks.blocks import pool_to_grid, resize_bilinear, size_hw

POOLS = (1, 2, 4, 6)


def activation(kind: str) -> nn.Module:
    """``relu``, ``prelu`` with one slope for all channels, or ``none``."""
    made: dict[str, nn.Module] = {
        'relu': nn.ReLU(), 'prelu': nn.PReLU(), 'none': nn.Identity(),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(activation=made[kind]))


def conv_bn_act(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int] = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    act: str = 'relu',
) -> nn.Sequential:
    """Convolution, BN and activation, same size at stride 1."""
    return nn.Sequential(
        plain_conv(
            in_channels, out_channels, kernel, stride=stride, dilation=dilation, groups=groups,
            bias=bias,
        ),
        nn.BatchNorm2d(out_channels),
        activation(act),
    )  # fmt: skip


def plain_conv(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """Convolution, same size at stride 1."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    pad = (sides[0] // 2 * dilation, sides[1] // 2 * dilation)
    return nn.Conv2d(
        in_channels, out_channels, sides, stride, pad, dilation=dilation, groups=groups, bias=bias
    )


class Enlarge(nn.Module):
    """Transposed 3x3 convolution of stride 2 with bias, BN, activation."""

    def __init__(self, in_channels: int, out_channels: int, *, act: str = 'relu') -> None:
        super().__init__()
        self.up_conv = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, 3, 2, 1, 1),
            nn.BatchNorm2d(out_channels),
            activation(act),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Double (N, C, H, W)."""
        return self.up_conv(x)


class Downsampler(nn.Module):
    """Strided 3x3 with BN and ReLU beside an untouched 3x3 max pooling."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv_bn_act(in_channels, out_channels - in_channels, stride=2)
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Halve (N, C, H, W)."""
        return torch.cat([self.conv(x), self.pool(x)], dim=1)


class PyramidPooling(nn.Module):
    """Grids of 1, 2, 4 and 6 cells a side, beside the map itself."""

    def __init__(self, in_channels: int, out_channels: int, *, act: str = 'relu') -> None:
        super().__init__()
        for number, _ in enumerate(POOLS, start=1):
            conv = nn.Conv2d(in_channels, in_channels // 4, 1, bias=False)
            self.add_module(f'stage{number}', nn.Sequential(nn.Identity(), conv))
        self.conv = conv_bn_act(in_channels * 2, out_channels, 1, bias=True, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        maps = [x]
        for number, side in enumerate(POOLS, start=1):
            pooled = self.get_submodule(f'stage{number}')(pool_to_grid(x, (side, side)))
            maps.append(resize_bilinear(pooled, size_hw(x), align_corners=True))
        return self.conv(torch.cat(maps, dim=1))


def scores(in_channels: int, num_classes: int, *, act: str = 'relu') -> nn.Sequential:
    """3x3 to 128 channels and 1x1 to the classes, without bias."""
    return nn.Sequential(
        conv_bn_act(in_channels, 128, act=act), nn.Conv2d(128, num_classes, 1, bias=False)
    )


def running_sums(parts: Sequence[Tensor], start: int = 0) -> list[Tensor]:
    """Add to each map, after the one at ``start``, the sum before it."""
    sums = list(parts[: start + 1])
    for part in parts[start + 1 :]:
        sums.append(part + sums[-1])
    return sums
