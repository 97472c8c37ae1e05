# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Effective receptive field of a network, as SwiftNet measures it (section 4.8, Table 5).

The paper does not say how it joins the gradients of the three colours; here it is the sum of
their absolute values. Pixels without any gradient are never counted, also where fewer than 5 %
have one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import math

import torch
from torch import Tensor, nn

from rtseg_ros.errors import NetworkError

TOP_SHARE = 0.05


@dataclass(frozen=True)
class ReceptiveField:
    """Standard deviations, in input pixels, of the pixels that sway the central label most.

    Attributes:
        horizontal_px: Along a row, mean over the images.
        vertical_px: Along a column, mean over the images.
        images: Number of images.
    """

    horizontal_px: float
    vertical_px: float
    images: int


# Table 5: Cityscapes val, 2048x1024, trained networks.
PUBLISHED = {
    'swiftnet_rn18': ReceptiveField(154.07, 153.55, 500),
    'swiftnet_rn18_pyr': ReceptiveField(185.22, 140.24, 500),
}


def effective_receptive_field(network: nn.Module, images: Iterable[Tensor]) -> ReceptiveField:
    """Measure which input pixels the label of the central pixel depends on.

    For each image: the gradient of the central pixel's largest logit by every input pixel; of
    the 5 % of pixels where it is strongest, the standard deviation of their coordinates.

    Args:
        network: From (1, 3, H, W) to (1, K, H, W); put in evaluation mode here.
        images: (1, 3, H, W) normalised float each.

    Raises:
        NetworkError: If there is no image, or the central label depends on no pixel.
    """
    network.eval()
    deviations = []
    for image in images:
        strength = _central_gradient(network, image)  # (H, W)
        count = math.ceil(TOP_SHARE * strength.numel())
        values, positions = strength.flatten().topk(count)
        positions = positions[values > 0]
        if not len(positions):
            raise NetworkError(
                'the label of the central pixel depends on no pixel of the image: its gradient '
                'is zero everywhere'
            )
        width = strength.shape[1]
        rows, columns = positions // width, positions % width
        deviations.append([float(side.double().std(correction=0)) for side in (columns, rows)])
    if not deviations:
        raise NetworkError('no image to measure the receptive field on; give at least one')
    horizontal, vertical = (sum(side) / len(deviations) for side in zip(*deviations, strict=True))
    return ReceptiveField(horizontal, vertical, len(deviations))


def _central_gradient(network: nn.Module, image: Tensor) -> Tensor:
    """Return (H, W): absolute gradient of the central pixel's largest logit, colours summed."""
    image = image.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(image)
        height, width = logits.shape[2:]
        largest = logits[0, :, height // 2, width // 2].max()
        (gradient,) = torch.autograd.grad(largest, image)
    return gradient[0].abs().sum(dim=0)
