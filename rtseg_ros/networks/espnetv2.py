# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESPNetv2 (Mehta et al., CVPR 2019) at four widths, with the authors' segmentation decoder.

Sections 3.1 to 3.3, Figures 1 to 3; not one of the five papers, here for its published weights,
whose parameter names are kept so that the file loads as it is.

Deviation: the decoder's narrow maps never have fewer channels than in the published weights (the
authors halve the number of classes, which leaves 5 for CamVid), so that a run with few classes can
start from these. Sizes that are not multiples of 16 are padded.
"""

from collections import OrderedDict
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import pool_to_grid, resize_bilinear, shuffle_channels, size_hw
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

BRANCHES = 4
# Channels at 1/2, 1/4, 1/8 and 1/16 by the authors' width multiplier (Table 1).
CHANNELS = {
    0.5: (16, 32, 64, 128),
    1.0: (32, 64, 128, 256),
    1.5: (32, 96, 192, 384),
    2.0: (32, 128, 256, 512),
}
DECODER_CHANNELS = (64, 48, 32)
NARROW = (10, 16)  # least and most
SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)


def _conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1,
    dilation: int = 1,
) -> nn.Conv2d:  # fmt: skip
    pad = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, stride, pad, dilation, groups, bias=False)


def _named(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def _conv_bn_act(conv: nn.Conv2d) -> nn.Sequential:
    channels = conv.out_channels
    return _named(conv=conv, bn=nn.BatchNorm2d(channels), act=nn.PReLU(channels))


def _cbr(conv: nn.Conv2d) -> nn.Sequential:
    channels = conv.out_channels
    return _named(cbr=nn.Sequential(conv, nn.BatchNorm2d(channels), nn.PReLU(channels)))


def _bn_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


class Eesp(nn.Module):
    """Depthwise dilated pyramid between grouped 1x1 convolutions (Figure 1 c).

    Args:
        in_channels: Channels of the input; also those of the output at stride 1.
        out_channels: Channels of the output.
        dilations: Of the four branches.
        stride: 2 to halve the resolution; the caller then activates the output.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, dilations: tuple[int, ...], stride: int = 1
    ) -> None:
        super().__init__()
        narrow = out_channels // BRANCHES
        self.stride = stride
        self.proj_1x1 = _conv_bn_act(_conv(in_channels, narrow, 1, groups=BRANCHES))
        self.spp_dw = nn.ModuleList(
            _named(conv=_conv(narrow, narrow, 3, stride=stride, groups=narrow, dilation=dilation))
            for dilation in dilations
        )
        self.conv_1x1_exp = _named(
            conv=_conv(out_channels, out_channels, 1, groups=BRANCHES),
            bn=nn.BatchNorm2d(out_channels),
        )
        self.br_after_cat = _named(bn=nn.BatchNorm2d(out_channels), act=nn.PReLU(out_channels))
        self.module_act = nn.PReLU(out_channels)  # in the published file at stride 2 too

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        reduced = self.proj_1x1(x)
        parts: list[Tensor] = []
        for branch in self.spp_dw:
            part = branch(reduced)
            parts.append(part + parts[-1] if parts else part)
        y = self.conv_1x1_exp(self.br_after_cat(torch.cat(parts, dim=1)))
        return y if self.stride == 2 else self.module_act(x + y)


class Downsampler(nn.Module):
    """Average pooling beside an EESP, reinforced by the shrunken image (Figure 2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.eesp = Eesp(in_channels, out_channels - in_channels, dilations=(1, 2, 3, 4), stride=2)
        self.inp_reinf = nn.Sequential(
            _conv_bn_act(_conv(3, 3, 3)),
            _named(conv=_conv(3, out_channels, 1), bn=nn.BatchNorm2d(out_channels)),
        )
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Halve (N, C, H, W); image is (N, 3, H/2, W/2)."""
        y = torch.cat([F.avg_pool2d(x, 3, 2, 1), self.eesp(x)], dim=1)
        return self.act(y + self.inp_reinf(image))


class Trunk(nn.Module):
    """The encoder up to 1/16, with the channels of its four levels."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, second, third, fourth = channels
        self.level1 = _conv_bn_act(_conv(3, first, 3, stride=2))
        self.level2_0 = Downsampler(first, second)
        self.level3_0 = Downsampler(second, third)
        self.level3 = nn.ModuleList(Eesp(third, third, dilations=(1, 2, 3, 4)) for _ in range(3))
        self.level4_0 = Downsampler(third, fourth)
        self.level4 = nn.ModuleList(Eesp(fourth, fourth, dilations=(1, 1, 2, 3)) for _ in range(7))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the maps at 1/2, 1/4, 1/8 and 1/16."""
        quarter = F.avg_pool2d(F.avg_pool2d(image, 3, 2, 1), 3, 2, 1)
        eighth = F.avg_pool2d(quarter, 3, 2, 1)
        first = self.level1(image)
        second = self.level2_0(first, quarter)
        third = self.level3_0(second, eighth)
        for eesp in self.level3:
            third = eesp(third)
        fourth = self.level4_0(third, F.avg_pool2d(eighth, 3, 2, 1))
        for eesp in self.level4:
            fourth = eesp(fourth)
        return first, second, third, fourth


