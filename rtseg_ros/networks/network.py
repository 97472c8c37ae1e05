# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What all networks share: logits at their own stride, then at input size."""

from abc import abstractmethod
import copy

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.blocks import pad_bottom_right, resize_bilinear, size_hw


class SegmentationNetwork(nn.Module):
    """A network that labels every pixel.

    Attributes:
        stride: Input pixels per pixel of ``coarse_logits``; 1 if the decoder ends at full size.
        align_corners: Convention of the bilinear step from ``coarse_logits`` to input size.
        size_multiple: Input sides must be a multiple of this; other sizes are zero-padded at
            the bottom and right inside the network, and the logits cropped.
        minimum_side: Smallest input side, in pixels, that the network can take.
    """

    stride: int = 1
    align_corners: bool = False
    size_multiple: int = 1
    minimum_side: int = 32

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if not 1 <= num_classes <= 255:
            raise NetworkError(f'num_classes is {num_classes}; a label image holds 1 to 255')
        self.num_classes = num_classes

    @abstractmethod
    def decode(self, image: Tensor) -> Tensor:
        """Compute logits at the decoder's stride; sides are multiples of size_multiple."""

    def coarse_logits(self, image: Tensor) -> Tensor:
        """Compute logits before the last bilinear interpolation.

        Args:
            image: (N, 3, H, W) normalised float.

        Returns:
            (N, K, ceil(H/stride), ceil(W/stride)) float.

        Raises:
            NetworkError: If the input size is one the network cannot take.
        """
        if image.ndim != 4 or image.shape[1] != 3:
            raise NetworkError(f'image must be (N, 3, H, W), got {tuple(image.shape)}')
        height, width = size_hw(image)
        if min(height, width) < self.minimum_side:
            nearest = (max(height, self.minimum_side), max(width, self.minimum_side))
            raise NetworkError(
                f'{type(self).__name__} cannot take {height}x{width} (height x width); '
                f'the nearest size it can take is {nearest[0]}x{nearest[1]}'
            )
        pad_h, pad_w = -height % self.size_multiple, -width % self.size_multiple
        if not pad_h and not pad_w:
            return self.decode(image)
        logits = self.decode(pad_bottom_right(image, pad_h, pad_w))
        return logits[:, :, : -(-height // self.stride), : -(-width // self.stride)]

    def forward(self, image: Tensor) -> Tensor:
        """Compute logits at input size: (N, 3, H, W) float -> (N, K, H, W) float."""
        logits = self.coarse_logits(image)
        if self.stride == 1:
            return logits
        return resize_bilinear(logits, size_hw(image), align_corners=self.align_corners)


def initialise_weights(module: nn.Module) -> None:
    """Kaiming-initialise convolutions (fan out, ReLU) and set norms to identity."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, mode='fan_out', nonlinearity='relu')
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def parameter_count(network: nn.Module) -> int:
    """Number of learned values (buffers are not counted)."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def multiply_accumulates(network: nn.Module, size_hw: tuple[int, int]) -> int:
    """Multiply-accumulates of one image, convolutions counted; transposed ones on their input.

    Args:
        network: Any network; it is copied to torch's meta device, its weights are not touched.
        size_hw: Input height and width in pixels.
    """
    ghost = copy.deepcopy(network).to('meta').eval()
    with FlopCounterMode(display=False) as counter:
        ghost(torch.empty(1, 3, *size_hw, device='meta'))
    return counter.get_total_flops() // 2
