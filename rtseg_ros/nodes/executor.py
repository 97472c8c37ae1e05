# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Spins a node whose callbacks may take minutes: short ones in place, the others in threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import threading
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import Executor, ShutdownException, TimeoutException

# So long the spinning thread sleeps for a callback that does not begin: all threads are taken.
_PATIENCE_S = 0.01


class InPlaceGroup(MutuallyExclusiveCallbackGroup):
    """Of callbacks so short that the spinning thread runs them itself."""


class NodeExecutor(Executor):
    """Runs the callbacks of an InPlaceGroup where it spins, all others in a pool of threads.

    rclpy's MultiThreadedExecutor, before Lyrical, hands a callback to its pool and goes round,
    handing it over again, until a thread has begun it (ros2/rclpy issue 1452). Every round takes
    Python's lock, which that thread waits for: images came up to a second late. This one sleeps
    until the thread has begun. It is spun by ``spin_once``; Lyrical's ``spin`` does not call that.
    """

    def __init__(self, *, threads: int, report: Callable[[Exception], None]) -> None:
        """Start the pool.

        Args:
            threads: Callbacks that may run at a time.
            report: Told, from any thread, what a callback raised.
        """
        super().__init__()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix='callback')
        self._report = report
        self._begun: dict[Any, threading.Event] = {}  # of tasks that wait for a thread

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for a callback and run it, or have it begun.

        Args:
            timeout_sec: Longest wait in seconds; None for ever.

        Raises:
            ExternalShutdownException: If the context was shut down.
        """
        try:
            ready: tuple[Any, ...] = self.wait_for_ready_callbacks(timeout_sec)
        except (TimeoutException, ShutdownException):
            return
        task, entity, _ = ready
        if isinstance(getattr(entity, 'callback_group', None), InPlaceGroup):
            self._run(task)
            return
        if task not in self._begun:
            self._begun[task] = threading.Event()
            self._pool.submit(self._begin, task, self._begun[task])
        self._begun[task].wait(_PATIENCE_S)
        self._begun = {task: begun for task, begun in self._begun.items() if not begun.is_set()}

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Run nothing more; what is under way ends by itself."""
        ended = bool(super().shutdown(timeout_sec))
        self._pool.shutdown(wait=False)
        return ended

    def _begin(self, task: Any, begun: threading.Event) -> None:
        begun.set()
        if not task.done():  # handed over once more in the moment before it began
            self._run(task)

    def _run(self, task: Any) -> None:
        task()
        error = task.exception() if task.done() else None
        if error is not None:
            self._report(error)
