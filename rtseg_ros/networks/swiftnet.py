# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SwiftNet (Orsic et al., CVPR 2019): ImageNet encoder, pyramid pooling, lateral upsampling.

Sections 3.1 to 3.3, Figures 2 to 4. Lateral maps leave ResNet-18 before the last ReLU of a stage;
MobileNetV2's blocks end without one.

Deviations:
- Normalisation of the image is the caller's (the published code has it inside the network).
- The paper's counts of the pyramid model, 12.9M parameters and 114 GMAC at 2048x1024, cannot be
  had from its description: two levels with shared parameters, concatenated maps and 128 channels
  come to 12.0M and 123 GMAC. Its 41.0 GMAC for MobileNetV2 come to 38.2 here, and its 104.0 for
  ResNet-18, whose parts in Table 4 add up to 107.0, to 103.6.
- The pyramid's levels share convolutions but not BN, as in the authors' later code; the paper
  says only that the levels share their parameters. Also from that code: the smaller image is
  made by bicubic interpolation. Its third level and its sums in place of concatenation, the
  extension of 2020, are left out.
- The ensemble averages logits; the paper does not say what it averages.
"""

import torch
from torch import Tensor, nn

from rtseg_ros.networks.blocks import pool_to_grid, resize_bicubic, resize_bilinear, size_hw
from rtseg_ros.networks.encoders.encoder import Encoder, split_norms, use_level
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

CHANNELS = 128


class BnReluConv(nn.Sequential):
    """Pre-activation unit: BN, ReLU, convolution."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, bias: bool = False):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)


class SpatialPyramidPooling(nn.Module):
    """Context from grids of 8, 4 and 2 rows (section 3.1; a grid of 1 is not used)."""

    grid_rows = (8, 4, 2)

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        level_channels = CHANNELS // len(self.grid_rows)
        self.project = BnReluConv(in_channels, CHANNELS, 1)
        self.levels = nn.ModuleList(
            BnReluConv(CHANNELS, level_channels, 1) for _ in self.grid_rows
        )
        self.fuse = BnReluConv(CHANNELS + level_channels * len(self.grid_rows), CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pool and fuse: (N, C, H, W) -> (N, 128, H, W)."""
        x = self.project(x)
        height, width = size_hw(x)
        maps = [x]
        for rows, level in zip(self.grid_rows, self.levels, strict=True):
            pooled = pool_to_grid(x, (rows, max(1, round(rows * width / height))))
            maps.append(resize_bilinear(level(pooled), (height, width), align_corners=False))
        return self.fuse(torch.cat(maps, dim=1))  # (N, 128 + 3 * 42, H, W) -> (N, 128, H, W)


class Upsample(nn.Module):
    """Upsampling module: bilinear, add the projected lateral map, blend with a 3x3."""

    def __init__(self, lateral_channels: int) -> None:
        super().__init__()
        self.bottleneck = BnReluConv(lateral_channels, CHANNELS, 1)
        self.blend_conv = BnReluConv(CHANNELS, CHANNELS, 3)

    def forward(self, x: Tensor, lateral: Tensor) -> Tensor:
        """Bring x (N, 128, h, w) to the size of lateral (N, C, H, W)."""
        x = resize_bilinear(x, size_hw(lateral), align_corners=False)
        return self.blend_conv(x + self.bottleneck(lateral))


class SwiftNet(SegmentationNetwork):
    """Single-scale SwiftNet on an encoder with maps from 1/4 to 1/32 (section 3.2, Figure 3)."""

    stride = 4

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        *lateral_channels, deepest = encoder.channels
        self.spp = SpatialPyramidPooling(deepest)
        self.upsample = nn.ModuleList(Upsample(c) for c in reversed(lateral_channels))
        self.logits = BnReluConv(CHANNELS, num_classes, 1, bias=True)
        initialise_weights(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        *laterals, deepest = self.encoder(image)
        x = self.spp(deepest)  # (N, 128, H/32, W/32)
        for module, lateral in zip(self.upsample, reversed(laterals), strict=True):
            x = module(x, lateral)  # 1/16, 1/8, 1/4
        return self.logits(x)


class SwiftNetPyramid(SegmentationNetwork):
    """SwiftNet on an image and its half, fused at equal resolution (section 3.3, Figure 4).

    Args:
        encoder: Hands out maps from 1/4 to 1/32; its BN is split in one per level.
        num_classes: Outputs.
    """

    stride = 4
    levels = 2

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        split_norms(encoder, self.levels)
        channels = [0] * (len(encoder.channels) + self.levels - 1)
        for level in range(self.levels):
            for position, count in enumerate(encoder.channels, start=level):
                channels[position] += count
        *lateral_channels, deepest = channels
        self.project = BnReluConv(deepest, CHANNELS, 1)
        self.upsample = nn.ModuleList(Upsample(c) for c in reversed(lateral_channels))
        self.logits = BnReluConv(CHANNELS, num_classes, 1, bias=True)
        initialise_weights(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        height, width = size_hw(image)
        maps: list[list[Tensor]] = [[] for _ in range(len(self.upsample) + 1)]
        for level in range(self.levels):
            if level:
                # Rounded up like the encoder's strides, so that equal reductions have equal sizes.
                size = (-(-height // 2**level), -(-width // 2**level))
                scaled = resize_bicubic(image, size)
            else:
                scaled = image
            use_level(self.encoder, level)
            for position, feature in enumerate(self.encoder(scaled), start=level):
                maps[position].append(feature)
        *laterals, deepest = (torch.cat(features, dim=1) for features in maps)
        x = self.project(deepest)  # (N, 128, H/64, W/64)
        for module, lateral in zip(self.upsample, reversed(laterals), strict=True):
            x = module(x, lateral)  # 1/32, 1/16, 1/8, 1/4
        return self.logits(x)


class SwiftNetEnsemble(SegmentationNetwork):
    """The mean of a single-scale and a pyramid SwiftNet (Table 1)."""

    stride = 4

    def __init__(self, single: SwiftNet, pyramid: SwiftNetPyramid) -> None:
        super().__init__(single.num_classes)
        self.single = single
        self.pyramid = pyramid

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        return (self.single.decode(image) + self.pyramid.decode(image)) / 2
