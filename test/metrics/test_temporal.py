# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Temporal stability on hand-worked masks."""

import numpy as np
import pytest

from rtseg_ros.metrics.temporal import TemporalStability


def image(rows):
    return np.array(rows, np.uint8)


def test_change_that_the_scene_explains_is_no_flicker():
    temporal = TemporalStability(2)
    first_truth, second_truth = image([[0, 0, 1, 255]]), image([[0, 1, 1, 1]])
    assert temporal.add(image([[0, 0, 1, 1]]), first_truth, continues=False) is None
    # Steady are pixels 0 and 2; pixel 2 flickers. Over all pixels, 0 and 3 agree.
    agreement = temporal.add(image([[0, 1, 0, 1]]), second_truth, continues=True)
    assert agreement == 0.5
    assert temporal.stability() == 0.5
    assert temporal.agreement() == 0.5
    assert temporal.counts['pairs'] == 1


def test_a_gap_breaks_the_pair():
    temporal = TemporalStability(2)
    temporal.add(image([[0, 0]]), None, continues=False)
    assert temporal.add(image([[1, 1]]), None, continues=False) is None
    assert temporal.add(image([[1, 0]]), None, continues=True) == 0.5
    assert np.isnan(temporal.stability())


def test_masks_of_different_size_are_no_pair():
    temporal = TemporalStability(2)
    temporal.add(image([[0, 0]]), None, continues=False)
    assert temporal.add(image([[0], [0]]), None, continues=True) is None
    assert np.isnan(temporal.agreement())


def test_pixels_are_counted_over_all_pairs():
    temporal = TemporalStability(3)
    truth = image([[0, 1, 2, 2]])
    for prediction in ([[0, 1, 2, 2]], [[0, 1, 2, 1]], [[1, 1, 2, 2]]):
        temporal.add(image(prediction), truth, continues=True)
    # 3 of 4, then 2 of 4.
    assert temporal.stability() == pytest.approx(5 / 8)
