# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""UNet of RTSeg (Siam et al., ICIP 2018): stage-wise upsampling with added encoder maps.

Section 2.1, Figure 2 (b). As in the published code the maps are added, not stacked; with
MobileNet, ShuffleNet and VGG-16 there is no activation in the decoder; and the last encoder map
of each resolution is used. With ResNet-18 the decoder is LinkNet's, its blocks with biases, and
the stem is not added.

Deviations:
- MobileNet ends at conv5_6, the deepest layer used. The published code also builds conv6_1 and
  its classifier, which nothing uses.
- ResNet-18 has torchvision's BN in its shortcuts, so that its weights fit; the published code
  has a bias there, into which that BN folds.
- ShuffleNet's maps need no extra row and column here (see shufflenet.py).
- BN keeps torch's momentum of 0.1 (TensorFlow's default is 0.01 in torch's terms).
- Sizes that are not multiples of 32 are padded.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from rtseg_ros.networks.blocks import initialise_bilinear
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.encoders.vgg16 import VGG16
from rtseg_ros.networks.linknet import Decoder, Head
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3


def _conv_bn(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels, EPSILON)]


def _double_bn(channels: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(channels, channels, 4, 2, 1), nn.BatchNorm2d(channels, EPSILON)]


class UNet(SegmentationNetwork):
    """The decoder for MobileNet and ShuffleNet.

    Args:
        encoder: Hands out one map per resolution from 1/2 to 1/32.
        num_classes: Outputs.
        head_channels: Channels before the last layer.
    """

    size_multiple = 32

    def __init__(self, encoder: Encoder, num_classes: int, *, head_channels: int) -> None:
        super().__init__(num_classes)
        *skip_channels, channels = encoder.channels
        self.up = nn.ModuleList()
        self.fuse = nn.ModuleList()
        for out_channels in reversed(skip_channels):
            self.up.append(
                nn.Sequential(*_conv_bn(channels, out_channels), *_double_bn(out_channels))
            )
            self.fuse.append(nn.Sequential(*_conv_bn(out_channels, out_channels)))
            channels = out_channels
        self.head = nn.Sequential(
            *_double_bn(channels),
            *_conv_bn(channels, head_channels),
            nn.Dropout(0.5),
            nn.Conv2d(head_channels, num_classes, 1),
        )
        initialise_weights(self)
        initialise_bilinear(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        *maps, x = self.encoder(image)
        for up, fuse, feature in zip(self.up, self.fuse, reversed(maps), strict=True):
            x = fuse(up(x) + feature)  # 1/16, 1/8, 1/4, 1/2
        return self.head(x)


class UNetVGG16(SegmentationNetwork):
    """The decoder for VGG-16: two 3x3 convolutions after each sum, no BN."""

    size_multiple = 32
    taps = ('conv1_1', 'pool1', 'pool2', 'pool3', 'pool4', 'pool5')

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        encoder = VGG16(self.taps)
        *skip_channels, channels = encoder.channels
        self.up = nn.ModuleList()
        self.fuse = nn.ModuleList()
        for out_channels in reversed(skip_channels):
            self.up.append(nn.ConvTranspose2d(channels, out_channels, 4, 2, 1))
            self.fuse.append(
                nn.Sequential(
                    nn.Conv2d(out_channels, out_channels, 3, padding=1),
                    nn.Conv2d(out_channels, out_channels, 3, padding=1),
                )
            )
            channels = out_channels
        self.score = nn.Conv2d(channels, num_classes, 1)
        initialise_weights(self)
        initialise_bilinear(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        *maps, x = self.encoder(image)
        for up, fuse, feature in zip(self.up, self.fuse, reversed(maps), strict=True):
            x = fuse(up(x) + feature)  # 1/16, 1/8, 1/4, 1/2, 1/1
        return self.score(x)


class UNetResNet18(SegmentationNetwork):
    """The decoder for ResNet-18, LinkNet's."""

    size_multiple = 32
    taps: Sequence[str] = ('layer1', 'layer2', 'layer3', 'layer4')

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = ResNet18(self.taps)
        *skip_channels, channels = self.encoder.channels
        self.decoders = nn.ModuleList()
        for out_channels in reversed(skip_channels):
            self.decoders.append(
                Decoder(channels, out_channels, stride=2, bias=True, epsilon=EPSILON)
            )
            channels = out_channels
        self.last = Decoder(channels, channels, stride=1, bias=True, epsilon=EPSILON)
        self.head = Head(num_classes, epsilon=EPSILON)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        *maps, x = self.encoder(image)
        for decoder, feature in zip(self.decoders, reversed(maps), strict=True):
            x = decoder(x) + feature  # 1/16, 1/8, 1/4
        return self.head(self.last(x))
