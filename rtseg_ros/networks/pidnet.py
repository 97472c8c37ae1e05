# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""PIDNet-S (Xu et al., CVPR 2023): detail, context and boundary branches like a PID controller.

Sections 3.2 to 3.5, Figures 4 to 7, Table 1 of the supplement. Parameter names are those of the
weights that the authors published, so that their files load as they are; the heads that only
training uses (``seghead_p``, ``seghead_d``) are left out.

As in the published code, features are resized with half-pixel centres and the class maps, in its
own inference, with aligned corners.

Deviation: sides that are not multiples of 8 are padded; the published code takes them as they are
and rounds down, which fails where the branches meet.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.blocks import resize_bilinear, size_hw
from rtseg_ros.networks.ddrnet import (
    Bottleneck,
    ContextBranches,
    Head,
    Residual,
    bn_relu_conv,
    conv_bn,
    residual_blocks,
    stem,
)
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights


class Pappm(ContextBranches):
    """Parallel aggregation pyramid pooling: one grouped convolution for all scales."""

    def __init__(self, in_channels: int, branch_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, branch_channels, out_channels)
        joined = branch_channels * 4
        self.scale_process = bn_relu_conv(joined, joined, 3, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        first, *branches = self.branches(x)
        joined = torch.cat([branch + first for branch in branches], dim=1)
        parts = torch.cat([first, self.scale_process(joined)], dim=1)
        return self.compression(parts) + self.shortcut(x)


class AttentionFusion(nn.Module):
    """Pag: each pixel of the detail branch takes from the context as far as the two agree."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.f_x = conv_bn(channels, narrow, 1)
        self.f_y = conv_bn(channels, narrow, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Mix x (N, C, H, W) with context (N, C, h, w)."""
        size = size_hw(x)
        wanted = resize_bilinear(self.f_y(context), size, align_corners=False)
        share = torch.sigmoid((self.f_x(x) * wanted).sum(dim=1, keepdim=True))  # (N, 1, H, W)
        return (1 - share) * x + share * resize_bilinear(context, size, align_corners=False)


class BoundaryFusion(nn.Module):
    """Light Bag: boundaries say where detail counts and where context does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_p = conv_bn(channels, channels, 1)
        self.conv_i = conv_bn(channels, channels, 1)

    def forward(self, detail: Tensor, context: Tensor, boundary: Tensor) -> Tensor:
        """Merge three maps (N, C, H, W)."""
        edge = torch.sigmoid(boundary)
        return self.conv_p((1 - edge) * context + detail) + self.conv_i(context + edge * detail)


class PIDNet(SegmentationNetwork):
    """PIDNet-S; channels grow from 32 to 512 on the context branch."""

    stride = 8
    align_corners = True
    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        c = 32
        self.conv1 = stem(c)
        # context
        self.layer1 = residual_blocks(c, c, 2)
        self.layer2 = residual_blocks(c, 2 * c, 2, stride=2)
        self.layer3 = residual_blocks(2 * c, 4 * c, 3, stride=2)
        self.layer4 = residual_blocks(4 * c, 8 * c, 3, stride=2)
        self.layer5 = nn.Sequential(Bottleneck(8 * c, 8 * c, stride=2), Bottleneck(16 * c, 8 * c))
        self.spp = Pappm(16 * c, 96, 4 * c)
        # detail
        self.compression3 = conv_bn(4 * c, 2 * c, 1)
        self.compression4 = conv_bn(8 * c, 2 * c, 1)
        self.pag3 = AttentionFusion(2 * c, c)
        self.pag4 = AttentionFusion(2 * c, c)
        self.layer3_ = residual_blocks(2 * c, 2 * c, 2)
        self.layer4_ = residual_blocks(2 * c, 2 * c, 2)
        self.layer5_ = nn.Sequential(Bottleneck(2 * c, 2 * c))
        # boundary
        self.layer3_d = Residual(2 * c, c, relu=False)
        self.layer4_d = nn.Sequential(Bottleneck(c, c))
        self.diff3 = conv_bn(4 * c, c, 3)
        self.diff4 = conv_bn(8 * c, 2 * c, 3)
        self.layer5_d = nn.Sequential(Bottleneck(2 * c, 2 * c))
        self.dfm = BoundaryFusion(4 * c)
        self.final_layer = Head(4 * c, 128, num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at 1/8: (N, 3, H, W) -> (N, K, H/8, W/8)."""
        x = F.relu(self.layer2(F.relu(self.layer1(self.conv1(image)))))  # (N, 64, H/8, W/8)
        size = size_hw(x)
        detail, boundary = self.layer3_(x), self.layer3_d(x)

        x = F.relu(self.layer3(x))  # (N, 128, H/16, W/16)
        detail = self.pag3(detail, self.compression3(x))
        boundary = boundary + resize_bilinear(self.diff3(x), size, align_corners=False)

        x = F.relu(self.layer4(x))  # (N, 256, H/32, W/32)
        detail = self.pag4(self.layer4_(F.relu(detail)), self.compression4(x))
        boundary = self.layer4_d(F.relu(boundary))  # (N, 64, H/8, W/8)
        boundary = boundary + resize_bilinear(self.diff4(x), size, align_corners=False)

        detail = self.layer5_(F.relu(detail))  # (N, 128, H/8, W/8)
        boundary = self.layer5_d(F.relu(boundary))  # (N, 128, H/8, W/8)
        context = self.spp(self.layer5(x))  # (N, 128, H/64, W/64)
        context = resize_bilinear(context, size, align_corners=False)
        return self.final_layer(self.dfm(detail, context, boundary))
