"""The one thread that owns the engine: takes the latest frame of each camera in turn."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
import threading
import time
from typing import Any, Generic, TypeVar

Result = TypeVar('Result')
Source = TypeVar('Source')


@dataclass(frozen=True)
class Waiting(Generic[Source]):
    """A message that waits to be worked on."""

    source: Source
    message: Any
    received_ns: int


class FrameWorker(Generic[Source]):
    """Works on frames one batch at a time; per source only the latest one waits.

    A source that has waited longest since its last turn goes first, so each gets its share
    when there are more frames than time. Calls run between two batches.
    """

    def __init__(self, work: Callable[[list[Waiting[Source]]], None], *, name: str) -> None:
        """Start the thread.

        Args:
            work: Called in the thread with one frame each of one or more sources; must not raise.
            name: Of the thread.
        """
        self.max_batch = 1
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

    def stop(self) -> None:
        """Finish the batch in work and the calls, then end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._frames or self._calls or self._stopping):
                    self._condition.wait()
                calls = list(self._calls)
                self._calls.clear()
                batch = [] if calls or self._stopping else self._next_batch()
                if self._stopping and not calls:
                    return
            for function, future in calls:
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001  handed to the caller
                    future.set_exception(error)
            if batch:
                self._work(batch)

    def _next_batch(self) -> list[Waiting[Source]]:
        order = sorted(self._frames, key=lambda source: self._turns.get(source, 0))
        self._turn += 1
        chosen = order[: self.max_batch]
        for source in chosen:
            self._turns[source] = self._turn
        return [self._frames.pop(source) for source in chosen]
