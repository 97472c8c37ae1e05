# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ShuffleNet (Zhang et al., CVPR 2018, Table 1) with 3 groups, as RTSeg builds it.

RTSeg gives every convolution a bias besides its BN; grouped 1x1 convolutions have the BN epsilon
1e-5, the others 1e-3.

Deviations:
- The first convolution and the max pooling pad one pixel on all sides; the published code does
  without in the former and pads bottom and right in the latter, for one row and column less,
  which it adds again in its decoder.
- The strided average pooling pads on all sides too, the padding not counted as in TensorFlow.
- BN keeps torch's momentum of 0.1 (TensorFlow's default is 0.01 in torch's terms).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import shuffle_channels
from rtseg_ros.networks.encoders.encoder import Encoder

GROUPS = 3
STEM_CHANNELS = 24
# name: channels, units
STAGES = {'stage2': (240, 4), 'stage3': (480, 8), 'stage4': (960, 4)}


def _conv_bn(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1,
    dilation: int = 1, epsilon: float = 1e-3,
) -> nn.Sequential:  # fmt: skip
    pad = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, pad, dilation=dilation, groups=groups
        ),
        nn.BatchNorm2d(out_channels, epsilon),
    )


class Unit(nn.Module):
    """ShuffleNet unit: added to its input, or beside it if the channels grow (Figure 2 b, c)."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, dilation: int = 1
    ) -> None:
        super().__init__()
        self.grows = in_channels != out_channels
        self.stride = stride
        new_channels = out_channels - in_channels if self.grows else out_channels
        narrow = new_channels // 4
        # The first unit sees too few channels for groups and does not shuffle.
        self.is_first = in_channels == STEM_CHANNELS
        self.reduce = _conv_bn(
            in_channels,
            narrow,
            1,
            groups=1 if self.is_first else GROUPS,
            epsilon=1e-3 if self.is_first else 1e-5,
        )
        self.depthwise = _conv_bn(
            narrow, narrow, 3, stride=stride, groups=narrow, dilation=dilation
        )
        self.expand = _conv_bn(narrow, new_channels, 1, groups=GROUPS, epsilon=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        y = F.relu(self.reduce(x))
        if not self.is_first:
            y = shuffle_channels(y, GROUPS)
        y = self.expand(self.depthwise(y))
        if self.stride == 2:
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return F.relu(torch.cat([x, y], dim=1) if self.grows else x + y)


class ShuffleNet(Encoder):
    """ShuffleNet without pooling and classifier.

    Args:
        taps: Which maps to return, from ``conv1`` (1/2), ``max_pool`` (1/4), ``stage2`` (1/8)
            to ``stage4`` (1/32).
        dilations: Dilation of the depthwise convolution in the first unit of stage3 and stage4;
            above 1 it replaces the unit's stride.
    """

    fitting_weights = (
        "only this encoder's own state_dict: torchvision has no ShuffleNet v1 "
        '(shufflenet_v2 is another network)'
    )

    def __init__(self, taps: Sequence[str], *, dilations: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.conv1 = _conv_bn(3, STEM_CHANNELS, 3, stride=2)
        facts = {'conv1': (STEM_CHANNELS, 2), 'max_pool': (STEM_CHANNELS, 4)}
        in_channels, reduction = STEM_CHANNELS, 4
        for (name, (channels, units)), dilation in zip(
            STAGES.items(), (1, *dilations), strict=True
        ):
            stride = 2 if dilation == 1 else 1
            first = Unit(in_channels, channels, stride=stride, dilation=dilation)
            others = (Unit(channels, channels, stride=1) for _ in range(units - 1))
            self.add_module(name, nn.Sequential(first, *others))
            in_channels, reduction = channels, reduction * stride
            facts[name] = (channels, reduction)
        self.channels = tuple(facts[tap][0] for tap in self.taps)
        self.reductions = tuple(facts[tap][1] for tap in self.taps)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the tapped maps of (N, 3, H, W), finest first."""
        maps = {'conv1': F.relu(self.conv1(image))}
        x = maps['max_pool'] = F.max_pool2d(maps['conv1'], 3, 2, 1)
        for name in STAGES:
            x = maps[name] = self.get_submodule(name)(x)
        return [maps[tap] for tap in self.taps]
