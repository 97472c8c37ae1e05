# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SkipNet of RTSeg (Siam et al., ICIP 2018): FCN-8s on light encoders.

Section 2.1, Figure 2 (a): class maps at 1/32, 1/16 and 1/8 are upsampled by transposed
convolutions and summed. As in the published code there is no activation in the decoder, and BN
only with the MobileNet and ShuffleNet encoders, whose first map of each resolution is used.

Deviations:
- ResNet-18 has torchvision's BN in its shortcuts, so that its weights fit; the published code
  has a bias there, into which that BN folds.
- BN keeps torch's momentum of 0.1 (TensorFlow's default is 0.01 in torch's terms).
- Sizes that are not multiples of 32 are padded.
"""

from torch import Tensor, nn

from rtseg_ros.networks.blocks import initialise_bilinear
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3


class SkipNet(SegmentationNetwork):
    """FCN-8s decoder on an encoder with maps at 1/8, 1/16 and 1/32.

    Args:
        encoder: Hands out the three maps, finest first.
        num_classes: Outputs.
        batch_norm: Normalise all class maps but the last.
    """

    size_multiple = 32

    def __init__(self, encoder: Encoder, num_classes: int, *, batch_norm: bool) -> None:
        super().__init__(num_classes)

        def norm() -> nn.Module:
            return nn.BatchNorm2d(num_classes, EPSILON) if batch_norm else nn.Identity()

        *skip_channels, deepest = encoder.channels
        self.score = nn.Conv2d(deepest, num_classes, 1)
        self.skips = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, num_classes, 1), norm())
            for channels in reversed(skip_channels)
        )
        self.doubles = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(num_classes, num_classes, 4, 2, 1), norm())
            for _ in skip_channels
        )
        self.enlarge = nn.ConvTranspose2d(num_classes, num_classes, 16, 8, 4)
        initialise_weights(self)
        initialise_bilinear(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        *maps, deepest = self.encoder(image)
        x = self.score(deepest)  # (N, K, H/32, W/32)
        for double, skip, feature in zip(self.doubles, self.skips, reversed(maps), strict=True):
            x = double(x) + skip(feature)  # 1/16, 1/8
        return self.enlarge(x)
