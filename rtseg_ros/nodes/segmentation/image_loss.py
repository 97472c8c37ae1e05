# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Images lost between camera and node: what the middleware counts, else gaps in the stamps."""

from collections import deque
from dataclasses import dataclass
import struct
import threading
import time
from typing import Any

import numpy as np

from rtseg_ros.frames.stamp import NS_PER_S

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import (  # type: ignore[import-not-found, no-redef]
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

SPAN_S = 10.0
# Fewer may be chance: one image at the start, a scheduler that was late.
FEWEST, SHARE = 3, 0.1


@dataclass(frozen=True)
class Loss:
    """What was lost in the last seconds.

    Attributes:
        lost: Images that did not arrive.
        sent: Those that should have.
    """

    lost: int
    sent: int


class LossWatch:
    """Counts over the last ten seconds; safe to use from several threads.

    Images that this node is too slow for are not lost on the way. The middleware tells one from
    the other; gaps in the stamps do not, so they are asked only where it does not count.

    Attributes:
        total: Images that the middleware has counted as lost since the start; None where it does
            not count.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._lock = threading.Lock()
        self._stamps: deque[tuple[float, int]] = deque()
        self._lost: deque[tuple[float, int]] = deque()
        self._counts = True
        self.total: int | None = 0

    def subscribe(self, create: Any) -> Any:
        """Return what ``create`` returns for event callbacks that count lost messages.

        Args:
            create: Makes the subscription; takes ``event_callbacks``, by name.
        """
        with self._lock:
            self._stamps.clear()
            self._lost.clear()
        try:
            self._counts = True
            return create(event_callbacks=SubscriptionEventCallbacks(message_lost=self._on_lost))
        except UnsupportedEventTypeError:
            self._counts = False
            self.total = None
            return create(event_callbacks=None)

    def note(self, data: bytes) -> None:
        """Take an image that arrived, as serialised bytes: they begin with its stamp."""
        order = '<' if data[1] & 1 else '>'
        sec, nanosec = struct.unpack_from(f'{order}iI', data, 4)
        with self._lock:
            self._stamps.append((time.monotonic(), sec * NS_PER_S + nanosec))
            _forget(self._stamps)

    def loss(self) -> Loss | None:
        """Return what was lost, or None where it is too little to speak of."""
        with self._lock:
            _forget(self._stamps)
            _forget(self._lost)
            arrived = len(self._stamps)
            if self._counts:
                lost = sum(change for _, change in self._lost)
            else:
                lost = missing_between([stamp_ns for _, stamp_ns in self._stamps])
        if lost < FEWEST or lost < SHARE * (lost + arrived):
            return None
        return Loss(lost, lost + arrived)

    def _on_lost(self, event: Any) -> None:
        with self._lock:
            self._lost.append((time.monotonic(), int(event.total_count_change)))
            self.total = (self.total or 0) + int(event.total_count_change)
            _forget(self._lost)


def missing_between(stamps_ns: list[int]) -> int:
    """Return how many images are missing between stamps of a camera with a steady rate.

    The rate is that of the closest tenth of neighbours, so three stamps at least are needed.

    Args:
        stamps_ns: In the order of arrival.
    """
    gaps = np.diff(np.array(stamps_ns, np.int64))
    gaps = gaps[gaps > 0]
    if len(gaps) < 2:
        return 0
    period_ns = np.sort(gaps)[len(gaps) // 10]
    return int(np.sum(np.maximum(np.rint(gaps / period_ns) - 1, 0)))


def _forget(seen: deque[tuple[float, int]]) -> None:
    """Drop what is older than the span."""
    while seen and seen[0][0] < time.monotonic() - SPAN_S:
        seen.popleft()
