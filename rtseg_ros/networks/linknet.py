# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""LinkNet (Chaurasia and Culurciello, VCIP 2017): ResNet-18 whose maps bypass to the decoder.

Section III, Figures 1 to 3. Where the authors' Lua and PyTorch codes differ, the PyTorch one is
followed: no ReLU after the sums, no bias in encoder and decoder, BN epsilon 1e-5 everywhere.

Deviations:
- No LogSoftmax at the end: the output are logits.
- Sizes that are not multiples of 32 are padded (the published code stops with an error, also at
  the paper's own 640x360).
"""

from torch import Tensor, nn

from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights


def _bn_relu(channels: int, epsilon: float) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels, epsilon), nn.ReLU(inplace=True)


class Decoder(nn.Sequential):
    """Decoder block: 1x1 to a quarter of the channels, 3x3 full convolution, 1x1 (Figure 3)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        bias: bool = False,
        epsilon: float = 1e-5,
    ) -> None:
        middle = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, middle, 1, bias=bias),
            *_bn_relu(middle, epsilon),
            nn.ConvTranspose2d(middle, middle, 3, stride, 1, stride - 1, bias=bias),
            *_bn_relu(middle, epsilon),
            nn.Conv2d(middle, out_channels, 1, bias=bias),
            *_bn_relu(out_channels, epsilon),
        )


class Head(nn.Sequential):
    """From (N, 64, H/4, W/4) to logits at full size."""

    def __init__(self, num_classes: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(
            nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
            *_bn_relu(32, epsilon),
            nn.Conv2d(32, 32, 3, padding=1),
            *_bn_relu(32, epsilon),
            nn.ConvTranspose2d(32, num_classes, 2, 2),
        )


class LinkNet(SegmentationNetwork):
    """LinkNet, or without the bypass the ablation of the paper's Tables IV and V."""

    size_multiple = 32

    def __init__(self, num_classes: int, *, bypass: bool = True) -> None:
        super().__init__(num_classes)
        self.bypass = bypass
        self.encoder = ResNet18(('stem', 'layer1', 'layer2', 'layer3', 'layer4'))
        self.decoders = nn.ModuleList(
            Decoder(in_channels, out_channels, stride=stride)
            for in_channels, out_channels, stride in (
                (512, 256, 2), (256, 128, 2), (128, 64, 2), (64, 64, 1),
            )
        )  # fmt: skip
        self.head = Head(num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        *bypassed, x = self.encoder(image)
        for decoder, encoder_input in zip(self.decoders, reversed(bypassed), strict=True):
            x = decoder(x)  # 1/16, 1/8, 1/4, 1/4
            if self.bypass:
                x = x + encoder_input
        return self.head(x)
