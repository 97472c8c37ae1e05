# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Latencies of any number of frames in constant memory: percentiles and a timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

# Bins grow by this factor, so a percentile is right to 0.05 %.
_RATIO = 1.001
_SMALLEST_MS = 1e-3
_BINS = 23_100  # up to 1e7 ms


class LatencyHistogram:
    """Counts of times in bins of equal relative width; min, max and mean are exact to 1 ns.

    All that it holds are integers, so histograms merge exactly, in any order.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.count = 0
        self._sum_ns = 0
        self._sum_of_squares_ns2 = 0
        self._min_ns: int | None = None
        self._max_ns: int | None = None

    def add(self, value_ms: float) -> None:
        """Count one time in milliseconds; negative times (clocks that disagree) count as 0."""
        value = max(value_ms, _SMALLEST_MS)
        index = min(int(math.log(value / _SMALLEST_MS) / math.log(_RATIO)), _BINS - 1)
        value_ns = round(value_ms * 1e6)
        self._counts[index] += 1
        self.count += 1
        self._sum_ns += value_ns
        self._sum_of_squares_ns2 += value_ns * value_ns
        self._min_ns = value_ns if self._min_ns is None else min(self._min_ns, value_ns)
        self._max_ns = value_ns if self._max_ns is None else max(self._max_ns, value_ns)

    def to_dict(self) -> dict[str, Any]:
        """Return all that it holds, as integers; bins without a time are left out."""
        filled = np.flatnonzero(self._counts)
        return {
            'bins': filled.tolist(),
            'counts': self._counts[filled].tolist(),
            'sum_ns': self._sum_ns,
            'sum_of_squares_ns2': self._sum_of_squares_ns2,
            'min_ns': self._min_ns,
            'max_ns': self._max_ns,
        }

    def merge_dict(self, other: Mapping[str, Any]) -> None:
        """Add what ``to_dict`` of another histogram returned."""
        if not other['bins']:
            return
        self._counts[other['bins']] += np.asarray(other['counts'], np.int64)
        self.count += sum(other['counts'])
        self._sum_ns += other['sum_ns']
        self._sum_of_squares_ns2 += other['sum_of_squares_ns2']
        smallest, largest = other['min_ns'], other['max_ns']
        self._min_ns = smallest if self._min_ns is None else min(self._min_ns, smallest)
        self._max_ns = largest if self._max_ns is None else max(self._max_ns, largest)

    @property
    def _min(self) -> float:
        return math.inf if self._min_ns is None else self._min_ns / 1e6

    @property
    def _max(self) -> float:
        return -math.inf if self._max_ns is None else self._max_ns / 1e6

    def percentile(self, percent: float) -> float:
        """Return the smallest time that at least ``percent`` of all do not exceed; 0..100.

        Raises:
            ValueError: If nothing was counted.
        """
        if not self.count:
            raise ValueError('no times were counted')
        rank = max(math.ceil(self.count * percent / 100), 1)
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        middle = _SMALLEST_MS * _RATIO ** (index + 0.5)
        return min(max(middle, self._min), self._max)

    def mean(self) -> float:
        """Return the mean time in milliseconds; NaN if nothing was counted."""
        return self._sum_ns / self.count / 1e6 if self.count else math.nan

    def deviation(self) -> float:
        """Return the standard deviation in milliseconds; NaN if nothing was counted."""
        if not self.count:
            return math.nan
        # Of integers, so nothing cancels out.
        spread_ns2 = self.count * self._sum_of_squares_ns2 - self._sum_ns**2
        return math.sqrt(spread_ns2) / self.count / 1e6

    def summary(self) -> dict[str, float]:
        """Return n, mean, p50, p95, p99 and max, in milliseconds."""
        return {
            'n': self.count,
            'mean': self.mean(),
            'p50': self.percentile(50),
            'p95': self.percentile(95),
            'p99': self.percentile(99),
            'max': self._max,
        }

    def bars(self, bins: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Return the histogram for a picture: (bins + 1,) edges in ms, (bins,) counts.

        The axis ends at 1.2 times p99; slower frames fall into the last bar.
        """
        low = self._min
        high = max(1.2 * self.percentile(99), low * 1.01, low + 1e-3)
        edges = np.linspace(low, high, bins + 1)
        middles = _SMALLEST_MS * _RATIO ** (np.arange(_BINS) + 0.5)
        filled = np.flatnonzero(self._counts)
        where = np.clip(np.searchsorted(edges, middles[filled], 'right') - 1, 0, bins - 1)
        return edges, np.bincount(where, weights=self._counts[filled], minlength=bins)


class StageLatencies:
    """One histogram per named stage."""

    def __init__(self) -> None:
        self.stages: dict[str, LatencyHistogram] = {}

    def add(self, timing_ms: dict[str, float]) -> None:
        """Count the stage times of one frame."""
        for stage, value_ms in timing_ms.items():
            self.stages.setdefault(stage, LatencyHistogram()).add(value_ms)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return {stage: what its histogram holds}, as integers."""
        return {stage: histogram.to_dict() for stage, histogram in self.stages.items()}

    def merge_dict(self, other: Mapping[str, Mapping[str, Any]]) -> None:
        """Add what ``to_dict`` of another one returned."""
        for stage, histogram in other.items():
            self.stages.setdefault(stage, LatencyHistogram()).merge_dict(histogram)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return {stage: {n, mean, p50, p95, p99, max}}, in milliseconds."""
        return {stage: histogram.summary() for stage, histogram in self.stages.items()}


@dataclass
class Moment:
    """Some consecutive frames of a timeline.

    Attributes:
        time_s: When the first was.
        frames: How many.
        lost: How many of them gave no mask.
        latency_ms: Slowest of the others; NaN if there are none.
    """

    time_s: float
    frames: int
    lost: int
    latency_ms: float


class Timeline:
    """Latency and losses over time: at most 2 * ``points`` moments, merged as time goes on."""

    def __init__(self, points: int = 500) -> None:
        self._points = points
        self._stride = 1
        self.moments: list[Moment] = []

    def add(self, time_s: float, latency_ms: float | None) -> None:
        """Add one frame, in order of time; None if it gave no mask."""
        lost = latency_ms is None
        value = math.nan if latency_ms is None else latency_ms
        last = self.moments[-1] if self.moments else None
        if last is not None and last.frames < self._stride:
            last.frames += 1
            last.lost += lost
            last.latency_ms = float(np.fmax(last.latency_ms, value))
            return
        if len(self.moments) == 2 * self._points:
            pairs = zip(self.moments[::2], self.moments[1::2], strict=True)
            self.moments = [
                Moment(
                    a.time_s,
                    a.frames + b.frames,
                    a.lost + b.lost,
                    float(np.fmax(a.latency_ms, b.latency_ms)),
                )
                for a, b in pairs
            ]
            self._stride *= 2
        self.moments.append(Moment(time_s, 1, int(lost), value))
