# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM as a wish to stop after the present frame, so that files are finished."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal
import threading
from types import FrameType


class StopWish:
    """Whether a signal came.

    Attributes:
        reason: Its name; empty until it comes.
    """

    def __init__(self) -> None:
        self.reason = ''

        self._came = threading.Event()

    def __call__(self) -> str:
        """Return the name of the signal that came, or nothing."""
        return self.reason

    def wait(self) -> None:
        """Wait until one comes."""
        while not self._came.wait(1.0):
            pass

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            raise KeyboardInterrupt  # the second one will not wait
        self.reason = signal.Signals(number).name
        self._came.set()


@contextmanager
def stopping_softly() -> Iterator[StopWish]:
    """Take the signals in here; in the main thread only. The second one interrupts at once."""
    wish = StopWish()
    taken = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, wish._on_signal) for number in taken]
    try:
        yield wish
    finally:
        for number, handler in zip(taken, before, strict=True):
            signal.signal(number, handler)
