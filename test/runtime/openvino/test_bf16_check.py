# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which labels count when bfloat16 is held against float32: hand-worked scores of four pixels."""

import numpy as np
import pytest

from rtseg_ros.runtime.openvino.bf16_check import compared


def scores(*leads):
    """Two classes, (1, 2, 1, n): how far the first one is ahead."""
    lead = np.array(leads, np.float32)
    return np.stack([lead, np.zeros_like(lead)])[None, :, None]


# The softmax of two classes passes 0.8 where the lead passes ln 4 = 1.386.
FULL = scores(5, -5, 0.1, 1.3)


@pytest.mark.parametrize(
    ('half', 'kept'),
    [
        (scores(4, -4, 0.1, 1.3), (2, 2)),
        (scores(4, -4, -0.1, -1.3), (2, 2)),  # where float32 guesses, so may bfloat16
        (scores(-4, -4, 0.1, 1.3), (1, 2)),
    ],
)
def test_only_what_is_certain_counts(half, kept):
    assert compared(FULL, half, 1.0) == kept


def test_probabilities_are_those_of_the_calibrated_model():
    """Halved by the temperature 0.5 the threshold is a lead of 0.69."""
    assert compared(FULL, scores(5, -5, 0.1, -1), 0.5) == (2, 3)


def test_all_count_where_nothing_is_certain():
    assert compared(scores(0.1, -0.1, 0.2), scores(0.1, 0.1, 0.2), 1.0) == (2, 3)


def test_labels_without_scores_all_count():
    ours, theirs = np.array([[1, 2, 3]], np.uint8), np.array([[1, 2, 4]], np.uint8)
    assert compared(ours, theirs, 1.0) == (2, 3)
