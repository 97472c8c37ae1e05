# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frame accounting: every received frame ends in exactly one counted bin."""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
import re
import threading
import time

import numpy as np

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.outcomes import BINS

WINDOW = 1000
RATE_SPAN_S = 5.0
_REASONS = 8
_REASON_LENGTH = 300


@dataclass(frozen=True)
class Snapshot:
    """An account at one moment.

    Attributes:
        counts: ``received``, every bin, and ``in_flight`` = received minus all bins.
        received_hz: Mean rate of the last seconds.
        published_hz: Mean rate of the last seconds.
        reasons: Why frames were not published, with their number; the latest kinds only.
        last_error: Why the latest bad frame was not published; empty if none was bad.
        last_error_s: How long ago that was, in seconds; infinite without one.
    """

    counts: dict[str, int]
    received_hz: float
    published_hz: float
    reasons: dict[str, int]
    last_error: str
    last_error_s: float


class FrameAccount:
    """Counts frames and keeps the latest stage times; safe to use from several threads."""

    def __init__(self, total: 'FrameAccount | None' = None) -> None:
        """Start at nothing.

        Args:
            total: Also gets everything that this account gets.
        """
        self._total = total
        # Shared with the total, so that it is never seen to differ from its parts.
        self._lock: threading.RLock = threading.RLock() if total is None else total._lock
        self._counts: Counter[str] = Counter()
        self._reasons: OrderedDict[str, int] = OrderedDict()
        self._last_error, self._last_error_s = '', float('-inf')
        self._times: dict[str, deque[float]] = {}
        self._arrivals = {name: deque[float](maxlen=WINDOW) for name in ('received', 'published')}

    def receive(self) -> None:
        """Count a frame that arrived."""
        with self._lock:
            self._counts['received'] += 1
            self._arrivals['received'].append(time.monotonic())
            if self._total is not None:
                self._total.receive()

    def finish(self, bin_name: str, *, reason: str = '') -> None:
        """Count where a received frame ended; a rejected or failed one needs a reason."""
        if bin_name not in BINS:
            raise ValueError(f'{bin_name!r} is not one of {BINS}')
        with self._lock:
            self._counts[bin_name] += 1
            if bin_name == 'published':
                self._arrivals[bin_name].append(time.monotonic())
            if reason:
                # Numbers differ from frame to frame; without them the kinds stay few.
                kind = f'{bin_name}: {re.sub("[0-9]+", "#", reason)[:80]}'
                self._reasons[kind] = self._reasons.pop(kind, 0) + 1
                if len(self._reasons) > _REASONS:
                    self._reasons.popitem(last=False)
            if bin_name in ('rejected', 'failed'):
                self._last_error, self._last_error_s = reason, time.monotonic()
            if self._total is not None:
                self._total.finish(bin_name, reason=reason)

    def record(self, timing_ms: dict[str, float]) -> None:
        """Keep the stage times of one published frame, in milliseconds."""
        with self._lock:
            for stage, value in timing_ms.items():
                self._times.setdefault(stage, deque(maxlen=WINDOW)).append(value)
        if self._total is not None:
            self._total.record(timing_ms)

    def snapshot(self) -> Snapshot:
        """Return everything but the times, as of one moment."""
        with self._lock:
            bins = {name: self._counts[name] for name in BINS}
            received = self._counts['received']
            now = time.monotonic()
            return Snapshot(
                counts={
                    'received': received, **bins, 'in_flight': received - sum(bins.values())
                },
                received_hz=_rate_hz(self._arrivals['received'], now),
                published_hz=_rate_hz(self._arrivals['published'], now),
                reasons=dict(self._reasons),
                last_error=self._last_error,
                last_error_s=now - self._last_error_s,
            )  # fmt: skip

    def snapshots(self, parts: Sequence['FrameAccount']) -> list[Snapshot]:
        """Return this account and those that it is the total of, all as of one moment."""
        with self._lock:
            return [account.snapshot() for account in (self, *parts)]

    def latency_ms(self) -> dict[str, dict[str, float]]:
        """Return {stage: {p50, p95, p99, max}} over the last 1000 published frames."""
        with self._lock:
            times = {stage: np.array(values) for stage, values in self._times.items()}
        result = {}
        for stage, values in times.items():
            p50, p95, p99 = np.percentile(values, (50, 95, 99))
            result[stage] = {
                'p50': float(p50), 'p95': float(p95), 'p99': float(p99), 'max': values.max().item()
            }  # fmt: skip
        return result


class LogLimit:
    """Lets one line of each kind through per period, and few kinds."""

    def __init__(self, *, period_s: float = 5.0, kinds: int = 10) -> None:
        self._period_s = period_s
        self._kinds = kinds
        self._logged_s: dict[str, float] = {}

    def passes(self, text: str) -> bool:
        """Return whether to log this text now; numbers in it do not make another kind."""
        now = time.monotonic()
        fresh = {k: s for k, s in self._logged_s.items() if now - s < self._period_s}
        self._logged_s = fresh
        kind = re.sub('[0-9]+', '#', text)[:80]
        if kind in fresh or len(fresh) >= self._kinds:
            return False
        fresh[kind] = now
        return True


def one_line(reason: object) -> str:
    """Return an error's text as one line of bounded length."""
    return ' '.join(str(reason).split())[:_REASON_LENGTH]


def reason_of(error: Exception) -> str:
    """Return in one line why something failed; errors of others come with their kind."""
    text = str(error) if isinstance(error, RtsegError) else f'{type(error).__name__}: {error}'
    return one_line(text)


def _rate_hz(times: deque[float], now: float) -> float:
    recent = [moment for moment in times if now - moment < RATE_SPAN_S]
    # A full window can be shorter than the span.
    span = now - times[0] if recent and len(times) == times.maxlen else RATE_SPAN_S
    return len(recent) / min(max(span, 1e-3), RATE_SPAN_S)
