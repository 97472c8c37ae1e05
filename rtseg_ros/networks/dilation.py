# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dilation Frontend of RTSeg (Siam et al., ICIP 2018): the encoder stops shrinking at 1/8.

Section 2.1. What would bring 1/16 and 1/32 keeps its resolution and is dilated by 2 and 4, in
the layer that had the stride; a 1x1 convolution and one 16x16 transposed convolution follow. As
in the published code, MobileNet's two dilated layers are full 3x3 convolutions and the layers
after conv4_1 have ReLU, not ReLU6.

Deviations:
- In the published code ResNet-18 dilates only the 1x1 shortcuts; here, as the paper says, the
  two 3x3 convolutions that had the stride. The shortcuts have torchvision's BN.
- The unused tail of MobileNet, which the published code also builds, is left out.
- BN keeps torch's momentum of 0.1 (TensorFlow's default is 0.01 in torch's terms).
- Sizes that are not multiples of 8 are padded.
"""

from torch import Tensor, nn

from rtseg_ros.networks.blocks import initialise_bilinear
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.encoders.mobilenet import MobileNet, conv_bn, separable_conv
from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.encoders.shufflenet import ShuffleNet
from rtseg_ros.networks.encoders.vgg16 import VGG16
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3


class DilationFrontend(SegmentationNetwork):
    """Class maps at 1/8, enlarged at once.

    Args:
        encoder: Hands out one map at 1/8.
        num_classes: Outputs.
        tail: Layers between the encoder's map and the class maps; none if None.
        tail_channels: Channels that the tail ends with.
        batch_norm: Normalise the class maps.
    """

    size_multiple = 8

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        *,
        tail: nn.Module | None = None,
        tail_channels: int = 0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(num_classes)
        self.tail = tail or nn.Identity()
        self.score = nn.Sequential(
            nn.Conv2d(tail_channels or encoder.channels[-1], num_classes, 1),
            nn.BatchNorm2d(num_classes, EPSILON) if batch_norm else nn.Identity(),
        )
        self.enlarge = nn.ConvTranspose2d(num_classes, num_classes, 16, 8, 4)
        initialise_weights(self)
        initialise_bilinear(self)
        initialise_weights(encoder)
        self.encoder = encoder

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        (x,) = self.encoder(image)  # (N, C, H/8, W/8)
        return self.enlarge(self.score(self.tail(x)))


def dilation_vgg16(num_classes: int) -> DilationFrontend:
    """VGG-16 with block 5 dilated by 2 and a narrower, dilated fc6 and fc7."""
    tail = nn.Sequential(
        nn.Conv2d(512, 1024, 7, padding=12, dilation=4),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(1024, 1024, 1),
        nn.ReLU(),
        nn.Dropout(0.5),
    )
    encoder = VGG16(('conv5_3',), dilation=2)
    return DilationFrontend(encoder, num_classes, tail=tail, tail_channels=1024)


def dilation_resnet18(num_classes: int) -> DilationFrontend:
    """ResNet-18 with layer3 and layer4 dilated."""
    return DilationFrontend(ResNet18(('layer4',), dilations=(2, 4)), num_classes)


def dilation_mobilenet(num_classes: int) -> DilationFrontend:
    """The MobileNet to conv4_1, and a tail of its own."""
    tail = nn.Sequential(
        conv_bn(256, 512, 3, dilation=2, activation=nn.ReLU),
        *(separable_conv(512, 512, activation=nn.ReLU) for _ in range(5)),
        conv_bn(512, 1024, 3, dilation=4, activation=nn.ReLU),
        separable_conv(1024, 1024, activation=nn.ReLU),
    )
    encoder = MobileNet(('conv4_1',))
    return DilationFrontend(encoder, num_classes, tail=tail, tail_channels=1024, batch_norm=True)


def dilation_shufflenet(num_classes: int) -> DilationFrontend:
    """The ShuffleNet with the first units of stage3 and stage4 dilated."""
    return DilationFrontend(ShuffleNet(('stage4',), dilations=(2, 4)), num_classes)
