# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SwiftNet's pyramid as its authors published it later (Orsic and Segvic, PR 2021).

Three image scales, maps of equal size summed instead of concatenated, no pyramid pooling. Built
for their published weights only: the paper of 2019 describes ``SwiftNetPyramid``.

Deviations:
- Normalisation of the image is the caller's (the published code has it inside the network).
"""

from torch import Tensor, nn

from rtseg_ros.networks.blocks import resize_bicubic, resize_bilinear, size_hw
from rtseg_ros.networks.encoders.encoder import LevelNorm, use_level
from rtseg_ros.networks.encoders.resnet18 import BasicBlock, ResNet18
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.swiftnet import CHANNELS, BnReluConv


class SwiftNetSum(SegmentationNetwork):
    """ResNet-18 on an image, its half and its quarter.

    The levels share convolutions; each has BN of its own but for the shortcuts' projections.
    """

    stride = 4
    levels = 3

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = ResNet18(before_relu=True)
        for part in list(self.encoder.modules()):
            if isinstance(part, ResNet18 | BasicBlock):
                part.bn1 = LevelNorm(part.bn1, self.levels)  # type: ignore[assignment]
            if isinstance(part, BasicBlock):
                part.bn2 = LevelNorm(part.bn2, self.levels)  # type: ignore[assignment]
        self.bottlenecks = nn.ModuleList(
            nn.Conv2d(channels, CHANNELS, 1, bias=False)
            for channels in reversed(self.encoder.channels)
        )
        self.blends = nn.ModuleList(
            BnReluConv(CHANNELS, CHANNELS, 3)
            for _ in range(len(self.encoder.channels) + self.levels - 2)
        )
        self.logits = BnReluConv(CHANNELS, num_classes, 1, bias=True)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        height, width = size_hw(image)
        sums: list[Tensor | None] = [None] * (len(self.blends) + 1)
        for level in range(self.levels):
            # Rounded up like the encoder's strides, so that equal reductions have equal sizes.
            size = (-(-height // 2**level), -(-width // 2**level))
            scaled = resize_bicubic(image, size) if level else image
            use_level(self.encoder, level)
            maps = self.encoder(scaled)
            for position, (feature, bottleneck) in enumerate(
                zip(maps, reversed(self.bottlenecks), strict=True), start=level
            ):
                projected = bottleneck(feature)
                total = sums[position]
                sums[position] = projected if total is None else total + projected
        *finer, x = (total for total in sums if total is not None)
        for blend, lateral in zip(self.blends, reversed(finer), strict=True):
            x = blend(resize_bilinear(x, size_hw(lateral), align_corners=False) + lateral)
        return self.logits(x)
