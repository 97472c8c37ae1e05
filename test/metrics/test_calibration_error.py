# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calibration error against torchmetrics, and temperatures that are known beforehand."""

import numpy as np
import pytest

from rtseg_ros.metrics.calibration_error import (
    CalibrationError,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)


def test_hand_worked_bins():
    error = CalibrationError()
    # Bins of 1/15: 0.5 and 0.52 share one (0.467, 0.533], 0.95 is in (0.933, 1].
    error.add(np.array([0.5, 0.52, 0.95, 0.97]), np.array([True, False, True, True]))
    expected = (abs(1 - 1.02) + abs(2 - 1.92)) / 4
    assert error.error() == pytest.approx(expected)
    assert [point['pixels'] for point in error.curve()] == [2, 2]
    assert error.curve()[0] == {
        'pixels': 2,
        'confidence': pytest.approx(0.51),
        'accuracy': pytest.approx(0.5),
    }
    assert np.isnan(CalibrationError().error())


def test_edges_belong_to_the_lower_bin():
    error = CalibrationError()
    error.add(np.array([0.0, 1 / 15, 1.0]), np.array([False, False, True]))
    assert error.pixels.tolist() == [2] + [0] * 13 + [1]


@pytest.mark.parametrize('seed', range(3))
def test_equals_torchmetrics(seed):
    torch = pytest.importorskip('torch')
    functional = pytest.importorskip(
        'torchmetrics.functional.classification', reason='torchmetrics is not installed'
    )
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (5000, 7))
    truth = random.integers(0, 7, 5000)
    probabilities = softmax(logits, temperature=1.3)
    error = CalibrationError()
    error.add(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    theirs = functional.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(truth), 7, n_bins=15, norm='l1'
    )
    # It sums in float32.
    assert error.error() == pytest.approx(float(theirs), abs=1e-6)


def test_likelihood_equals_torch():
    torch = pytest.importorskip('torch')
    random = np.random.default_rng(0)
    logits, truth = random.normal(0, 4, (300, 5)), random.integers(0, 5, 300)
    theirs = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits / 1.7), torch.from_numpy(truth)
    )
    ours = negative_log_likelihood(logits, truth, temperature=1.7)
    assert ours == pytest.approx(float(theirs), abs=1e-12)


@pytest.mark.parametrize('temperature', [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_made_the_truth(temperature):
    random = np.random.default_rng(3)
    logits = random.normal(0, 2 * temperature, (40_000, 4))
    probabilities = softmax(logits, temperature=temperature)
    truth = (random.random((40_000, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.03)


def test_no_samples_is_an_error():
    with pytest.raises(ValueError, match='no samples'):
        fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
