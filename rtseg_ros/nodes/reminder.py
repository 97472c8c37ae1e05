# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What waits says for what, every five seconds."""

import time

from rclpy.node import Node

PERIOD_S = 5.0


class Reminder:
    """Logs what a node waits for; a wait that ends sooner than the period says nothing."""

    def __init__(self, node: Node, *, period_s: float = PERIOD_S) -> None:
        self._log = node.get_logger()
        self._period_s = period_s
        self._told_s = time.monotonic()

    def waiting_for(self, what: str) -> None:
        """Say it if nothing was said for a period; call it as often as you look."""
        self.waiting(f'for {what}')

    def waiting(self, why: str) -> None:
        """Say why, likewise, in words that follow 'waiting'."""
        now = time.monotonic()
        if now - self._told_s >= self._period_s:
            self._told_s = now
            self._log.info(f'waiting {why}')

    def over(self) -> None:
        """Take note that nothing is waited for now: the next wait begins a new period."""
        self._told_s = time.monotonic()
