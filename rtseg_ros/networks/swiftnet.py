"""SwiftNet (Orsic et al., CVPR 2019): ImageNet encoder, pyramid pooling, lateral upsampling."""

import torch
from torch import Tensor, nn

from rtseg_ros.networks.blocks import pool_to_grid, resize_bilinear, size_hw
from rtseg_ros.networks.encoders import Encoder
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
    """Context from grids of 8, 4 and 2 rows (paper, section 4.1; grid 1 is never used)."""

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
    """Single-scale SwiftNet on any four-level encoder (paper, section 4 and Figure 2)."""

    stride = 4

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        *lateral_channels, deepest = encoder.channels
        self.spp = SpatialPyramidPooling(deepest)
        self.upsample = nn.ModuleList(Upsample(c) for c in reversed(lateral_channels))
        self.logits = BnReluConv(CHANNELS, num_classes, 1, bias=True)
        initialise_weights(self)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        *laterals, deepest = self.encoder(image)
        x = self.spp(deepest)  # (N, 128, H/32, W/32)
        for module, lateral in zip(self.upsample, reversed(laterals), strict=True):
            x = module(x, lateral)  # 1/16, 1/8, 1/4
        return self.logits(x)
