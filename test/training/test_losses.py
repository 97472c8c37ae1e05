# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Losses against numbers worked by hand."""

import math

import numpy as np
import pytest
import torch

from rtseg_ros.training.losses import enet_class_weights, lovasz_softmax, pixel_loss

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
    for kind in ('cross_entropy', 'ohem', 'lovasz'):
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


def test_lovasz_of_hard_labels_is_one_minus_iou():
    # Class 0: 2 right, 1 missed, 0 false: IoU 2/3. Class 1: 1 right, 0 missed, 1 false: IoU 1/2.
    truth = torch.tensor([[[0, 0, 0, 1]]])
    answer = torch.tensor([0, 0, 1, 1])
    logits = 200.0 * torch.nn.functional.one_hot(answer, 2).float().t().reshape(1, 2, 1, 4)
    loss = lovasz_softmax(logits, truth, torch.ones_like(truth, dtype=torch.bool))
    assert float(loss) == pytest.approx(1 - (2 / 3 + 1 / 2) / 2)


def test_lovasz_counts_valid_pixels_only_and_draws_a_sample():
    truth = torch.tensor([[[0, 1, 1]]])
    logits = torch.tensor([[50.0, 50.0, 0.0], [0.0, 0.0, 50.0]]).reshape(1, 2, 1, 3)
    valid = torch.tensor([[[True, False, True]]])
    assert float(lovasz_softmax(logits, truth, valid)) == pytest.approx(0, abs=1e-6)
    assert float(lovasz_softmax(logits, truth, ~valid)) == pytest.approx(1)
    sampled = lovasz_softmax(logits, truth, torch.ones_like(valid), sample=2)
    assert 0 <= float(sampled) <= 1


def test_lovasz_is_added_to_the_cross_entropy():
    logits, labels = two_pixels()
    plain = pixel_loss(logits, labels, kind='cross_entropy', weights=None, ignore_id=IGNORE)
    loss = pixel_loss(logits, labels, kind='lovasz', weights=None, ignore_id=IGNORE)
    extra = lovasz_softmax(logits, labels, labels != IGNORE)
    assert float(extra) > 0.1
    assert float(loss) == pytest.approx(float(plain) + float(extra))
