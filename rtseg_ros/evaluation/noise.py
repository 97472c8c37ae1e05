"""How much figures vary by chance: runs of consecutive frames, drawn again and again."""

from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
# Consecutive frames resemble each other, so whole runs of them are drawn together.
BLOCK = 10
# More values than this say nothing more about a percentile's noise.
_FEW = 20_000

Interval = tuple[float, float]


def draw(count: int, random: np.random.Generator) -> np.ndarray:
    """Draw the starts of the runs of each resample: (RESAMPLES, runs)."""
    length = min(BLOCK, count)
    return random.integers(0, count - length + 1, (RESAMPLES, -(-count // length)))


def resampled_iou(intersection: np.ndarray, union: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return mIoU and IoU per class of each resample: (RESAMPLES, 1 + K).

    Args:
        intersection: (N, K) pixels per frame and class in truth and prediction.
        union: (N, K) pixels in either.
        starts: From ``draw(N)``.
    """
    length = min(BLOCK, len(union))
    sums = []
    for counts in (intersection, union):
        until = np.vstack([np.zeros_like(counts[:1]), np.cumsum(counts, axis=0)])
        runs = until[length:] - until[:-length]  # (N - length + 1, K)
        sums.append(np.stack([runs[row].sum(axis=0) for row in starts]))
    hits, total = sums
    iou = np.divide(hits, total, out=np.full(hits.shape, np.nan), where=total > 0)
    known = np.isfinite(iou)
    mean = np.where(known, iou, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.column_stack([mean, iou])


def intervals(differences: np.ndarray) -> list[Interval | None]:
    """Return the 95 % interval of each column of (RESAMPLES, M); None where too few are known."""
    found: list[Interval | None] = []
    for column in differences.T:
        known = column[np.isfinite(column)]
        if known.size < RESAMPLES // 2:
            found.append(None)
            continue
        low, high = np.percentile(known, (2.5, 97.5))
        found.append((float(low), float(high)))
    return found


def latency_interval(
    first: np.ndarray, second: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> Interval:
    """Return the 95 % interval of ``statistic(second) - statistic(first)``.

    Args:
        first: (N,) times of consecutive frames.
        second: (M,) likewise, of another run.
        statistic: (R, n) values to (R,), e.g. a percentile of each row.
    """
    random = np.random.default_rng(0)
    resampled = []
    for values in (first, second):
        values = values[:: max(len(values) // _FEW, 1)]
        length = min(BLOCK, len(values))
        rows = []
        for starts in draw(len(values), random)[:: max(len(values) // 2000, 1)]:
            rows.append(values[(starts[:, None] + np.arange(length)).ravel()])
        resampled.append(statistic(np.stack(rows)))
    count = min(len(part) for part in resampled)
    low, high = np.percentile(resampled[1][:count] - resampled[0][:count], (2.5, 97.5))
    return float(low), float(high)