class Shuffle(nn.Module):
    """Deal the channels of the five scales out again."""

    def forward(self, x: Tensor) -> Tensor:
        """Permute the channels of (N, C, H, W)."""
        return shuffle_channels(x, len(SCALES))


class EfficientPyramidPooling(nn.Module):
    """Depthwise 3x3 at five scales of a narrow map, merged."""

    def __init__(
        self, in_channels: int, narrow: int, out_channels: int, *, last: bool = False
    ) -> None:
        super().__init__()
        joined = narrow * len(SCALES)
        self.projection_layer = _cbr(_conv(in_channels, narrow, 1))
        self.stages = nn.ModuleList(_conv(narrow, narrow, 3, groups=narrow) for _ in SCALES)
        self.merge_layer = nn.Sequential(
            _named(br=_bn_act(joined)),
            Shuffle(),
            _cbr(_conv(joined, narrow, 3, groups=narrow)),
            nn.Conv2d(narrow, out_channels, 1, bias=last),
        )
        self.br = nn.Identity() if last else _named(br=_bn_act(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        x = self.projection_layer(x)
        height, width = size_hw(x)
        parts = []
        for scale, stage in zip(SCALES, self.stages, strict=True):
            grid = (max(5, math.ceil(height * scale)), max(5, math.ceil(width * scale)))
            if scale > 1:
                y = stage(resize_bilinear(x, grid, align_corners=True))
                y = pool_to_grid(y, (height, width))
            elif scale < 1:
                y = stage(pool_to_grid(x, grid))
                y = resize_bilinear(y, (height, width), align_corners=True)
            else:
                y = stage(x)
            parts.append(y)
        return self.br(self.merge_layer(torch.cat(parts, dim=1)))


class EfficientPointwise(nn.Module):
    """Grouped 3x3 projection of an encoder map, weighed by its mean."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.wt_layer = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), _conv(in_channels, out_channels, 1), nn.Sigmoid()
        )
        groups = math.gcd(in_channels, out_channels)
        self.expansion_layer = _cbr(_conv(in_channels, out_channels, 3, groups=groups))

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        return self.expansion_layer(x) * self.wt_layer(x)


class ESPNetv2(SegmentationNetwork):
    """ESPNetv2 for road scenes.

    Args:
        num_classes: Outputs; the published weights have 20.
        scale: Width multiplier, a key of ``CHANNELS``; the decoder has the same width for all.
    """

    stride = 2
    align_corners = True
    size_multiple = 16

    def __init__(self, num_classes: int, *, scale: float = 2.0) -> None:
        super().__init__(num_classes)
        channels = CHANNELS[scale]
        narrow = min(max(num_classes // 2, NARROW[0]), NARROW[1])
        first, second, third = DECODER_CHANNELS
        self.base_net = Trunk(channels)
        self.bu_dec_l1 = EfficientPyramidPooling(channels[3], narrow, first)
        self.merge_enc_dec_l2 = EfficientPointwise(channels[2], first)
        self.bu_br_l2 = _bn_act(first)
        self.bu_dec_l2 = EfficientPyramidPooling(first, narrow, second)
        self.merge_enc_dec_l3 = EfficientPointwise(channels[1], second)
        self.bu_br_l3 = _bn_act(second)
        self.bu_dec_l3 = EfficientPyramidPooling(second, narrow, third)
        self.merge_enc_dec_l4 = EfficientPointwise(channels[0], third)
        self.bu_br_l4 = _bn_act(third)
        self.bu_dec_l4 = EfficientPyramidPooling(third, narrow, num_classes, last=True)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/2: (N, 3, H, W) -> (N, K, H/2, W/2)."""
        half, quarter, eighth, x = self.base_net(image)
        x = self.bu_dec_l1(x)
        for merge, norm, pool, feature in (
            (self.merge_enc_dec_l2, self.bu_br_l2, self.bu_dec_l2, eighth),
            (self.merge_enc_dec_l3, self.bu_br_l3, self.bu_dec_l3, quarter),
            (self.merge_enc_dec_l4, self.bu_br_l4, self.bu_dec_l4, half),
        ):
            x = resize_bilinear(x, size_hw(feature), align_corners=True)
            x = pool(norm(merge(feature) + x))
        return x
