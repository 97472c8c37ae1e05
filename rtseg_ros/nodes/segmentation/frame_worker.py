# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The one thread that owns the engine: takes the latest frame of each camera in turn."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
import threading
import time
from typing import Any, Generic, TypeVar

from rtseg_ros.nodes.segmentation.overlap import Overlap, Source, Waiting

Result = TypeVar('Result')


class FrameWorker(Generic[Source]):
    """Works on frames one batch at a time; per source only the latest one waits.

    A source that has waited longest since its last turn goes first, so each gets its share
    when there are more frames than time. Calls run between two batches, with none in the air.

    Attributes:
        max_batch: Most frames that are taken at once.
        overlap: Takes frames in place of ``work`` if it is not None; to be changed in a call.
    """

    def __init__(self, work: Callable[[list[Waiting[Source]]], None], *, name: str) -> None:
        """Start the thread.

        Args:
            work: Called in the thread with one frame each of one or more sources; must not raise.
            name: Of the thread.
        """
        self.max_batch = 1
        self.overlap: Overlap[Source, Any, Any] | None = None
        self._work = work
        self._condition = threading.Condition()
        self._frames: dict[Source, Waiting[Source]] = {}
        self._turns: dict[Source, int] = {}  # source -> number of its latest turn
        self._turn = 0
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, source: Source, message: Any) -> bool:
        """Let a message wait; return whether it took the place of another."""
        waiting = Waiting(source, message, time.perf_counter_ns())
        with self._condition:
            superseded = source in self._frames
            self._frames[source] = waiting
            self._condition.notify()
        return superseded

    def drop(self, source: Source) -> bool:
        """Forget what waits of a source; return whether anything did."""
        with self._condition:
            return self._frames.pop(source, None) is not None

    def forget(self, source: Source) -> None:
        """Forget a source that will not come back."""
        with self._condition:
            self._turns.pop(source, None)

    def call(self, function: Callable[[], Result]) -> Result:
        """Run a function in the thread between two batches; return or raise as it does."""
        future: Future[Result] = Future()
        with self._condition:
            if self._stopping:
                raise RuntimeError('the worker has stopped')
            self._calls.append((function, future))
            self._condition.notify()
        return future.result()

    def wake(self) -> None:
        """Have the thread look at what the overlap has for it."""
        with self._condition:
            self._condition.notify()

    def stop(self) -> None:
        """Finish the batch in work and the calls, then end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._calls or self._stopping or self._is_due()):
                    self._condition.wait()
                calls = list(self._calls)
                self._calls.clear()
                stopping = self._stopping
                batch = [] if calls or stopping else self._next_batch()
            overlap = self.overlap
            if overlap is not None and (calls or stopping):
                overlap.land()
            for function, future in calls:
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001  handed to the caller
                    future.set_exception(error)
            if stopping and not calls:
                return
            if overlap is None and batch:
                self._work(batch)
            elif overlap is not None and not calls:
                overlap.take(batch)

    def _is_due(self) -> bool:
        return bool(self._takeable()) or (self.overlap is not None and self.overlap.done)

    def _takeable(self) -> list[Source]:
        """Return the sources whose frame can be taken now."""
        if self.overlap is None:
            return list(self._frames)
        return [s for s in self._frames if self.overlap.takes(s, self.max_batch)]

    def _next_batch(self) -> list[Waiting[Source]]:
        order = sorted(self._takeable(), key=lambda source: self._turns.get(source, 0))
        if not order:
            return []
        self._turn += 1
        chosen = order[: self.max_batch]
        for source in chosen:
            self._turns[source] = self._turn
        return [self._frames.pop(source) for source in chosen]
