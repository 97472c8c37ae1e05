# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What became of an output that takes more than the image: an account of its own."""

from collections import Counter
import threading
import time

from rtseg_ros.errors import RtsegError

# A problem is worth a sentence for so long.
RECENT_S = 5.0
_REASON_LENGTH = 300


class OutputAccount:
    """Counts the results that an output was wanted of; each ends in exactly one bin.

    Frames are counted elsewhere: a mask without points is published all the same.
    """

    def __init__(self, name: str, bins: tuple[str, ...]) -> None:
        """Start at nothing.

        Args:
            name: Of the output.
            bins: Where results may end; the first one is the good one.
        """
        self.name, self.bins = name, bins
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._reason, self._reason_s = '', float('-inf')

    def finish(self, bin_name: str, *, reason: object = '') -> None:
        """Count where a result ended."""
        if bin_name not in self.bins:
            raise ValueError(f'{bin_name!r} is not one of {self.bins}')
        with self._lock:
            self._counts[bin_name] += 1
            if bin_name == self.bins[0]:
                self._reason_s = float('-inf')
            elif reason:
                self._reason = _one_line(reason)
                self._reason_s = time.monotonic()

    def counts(self) -> dict[str, int]:
        """Return the number of results in each bin."""
        with self._lock:
            return {name: self._counts[name] for name in self.bins}

    def values(self) -> dict[str, int | str]:
        """Return what diagnostics say of it; nothing while it was never wanted."""
        counts = self.counts()
        if not any(counts.values()):
            return {}
        shown = {f'{self.name}_{name}': count for name, count in counts.items()}
        return {**shown, f'{self.name}_reason': self._reason}

    def problem(self) -> str:
        """Return why the latest results did not get it; empty if the latest one did."""
        with self._lock:
            if time.monotonic() - self._reason_s > RECENT_S:
                return ''
            return f'no {self.name}: {self._reason}'


def _one_line(reason: object) -> str:
    if isinstance(reason, Exception) and not isinstance(reason, RtsegError):
        reason = f'{type(reason).__name__}: {reason}'
    return ' '.join(str(reason).split())[:_REASON_LENGTH]
