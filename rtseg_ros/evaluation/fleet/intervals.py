# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How much a fleet's figures vary by chance: whole bags, drawn again and again."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rtseg_ros.metrics.bootstrap import RESAMPLES

FEWEST_BAGS = 5
Interval = tuple[float, float]
# Figures that have an interval.
NAMES = ('miou', 'pixel_accuracy', 'confidence', 'mask_agreement', 'against')


def intervals_over_bags(states: Sequence[Mapping[str, Any]]) -> dict[str, Interval | None]:
    """Return the 95 % interval of each figure; None where too few bags have it."""
    weights = _weights(len(states))
    values = {name: _resampled(name, states, weights) for name in NAMES}
    return {name: _interval(resampled, len(states)) for name, resampled in values.items()}


def paired_intervals(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> dict[str, Interval | None]:
    """Return the intervals of second - first over the same bags in the same order.

    Args:
        first: States of the bags by one model.
        second: By another one.
    """
    weights = _weights(len(first))
    return {
        name: _interval(
            _resampled(name, second, weights) - _resampled(name, first, weights), len(first)
        )
        for name in NAMES
    }


def _weights(bags: int) -> np.ndarray:
    """Return how often each bag is in each draw, (RESAMPLES, bags); all evaluations draw alike."""
    if not bags:
        return np.zeros((RESAMPLES, 0))
    drawn = np.random.default_rng(0).integers(0, bags, (RESAMPLES, bags))
    weights = np.zeros((RESAMPLES, bags))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], drawn), 1)
    return weights


def _resampled(name: str, states: Sequence[Mapping[str, Any]], weights: np.ndarray) -> np.ndarray:
    """Return a figure in each draw, (RESAMPLES,); NaN where none of its bags has it."""
    if name not in ('miou', 'pixel_accuracy'):
        key = 'agreement' if name == 'mask_agreement' else name
        counts = np.array([state[key] for state in states], np.float64).reshape(-1, 2)
        part, whole = (weights @ counts).T
        return _divided(part, whole * (255 if name == 'confidence' else 1))
    scored = [index for index, state in enumerate(states) if state['accuracy'] is not None]
    if not scored:
        return np.full(RESAMPLES, np.nan)
    matrices = np.array([states[index]['accuracy']['matrix'] for index in scored], np.float64)
    hits = matrices.diagonal(axis1=1, axis2=2)
    drawn = weights[:, scored]
    if name == 'pixel_accuracy':
        return _divided(drawn @ hits.sum(axis=1), drawn @ matrices.sum(axis=(1, 2)))
    union = matrices.sum(axis=2) + matrices[:, :, :-1].sum(axis=1) - hits
    iou = _divided(drawn @ hits, drawn @ union)
    known = np.isfinite(iou)
    return _divided(np.where(known, iou, 0).sum(axis=1), known.sum(axis=1).astype(np.float64))


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _interval(values: np.ndarray, bags: int) -> Interval | None:
    known = values[np.isfinite(values)]
    if bags < FEWEST_BAGS or known.size < RESAMPLES // 2:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
