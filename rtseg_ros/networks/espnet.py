# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESPNet (Mehta et al., ECCV 2018), p = 2 and q = 3, 5 or 8: pyramids of dilated convolutions.

The baseline in the papers' tables. Sections 3.1 and 4.1, Figures 1 (b) and 4. Parameter names
are those of the weights that the authors published, so their files load directly.

Two revisions were published: the decoder joins the first layer's own 16 channels, or in the
earlier one (the CamVid weights) the 19 channels after the image is added and normalised.

No deviations.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3
DILATIONS = (2, 4, 8, 16)


class Conv(nn.Module):
    """Convolution without bias; same size at stride 1."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1,
        dilation: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        pad = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, pad, dilation=dilation, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W)."""
        return self.conv(x)


class BnPRelu(nn.Module):
    """BN and a PReLU with one slope per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, EPSILON)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and activate (N, C, H, W)."""
        return self.act(self.bn(x))


class ConvBnPRelu(BnPRelu):
    """Convolution, BN, PReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__(out_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) with 3x3."""
        return super().forward(self.conv(x))


class DilatedPyramid(nn.Module):
    """Reduce, five dilated 3x3 in parallel, hierarchical sums, stack (Figure 1 b)."""

    def __init__(
        self, in_channels: int, out_channels: int, *, reduce_kernel: int, stride: int
    ) -> None:
        super().__init__()
        narrow = out_channels // 5
        widest = out_channels - 4 * narrow
        self.c1 = Conv(in_channels, narrow, reduce_kernel, stride=stride)
        self.d1 = Conv(narrow, widest, 3)
        for dilation in DILATIONS:
            self.add_module(f'd{dilation}', Conv(narrow, narrow, 3, dilation=dilation))

    def pyramid(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/stride, W/stride)."""
        reduced = self.c1(x)
        parts = [self.d1(reduced)]
        total: Tensor | None = None
        for dilation in DILATIONS:
            part = self.get_submodule(f'd{dilation}')(reduced)
            total = part if total is None else total + part
            parts.append(total)
        return torch.cat(parts, dim=1)


class Esp(DilatedPyramid):
    """ESP module, with or without the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, *, shortcut: bool = True) -> None:
        super().__init__(in_channels, out_channels, reduce_kernel=1, stride=1)
        self.shortcut = shortcut
        self.bn = BnPRelu(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H, W)."""
        y = self.pyramid(x)
        return self.bn(x + y if self.shortcut else y)


class Downsampler(DilatedPyramid):
    """ESP module that halves the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, reduce_kernel=3, stride=2)
        self.bn = nn.BatchNorm2d(out_channels, EPSILON)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W) to (N, C', H/2, W/2)."""
        return self.act(self.bn(self.pyramid(x)))


class EspNetEncoder(nn.Module):
    """ESPNet-C: three levels, each fed the shrunken image."""

    def __init__(self, num_classes: int, *, p: int, q: int) -> None:
        super().__init__()
        self.level1 = ConvBnPRelu(3, 16, stride=2)
        self.b1 = BnPRelu(16 + 3)
        self.level2_0 = Downsampler(16 + 3, 64)
        self.level2 = nn.ModuleList(Esp(64, 64) for _ in range(p))
        self.b2 = BnPRelu(64 + 64 + 3)
        self.level3_0 = Downsampler(64 + 64 + 3, 128)
        self.level3 = nn.ModuleList(Esp(128, 128) for _ in range(q))
        self.b3 = BnPRelu(128 + 128)
        self.classifier = Conv(128 + 128, num_classes, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return level 1 before and after its image is added, level 2, and class maps at 1/8."""
        half = F.avg_pool2d(image, 3, 2, 1)
        quarter = F.avg_pool2d(half, 3, 2, 1)
        first = self.level1(image)  # (N, 16, H/2, W/2)
        joined = self.b1(torch.cat([first, half], dim=1))  # (N, 19, H/2, W/2)
        start = x = self.level2_0(joined)
        for esp in self.level2:
            x = esp(x)
        second = self.b2(torch.cat([x, start, quarter], dim=1))  # (N, 131, H/4, W/4)
        start = x = self.level3_0(second)
        for esp in self.level3:
            x = esp(x)
        third = self.b3(torch.cat([start, x], dim=1))  # (N, 256, H/8, W/8)
        return first, joined, second, self.classifier(third)


class ESPNet(SegmentationNetwork):
    """ESPNet with its light decoder.

    Args:
        num_classes: Outputs; the published weights have 20 (Cityscapes) and 12 (CamVid).
        q: ESP modules at 1/8 of the image; 3, 5 and 8 were published.
        early_revision: Build the earlier published revision, that of the CamVid weights.
    """

    size_multiple = 8

    def __init__(self, num_classes: int, *, q: int = 8, early_revision: bool = False) -> None:
        super().__init__(num_classes)
        if num_classes < 5:
            raise NetworkError(
                f'num_classes is {num_classes}; ESPNet splits its class maps in 5 parts and needs '
                'at least 5 classes'
            )
        self.early_revision = early_revision
        self.encoder = EspNetEncoder(num_classes, p=2, q=q)
        self.level3_C = Conv(64 + 64 + 3, num_classes, 1)
        self.br = nn.BatchNorm2d(num_classes, EPSILON)
        self.conv = ConvBnPRelu(num_classes + (19 if early_revision else 16), num_classes)
        self.up_l3 = nn.Sequential(_double(num_classes))
        self.combine_l2_l3 = nn.Sequential(
            BnPRelu(2 * num_classes), Esp(2 * num_classes, num_classes, shortcut=False)
        )
        self.up_l2 = nn.Sequential(_double(num_classes), BnPRelu(num_classes))
        self.classifier = _double(num_classes)
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        first, joined, second, deepest = self.encoder(image)
        x = self.up_l3(self.br(deepest))  # (N, K, H/4, W/4)
        x = self.combine_l2_l3(torch.cat([self.level3_C(second), x], dim=1))
        x = self.up_l2(x)  # (N, K, H/2, W/2)
        x = self.conv(torch.cat([x, joined if self.early_revision else first], dim=1))
        return self.classifier(x)


def _double(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 2, 2, bias=False)
