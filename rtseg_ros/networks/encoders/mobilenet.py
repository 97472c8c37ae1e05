# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""MobileNet (Howard et al., 2017, Table 1) at width 1, as RTSeg builds it.

RTSeg gives every convolution a bias besides its BN (epsilon 1e-3) and names the layers by the
resolution they end a stage of; ``conv5_6`` is the first layer at 1/32.

Deviations:
- Strided convolutions pad one pixel on all sides; TensorFlow's SAME pads bottom and right only.
- BN keeps torch's momentum of 0.1 (TensorFlow's default is 0.01 in torch's terms).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from rtseg_ros.networks.encoders.encoder import Encoder

EPSILON = 1e-3
# name: channels, stride
LAYERS = {
    'conv1_1': (32, 2), 'conv2_1': (64, 1), 'conv2_2': (128, 2), 'conv3_1': (128, 1),
    'conv3_2': (256, 2), 'conv4_1': (256, 1), 'conv4_2': (512, 2), 'conv5_1': (512, 1),
    'conv5_2': (512, 1), 'conv5_3': (512, 1), 'conv5_4': (512, 1), 'conv5_5': (512, 1),
    'conv5_6': (1024, 2), 'conv6_1': (1024, 1),
}  # fmt: skip


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    activation: type[nn.Module],
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """Convolution with bias, BN and activation; same size at stride 1."""
    pad = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, pad, dilation=dilation, groups=groups
        ),
        nn.BatchNorm2d(out_channels, EPSILON),
        activation(),
    )


def separable_conv(
    in_channels: int,
    out_channels: int,
    *,
    stride: int = 1,
    activation: type[nn.Module] = nn.ReLU6,
) -> nn.Sequential:
    """Depthwise 3x3, then pointwise 1x1."""
    return nn.Sequential(
        conv_bn(
            in_channels, in_channels, 3, stride=stride, groups=in_channels, activation=activation
        ),
        conv_bn(in_channels, out_channels, 1, activation=activation),
    )


class MobileNet(Encoder):
    """MobileNet up to the last of the tapped layers.

    Args:
        taps: Layers of ``LAYERS`` whose maps to return, in order.
    """

    fitting_weights = (
        "only this encoder's own state_dict: torchvision has no MobileNet v1 (mobilenet_v2 and "
        'v3 are other networks)'
    )

    def __init__(self, taps: Sequence[str]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.layers = nn.ModuleDict()
        channels, reductions = [], []
        in_channels, reduction = 3, 1
        for name, (out_channels, stride) in LAYERS.items():
            if name == 'conv1_1':
                layer = conv_bn(3, out_channels, 3, stride=stride, activation=nn.ReLU6)
            else:
                layer = separable_conv(in_channels, out_channels, stride=stride)
            self.layers[name] = layer
            in_channels, reduction = out_channels, reduction * stride
            if name in self.taps:
                channels.append(out_channels)
                reductions.append(reduction)
            if name == self.taps[-1]:
                break
        self.channels, self.reductions = tuple(channels), tuple(reductions)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the tapped maps of (N, 3, H, W), finest first."""
        maps, x = [], image
        for name, layer in self.layers.items():
            x = layer(x)
            if name in self.taps:
                maps.append(x)
        return maps
