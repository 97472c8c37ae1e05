# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Effective receptive field on networks small enough to work it out by hand."""

import pytest
import torch
from torch import nn

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.measures.receptive_field import effective_receptive_field


def convolution(kernel_hw: tuple[int, int], weights: torch.Tensor | None = None) -> nn.Conv2d:
    height, width = kernel_hw
    layer = nn.Conv2d(3, 1, kernel_hw, padding=(height // 2, width // 2), bias=False)
    nn.init.ones_(layer.weight)
    if weights is not None:
        layer.weight.data[:] = weights
    return layer


# 5 % of 10 x 18 = 180 pixels are 9 pixels.
IMAGE = torch.randn(1, 3, 10, 18)


def test_square():
    """3x3: offsets -1, 0 and 1, three times each, on both axes: sqrt(2 / 3)."""
    field = effective_receptive_field(convolution((3, 3)), [IMAGE])
    assert field.horizontal_px == pytest.approx((2 / 3) ** 0.5)
    assert field.vertical_px == pytest.approx((2 / 3) ** 0.5)
    assert field.images == 1


def test_wide():
    """1x9: offsets -4 to 4 along the row: sqrt(60 / 9); none along the column."""
    field = effective_receptive_field(convolution((1, 9)), [IMAGE, IMAGE])
    assert field.horizontal_px == pytest.approx((60 / 9) ** 0.5)
    assert field.vertical_px == 0
    assert field.images == 2


def test_only_the_strongest_count():
    """5x5 whose middle 3x3 is the strongest: the outer ring is left out."""
    weights = torch.full((5, 5), 0.1)
    weights[1:4, 1:4] = -2.0
    field = effective_receptive_field(convolution((5, 5), weights), [IMAGE])
    assert field.horizontal_px == pytest.approx((2 / 3) ** 0.5)
    assert field.vertical_px == pytest.approx((2 / 3) ** 0.5)


def test_pixels_without_gradient_do_not_count():
    """1x3 sways 3 of the 9 pixels asked for: offsets -1, 0, 1."""
    field = effective_receptive_field(convolution((1, 3)), [IMAGE])
    assert field.horizontal_px == pytest.approx((2 / 3) ** 0.5)
    assert field.vertical_px == 0


def test_the_largest_logit_of_the_centre_counts():
    """Two classes; the one that wins looks along the column."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.row, self.column = convolution((1, 9)), convolution((9, 1))

        def forward(self, image):
            return torch.cat([self.row(image), self.column(image) + 1000], dim=1)

    field = effective_receptive_field(Two(), [IMAGE])
    assert field.horizontal_px == 0
    assert field.vertical_px == pytest.approx((60 / 9) ** 0.5)


def test_mean_over_images():
    """A 3x3 and, on an image of twice the area, its 18 pixels of which 9 have a gradient."""
    larger = torch.randn(1, 3, 20, 18)
    field = effective_receptive_field(convolution((3, 3)), [IMAGE, larger])
    assert field.horizontal_px == pytest.approx((2 / 3) ** 0.5)


def test_nothing_to_measure():
    with pytest.raises(NetworkError, match='at least one'):
        effective_receptive_field(convolution((3, 3)), [])
    with pytest.raises(NetworkError, match='zero everywhere'):
        effective_receptive_field(convolution((3, 3), torch.zeros(3, 3)), [IMAGE])
