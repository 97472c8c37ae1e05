# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How much figures vary by chance: runs of consecutive frames, drawn again and again."""

from collections.abc import Iterator
import math

import numpy as np

RESAMPLES = 1000
# Consecutive frames resemble each other, so whole runs of them are drawn together (circular
# block bootstrap); of few frames shorter runs, so that there are at least so many.
RUN_LENGTH = 10
FEWEST_RUNS = 5
# More values than this say nothing more about a percentile's noise.
_FEW = 10_000

Interval = tuple[float, float]


def draws(count: int, *, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the frames of each resample: (n,) indices below count, n about count.

    Equal arguments give equal frames, so two reports can be resampled alike.
    """
    random = np.random.default_rng(seed)
    length = run_length(count)
    for _ in range(resamples):
        starts = random.integers(0, count, max(round(count / length), 1))
        yield (starts[:, None] + np.arange(length)).ravel() % count


def run_length(count: int) -> int:
    """Return the length of the runs that so many frames are drawn in."""
    return min(RUN_LENGTH, max(count // FEWEST_RUNS, 1))


def resampled_iou(intersection: np.ndarray, union: np.ndarray, *, seed: int) -> np.ndarray:
    """Return mIoU and IoU per class of each resample: (RESAMPLES, 1 + K).

    Args:
        intersection: (N, K) pixels per frame and class in truth and prediction.
        union: (N, K) pixels in either.
        seed: Of the draws.
    """
    count = len(union)
    hits, total = (np.empty((RESAMPLES, union.shape[1])) for _ in range(2))
    # Products of float64 are exact up to 2^53 pixels, and far faster than those of integers.
    intersection, union = intersection.astype(np.float64), union.astype(np.float64)
    for row, indices in enumerate(draws(count, resamples=RESAMPLES, seed=seed)):
        # How often each frame was drawn, times its counts, is the sum over the resample.
        times = np.bincount(indices, minlength=count).astype(np.float64)
        hits[row], total[row] = times @ intersection, times @ union
    iou = np.divide(hits, total, out=np.full(hits.shape, np.nan), where=total > 0)
    known = np.isfinite(iou)
    mean = np.where(known, iou, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.column_stack([mean, iou])


def intervals(differences: np.ndarray, *, count: int) -> list[Interval | None]:
    """Return the 95 % interval of each column of (RESAMPLES, M); None where too little is known.

    Args:
        differences: What changed, in each resample.
        count: Frames behind each resample.
    """
    found: list[Interval | None] = []
    for column in differences.T:
        known = column[np.isfinite(column)]
        enough = known.size >= RESAMPLES // 2 and count >= FEWEST_RUNS
        found.append(_interval(known, count) if enough else None)
    return found


def latency_interval(first: np.ndarray, second: np.ndarray, *, percent: float) -> Interval | None:
    """Return the 95 % interval of the change of a percentile from first to second.

    Args:
        first: (N,) times of consecutive frames.
        second: (M,) likewise, of another run.
        percent: Which percentile, 0 to 100.
    """
    fewest = min(len(first), len(second))
    if fewest < FEWEST_RUNS:
        return None
    resampled = []
    for seed, values in enumerate((first, second)):
        thinned = values[:: max(len(values) // _FEW, 1)]
        rows = draws(len(thinned), resamples=RESAMPLES, seed=seed)
        resampled.append(np.array([np.percentile(thinned[row], percent) for row in rows]))
    return _interval(resampled[1] - resampled[0], fewest)


def _interval(values: np.ndarray, count: int) -> Interval:
    """Return the central 95 %, widened as Student's t asks for few runs."""
    low, middle, high = np.percentile(values, (2.5, 50, 97.5))
    degrees = max(round(count / run_length(count)) - 1, 1)
    # Student's 97.5 % quantile over the normal one, and the variance of a sample's mean.
    factor = (1 + 1.21 / degrees + 1.43 / degrees**2) * math.sqrt(1 + 1 / degrees)
    return float(middle + factor * (low - middle)), float(middle + factor * (high - middle))
