# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Is a confidence of 80 % right 80 % of the time? Expected calibration error and temperature."""

import math

import numpy as np

_STEPS = 15
_TEMPERATURES = (0.05, 20.0)


class CalibrationError:
    """Expected calibration error of top-1 confidence (Guo et al. 2017): 15 bins of equal width.

    A pixel of confidence p falls into the bin (i/15, (i+1)/15] that holds p; 0 into the first.
    ECE is the mean of |accuracy - mean confidence| over the bins, weighted by their pixels.
    """

    def __init__(self) -> None:
        self.pixels = np.zeros(_STEPS, np.int64)
        self.confidence = np.zeros(_STEPS)
        self.right = np.zeros(_STEPS, np.int64)

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Count pixels.

        Args:
            confidence: (N,) float, 0..1.
            right: (N,) bool, whether the class was right.
        """
        index = np.clip(np.ceil(confidence * _STEPS).astype(np.int64) - 1, 0, _STEPS - 1)
        self.pixels += np.bincount(index, minlength=_STEPS)
        self.confidence += np.bincount(index, weights=confidence, minlength=_STEPS)
        self.right += np.bincount(index, weights=right, minlength=_STEPS).astype(np.int64)

    def error(self) -> float:
        """Return the ECE, 0..1; NaN without pixels."""
        total = self.pixels.sum()
        if not total:
            return math.nan
        return float(np.abs(self.right - self.confidence).sum() / total)

    def curve(self) -> list[dict[str, float]]:
        """Return the filled bins: pixels, mean confidence and accuracy of each."""
        return [
            {
                'pixels': int(self.pixels[i]),
                'confidence': float(self.confidence[i] / self.pixels[i]),
                'accuracy': float(self.right[i] / self.pixels[i]),
            }
            for i in np.flatnonzero(self.pixels)
        ]


def softmax(logits: np.ndarray, *, temperature: float) -> np.ndarray:
    """Return (N, K) float64 probabilities of (N, K) logits divided by the temperature."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray, *, temperature: float) -> float:
    """Return the mean of -log p(truth): (N, K) logits, (N,) class ids."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    of_truth = scaled[np.arange(len(truth)), truth]
    return float((np.log(np.exp(scaled).sum(axis=1)) - of_truth).mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Fit the temperature that makes the truth most likely (Guo et al. 2017, section 4.2).

    The likelihood has one maximum in 1/T, so a golden-section search over log T finds it.

    Args:
        logits: (N, K) float32.
        truth: (N,) class ids below K.

    Returns:
        T within 0.05..20, to 0.1 %.

    Raises:
        ValueError: If there are no samples.
    """
    if not len(truth):
        raise ValueError('no samples to fit a temperature to')
    low, high = (math.log(t) for t in _TEMPERATURES)
    golden = (math.sqrt(5) - 1) / 2

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits, truth, temperature=math.exp(log_temperature))

    left, right = high - golden * (high - low), low + golden * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-3:
        if loss_left < loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - golden * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + golden * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)
