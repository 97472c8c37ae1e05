# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESPNet (p = 2, q = 8) as zh320's collection builds it, models/espnet.py.

Departs from the paper: a pyramid reduces with strided 1x1 convolutions, two where five parts are
uneven; every dilated branch has BN and PReLU of its own; images are shrunk bilinearly; transposed
convolutions are 3x3 with BN and activation, the last with ReLU, so that no score is negative.
"""

import torch
from torch import Tensor, nn

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import Enlarge, conv_bn_act, running_sums

PARTS = 5


class Esp(nn.Module):
    """Reduce, five dilated 3x3 in parallel, sums, stack; a shortcut where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        narrow = out_channels // PARTS
        widest = out_channels - (PARTS - 1) * narrow
        self.shortcut = in_channels == out_channels and stride == 1
        self.even = widest == narrow
        self.conv_kn = nn.Conv2d(in_channels, narrow, 1, stride, bias=False)
        if not self.even:
            self.conv_k1 = nn.Conv2d(in_channels, widest, 1, stride, bias=False)
        self.layers = nn.ModuleList(
            conv_bn_act(width, width, dilation=2**i, act='prelu')
            for i, width in enumerate([widest] + [narrow] * (PARTS - 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        reduced = self.conv_kn(x)
        inputs = [reduced if self.even else self.conv_k1(x)] + [reduced] * (PARTS - 1)
        parts = [layer(part) for layer, part in zip(self.layers, inputs, strict=True)]
        y = torch.cat(running_sums(parts, 0 if self.even else 1), dim=1)
        return y + x if self.shortcut else y


class Level(nn.Module):
    """A strided pyramid, some more, and both joined."""

    def __init__(self, in_channels: int, channels: int, count: int, num_classes: int = 0) -> None:
        super().__init__()
        self.conv1 = Esp(in_channels, channels, stride=2)
        self.layers = nn.Sequential(*(Esp(channels, channels) for _ in range(count)))
        if num_classes:
            self.conv_last = conv_bn_act(2 * channels, num_classes, 1, act='prelu')

    def forward(self, x: Tensor) -> Tensor:
        """Halve (N, C, H, W) and join: (N, 2 C', H/2, W/2)."""
        x = self.conv1(x)
        return torch.cat([self.layers(x), x], dim=1)


class Decoder(nn.Module):
    """Enlarge class maps three times; join what came before twice."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        k = num_classes
        self.upconv_l3 = Enlarge(k, k, act='prelu')
        self.conv_cat_l2 = conv_bn_act(131, k, 1)
        self.conv_l2 = Esp(2 * k, k)
        self.upconv_l2 = Enlarge(k, k, act='prelu')
        self.conv_cat_l1 = conv_bn_act(19, k, 1)
        self.conv_l1 = Esp(2 * k, k)
        self.upconv_l1 = Enlarge(k, k)

    def forward(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Transform class maps (N, K, H/8, W/8) to (N, K, H, W)."""
        x = self.conv_l2(torch.cat([self.upconv_l3(x), self.conv_cat_l2(second)], dim=1))
        x = self.conv_l1(torch.cat([self.upconv_l2(x), self.conv_cat_l1(first)], dim=1))
        return self.upconv_l1(x)


class ESPNet(SegmentationNetwork):
    """ESPNet of the collection."""

    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        if num_classes < PARTS:
            raise NetworkError(
                f'num_classes is {num_classes}; ESPNet splits its class maps in 5 parts and needs '
                'at least 5 classes'
            )
        self.l1_block = conv_bn_act(3, 16, stride=2, act='prelu')
        self.l2_block = Level(16 + 3, 64, 2)
        self.l3_block = Level(2 * 64 + 3, 128, 8, num_classes)
        self.decoder = Decoder(num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        first = _with_image(self.l1_block(image), image)  # (N, 19, H/2, W/2)
        second = _with_image(self.l2_block(first), image)  # (N, 131, H/4, W/4)
        x = self.l3_block.conv_last(self.l3_block(second))  # (N, K, H/8, W/8)
        return self.decoder(x, first, second)


def _with_image(x: Tensor, image: Tensor) -> Tensor:
    small = resize_bilinear(image, size_hw(x), align_corners=False)
    return torch.cat([x, small], dim=1)
