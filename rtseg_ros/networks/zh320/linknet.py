# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""LinkNet as zh320's collection builds it, models/linknet.py.

Departs from the paper: the stem does not bypass to the last decoder, whose middle is a plain 3x3;
transposed convolutions have a bias; the head ends with a transposed 3x3 convolution, BN and ReLU,
so that no score is negative.
"""

from torch import Tensor, nn

from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import Enlarge, conv_bn_act


class Decoder(nn.Module):
    """1x1 to a quarter of the channels, 3x3 that may enlarge, 1x1."""

    def __init__(self, in_channels: int, out_channels: int, *, enlarge: bool = True) -> None:
        super().__init__()
        narrow = in_channels // 4
        self.conv1 = conv_bn_act(in_channels, narrow, 1)
        self.full_conv = Enlarge(narrow, narrow) if enlarge else conv_bn_act(narrow, narrow)
        self.conv2 = conv_bn_act(narrow, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        return self.conv2(self.full_conv(self.conv1(x)))


class LinkNet(SegmentationNetwork):
    """LinkNet of the collection."""

    size_multiple = 32

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.backbone = ResNet18()
        self.dec_block4 = Decoder(512, 256)
        self.dec_block3 = Decoder(256, 128)
        self.dec_block2 = Decoder(128, 64)
        self.dec_block1 = Decoder(64, 64, enlarge=False)
        self.seg_head = nn.Sequential(
            Enlarge(64, 32), conv_bn_act(32, 32), Enlarge(32, num_classes)
        )
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        quarter, eighth, sixteenth, x = self.backbone(image)
        x = self.dec_block4(x) + sixteenth
        x = self.dec_block3(x) + eighth
        x = self.dec_block2(x) + quarter
        return self.seg_head(self.dec_block1(x))
