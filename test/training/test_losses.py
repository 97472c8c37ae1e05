"""Losses against numbers worked by hand."""

import math

import numpy as np
import pytest
import torch

from rtseg_ros.training.losses import enet_class_weights, pixel_loss

IGNORE = 9


def two_pixels() -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of the true class: 0.9 (class 0), 0.5 (class 1), and one ignored pixel."""
    probabilities = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]])  # (pixel, class)
    logits = probabilities.log().t().reshape(1, 2, 1, 3)
    return logits, torch.tensor([[[0, 1, IGNORE]]])


def test_plain_mean_leaves_out_ignored_pixels():
    logits, labels = two_pixels()
    loss = pixel_loss(logits, labels, kind='cross_entropy', weights=None, ignore_id=IGNORE)
    assert float(loss) == pytest.approx(-(math.log(0.9) + math.log(0.5)) / 2)


def test_weighted_mean_divides_by_the_weights():
    logits, labels = two_pixels()
    weights = torch.tensor([1.0, 3.0])
    loss = pixel_loss(logits, labels, kind='cross_entropy', weights=weights, ignore_id=IGNORE)
    assert float(loss) == pytest.approx(-(math.log(0.9) + 3 * math.log(0.5)) / 4)


def test_ohem_keeps_only_the_hard_pixel():
    logits, labels = two_pixels()
    loss = pixel_loss(logits, labels, kind='ohem', weights=None, ignore_id=IGNORE)
    assert float(loss) == pytest.approx(-math.log(0.5))


def test_only_ignored_pixels_give_zero():
    logits, _ = two_pixels()
    labels = torch.full((1, 1, 3), IGNORE)
    for kind in ('cross_entropy', 'ohem'):
        for weights in (None, torch.ones(2)):
            loss = pixel_loss(logits, labels, kind=kind, weights=weights, ignore_id=IGNORE)
            assert float(loss) == 0.0


def test_enet_weights():
    shares = np.array([0.9, 0.1])
    raw = np.array([1 / math.log(1.92), 1 / math.log(1.12)])
    weights = enet_class_weights(shares)
    assert weights == pytest.approx(raw / (0.9 * raw[0] + 0.1 * raw[1]))
    assert (weights * shares).sum() == pytest.approx(1)
    mild = enet_class_weights(shares, power=0.5)
    assert mild[1] / mild[0] == pytest.approx(math.sqrt(weights[1] / weights[0]))
