"""Frame accounting: every received frame ends in exactly one counted bin."""

from collections import Counter, deque
import threading

import numpy as np

BINS = ('published', 'superseded', 'stale', 'rejected', 'failed')
WINDOW = 1000


class FrameAccount:
    """Counts frames and keeps the latest stage times; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = 0
        self._bins: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._last_error = ''
        self._times: dict[str, deque[float]] = {}

    def receive(self) -> None:
        """Count a frame that arrived."""
        with self._lock:
            self._received += 1

    def finish(self, bin_name: str, *, reason: str = '') -> None:
        """Count where a received frame ended; ``reason`` also becomes the last error."""
        if bin_name not in BINS:
            raise ValueError(f'{bin_name!r} is not one of {BINS}')
        with self._lock:
            self._bins[bin_name] += 1
            if reason:
                self._reasons[f'{bin_name}: {reason}'] += 1
                self._last_error = reason

    def record(self, timing_ms: dict[str, float]) -> None:
        """Keep the stage times of one published frame, in milliseconds."""
        with self._lock:
            for stage, value in timing_ms.items():
                self._times.setdefault(stage, deque(maxlen=WINDOW)).append(value)

    def counts(self) -> dict[str, int]:
        """Return ``received``, every bin, and ``in_flight`` = received minus all bins."""
        with self._lock:
            bins = {name: self._bins[name] for name in BINS}
            return {
                'received': self._received,
                **bins,
                'in_flight': self._received - sum(bins.values()),
            }

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

    def last_error(self) -> str:
        """Return why the latest bad frame was not published; empty if none was bad."""
        with self._lock:
            return self._last_error
