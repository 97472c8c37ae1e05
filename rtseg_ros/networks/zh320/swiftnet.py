# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SwiftNet on ResNet-18 as zh320's collection builds it, models/swiftnet.py.

Departs from the paper: lateral maps are taken after the ReLU; BN and ReLU follow the convolutions,
the last one too, so that no score is negative; the pooling has grids of 1, 2, 4 and 6 whatever the
shape of the image; all resizing is with aligned corners.
"""

from torch import Tensor, nn

from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights
from rtseg_ros.networks.zh320.blocks import PyramidPooling, conv_bn_act

CHANNELS = 128


class SwiftNet(SegmentationNetwork):
    """SwiftNet-RN18 of the collection."""

    stride = 4
    align_corners = True
    size_multiple = 32

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.backbone = ResNet18()
        self.connection1 = conv_bn_act(64, CHANNELS, 1)
        self.connection2 = conv_bn_act(128, CHANNELS, 1)
        self.connection3 = conv_bn_act(256, CHANNELS, 1)
        self.spp = PyramidPooling(512, CHANNELS)
        self.decoder = nn.ModuleDict(
            {
                'up_stage3': conv_bn_act(CHANNELS, CHANNELS),
                'up_stage2': conv_bn_act(CHANNELS, CHANNELS),
                'up_stage1': conv_bn_act(CHANNELS, num_classes),
            }
        )
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/4: (N, 3, H, W) -> (N, K, H/4, W/4)."""
        quarter, eighth, sixteenth, deepest = self.backbone(image)
        x = self.spp(deepest)  # (N, 128, H/32, W/32)
        for number, lateral in (
            (3, self.connection3(sixteenth)),
            (2, self.connection2(eighth)),
            (1, self.connection1(quarter)),
        ):
            x = resize_bilinear(x, size_hw(lateral), align_corners=True)
            x = self.decoder[f'up_stage{number}'](x + lateral)
        return x
