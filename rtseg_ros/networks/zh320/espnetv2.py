# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESPNetv2 as zh320's collection builds it, models/espnetv2.py.

Departs from the paper and its authors' code: depthwise branches are followed by pointwise ones,
with dilations of 1, 2, 4 and 8 in every unit; neither BN nor activation around the grouped
convolutions; the decoder is a pyramid pooling at 1/8 and a plain head.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import PyramidPooling, conv_bn_act, running_sums, scores

BRANCHES = 4


class Eesp(nn.Module):
    """Depthwise dilated branches between grouped 1x1 convolutions, and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._build(channels, stride=1)

    def _build(self, channels: int, *, stride: int) -> None:
        narrow = channels // BRANCHES
        self.conv_init = nn.Conv2d(channels, narrow, 1, groups=BRANCHES, bias=False)
        self.layers = nn.ModuleList(
            nn.Sequential(
                conv_bn_act(
                    narrow, narrow, stride=stride, dilation=2**i, groups=narrow, act='prelu'
                ),
                conv_bn_act(narrow, narrow, 1, bias=True, act='prelu'),
            )
            for i in range(BRANCHES)
        )
        self.conv_last = nn.Conv2d(channels, channels, 1, groups=BRANCHES, bias=False)

    def branches(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) without the shortcut."""
        reduced = self.conv_init(x)
        sums = running_sums([layer(reduced) for layer in self.layers])
        return self.conv_last(torch.cat(sums, dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        return self.branches(x) + x


class StridedEesp(Eesp):
    """The same at half the size beside an average pooling, with the shrunken image added."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self._build(channels, stride=2)
        self.conv_stride = nn.Sequential(
            conv_bn_act(3, 3), nn.Conv2d(3, 2 * channels, 1, bias=False)
        )

    def forward(self, x: Tensor, image: Tensor | None = None) -> Tensor:
        """Transform (N, C, H, W) to (N, 2 C, H/2, W/2), the size of image."""
        assert image is not None
        y = torch.cat([self.branches(x), _halved(x)], dim=1)
        return y + self.conv_stride(image)


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 2, 1)


class ESPNetv2(SegmentationNetwork):
    """ESPNetv2 of the collection."""

    stride = 8
    align_corners = True
    size_multiple = 16

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.l1_block = conv_bn_act(3, 32, stride=2, act='prelu')
        self.l2_block = StridedEesp(32)
        self.l3_block1 = StridedEesp(64)
        self.l3_block2 = nn.Sequential(*(Eesp(128) for _ in range(3)))
        self.l4_block1 = StridedEesp(128)
        self.l4_block2 = nn.Sequential(*(Eesp(256) for _ in range(7)))
        self.convl4_l3 = conv_bn_act(256, 128, 1)
        self.ppm = PyramidPooling(256, 256, act='prelu')
        self.decoder = scores(256, num_classes, act='prelu')
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        quarter = _halved(_halved(image))
        eighth = _halved(quarter)
        x = self.l2_block(self.l1_block(image), quarter)
        fine = self.l3_block2(self.l3_block1(x, eighth))  # (N, 128, H/8, W/8)
        x = self.l4_block2(self.l4_block1(fine, _halved(eighth)))  # (N, 256, H/16, W/16)
        x = self.convl4_l3(resize_bilinear(x, size_hw(fine), align_corners=True))
        return self.decoder(self.ppm(torch.cat([x, fine], dim=1)))
