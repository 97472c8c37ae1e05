# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ESNet (Wang et al., PRCV 2019): symmetric encoder and decoder of factorised residual units.

Sections 3.1 to 3.3, Table 1, Figure 2 (d) and (e).

Deviations:
- The 1x1 output layer (2,580 values at 20 classes), which the published code builds for encoder
  pre-training and never runs afterwards, is left out.
- The three branches of a PFCU share one BN, as in the published code; Figure 2 (e) does not
  show it.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from rtseg_ros.networks.lednet import Downsampler
from rtseg_ros.networks.network import SegmentationNetwork, initialise_weights

EPSILON = 1e-3


class FactorisedConv(nn.Sequential):
    """Kx1 convolution, ReLU, 1xK convolution; same size."""

    def __init__(self, channels: int, kernel: int, *, dilation: int = 1) -> None:
        pad = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(channels, channels, (kernel, 1), padding=(pad, 0), dilation=(dilation, 1)),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, (1, kernel), padding=(0, pad), dilation=(1, dilation)),
        )


class FactorisedUnit(nn.Module):
    """FCU: two factorised KxK convolutions and a shortcut."""

    def __init__(self, channels: int, kernel: int, *, dropout: float) -> None:
        super().__init__()
        self.conv1 = FactorisedConv(channels, kernel)
        self.bn1 = nn.BatchNorm2d(channels, EPSILON)
        self.conv2 = FactorisedConv(channels, kernel)
        self.bn2 = nn.BatchNorm2d(channels, EPSILON)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.dropout(self.bn2(self.conv2(y))))


class ParallelFactorisedUnit(nn.Module):
    """PFCU: one factorised 3x3, then three dilated ones in parallel, summed with the input."""

    dilations = (2, 5, 9)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = FactorisedConv(channels, 3)
        self.bn1 = nn.BatchNorm2d(channels, EPSILON)
        self.branches = nn.ModuleList(
            FactorisedConv(channels, 3, dilation=dilation) for dilation in self.dilations
        )
        self.shared_bn = nn.BatchNorm2d(channels, EPSILON)
        self.dropout = nn.Dropout2d(0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, H, W)."""
        y = F.relu(self.bn1(self.conv1(x)))
        total = x
        for branch in self.branches:
            total = total + self.dropout(self.shared_bn(branch(y)))
        return F.relu(total)


class Upsampler(nn.Sequential):
    """3x3 full convolution of stride 2, BN, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(in_channels, out_channels, 3, 2, 1, 1),
            nn.BatchNorm2d(out_channels, EPSILON),
            nn.ReLU(inplace=True),
        )


class ESNet(SegmentationNetwork):
    """ESNet as in Table 1."""

    size_multiple = 8

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.trunk = nn.Sequential(
            Downsampler(3, 16),
            *(FactorisedUnit(16, 3, dropout=0.03) for _ in range(3)),
            Downsampler(16, 64),
            *(FactorisedUnit(64, 5, dropout=0.03) for _ in range(2)),
            Downsampler(64, 128),
            *(ParallelFactorisedUnit(128) for _ in range(3)),
        )
        self.decoder = nn.Sequential(
            Upsampler(128, 64),
            *(FactorisedUnit(64, 5, dropout=0.0) for _ in range(2)),
            Upsampler(64, 16),
            *(FactorisedUnit(16, 3, dropout=0.0) for _ in range(2)),
            nn.ConvTranspose2d(16, num_classes, 2, 2),
        )
        initialise_weights(self)

    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at full size: (N, 3, H, W) -> (N, K, H, W)."""
        return self.decoder(self.trunk(image))
