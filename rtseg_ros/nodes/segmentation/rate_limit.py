# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lets so many frames of a camera through per second, and no more."""

import time

_EARLY = 0.1


class RateLimit:
    """Passes frames on a grid of equal steps, so that the mean rate is the limit where it can be.

    A frame may come a tenth of a step early: of a camera whose rate is a multiple of the limit
    and whose frames are not quite on time, every second or third one still passes.
    """

    def __init__(self) -> None:
        self._due_s = 0.0

    def passes(self, rate_hz: float, *, now_s: float | None = None) -> bool:
        """Tell whether a frame that comes now is within the limit.

        Args:
            rate_hz: The limit; 0 for none.
            now_s: The time if not ``time.monotonic()``.
        """
        if not rate_hz:
            return True
        now_s = time.monotonic() if now_s is None else now_s
        step_s = 1 / rate_hz
        self._due_s = min(self._due_s, now_s + step_s)  # the limit may have been lower before
        if now_s < self._due_s - _EARLY * step_s:
            return False
        on_grid = now_s - self._due_s < step_s  # else there was a pause, or none came before
        self._due_s = (self._due_s if on_grid else now_s) + step_s
        return True
