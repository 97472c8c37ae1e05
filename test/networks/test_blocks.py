# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Small operations against hand-worked numbers and torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.networks import blocks


def test_channels_are_dealt_out_in_turn():
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert blocks.shuffle_channels(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert blocks.shuffle_channels(x, 3).flatten().tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.parametrize(('kernel', 'stride', 'padding'), [(4, 2, 1), (16, 8, 4)])
def test_bilinear_weights_interpolate(kernel, stride, padding):
    layer = nn.ConvTranspose2d(3, 3, kernel, stride, padding)
    blocks.initialise_bilinear(layer)
    nn.init.zeros_(layer.bias)
    x = torch.randn(1, 3, 6, 7)
    with torch.no_grad():
        found = layer(x)
    expected = F.interpolate(x, scale_factor=stride, mode='bilinear', align_corners=False)
    assert found.shape == expected.shape
    inner = (..., slice(stride, -stride), slice(stride, -stride))
    torch.testing.assert_close(found[inner], expected[inner])  # beyond the border it sees zeros


@pytest.mark.parametrize('grid', [(8, 16), (4, 5), (2, 3), (1, 1), (11, 13), (14, 20)])
def test_pooling_by_products(grid, monkeypatch):
    x = torch.randn(2, 3, 11, 13, dtype=torch.float64)
    expected = blocks.pool_to_grid(x, grid)
    monkeypatch.setattr(torch.onnx, 'is_in_onnx_export', lambda: True)
    exported = blocks.pool_to_grid(x, grid)
    torch.testing.assert_close(exported, expected, rtol=1e-6, atol=1e-6)


def test_padding_is_at_the_bottom_and_right():
    padded = blocks.pad_bottom_right(torch.ones(1, 1, 1, 2), 1, 2)
    assert padded.tolist() == [[[[1, 1, 0, 0], [0, 0, 0, 0]]]]


def test_align_corners_by_hand():
    x = torch.tensor([[[[0.0, 3.0]]]])
    aligned = blocks.resize_bilinear(x, (1, 4), align_corners=True)
    assert aligned.flatten().tolist() == pytest.approx([0, 1, 2, 3])
    centred = blocks.resize_bilinear(x, (1, 4), align_corners=False)
    assert centred.flatten().tolist() == pytest.approx([0, 0.75, 2.25, 3])
