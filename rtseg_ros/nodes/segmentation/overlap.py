# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames in the air: the next are made ready and the last finished while the engine works."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import threading
from typing import Any, Generic, Protocol, TypeVar

Source = TypeVar('Source')
Ready = TypeVar('Ready')
Running = TypeVar('Running')


@dataclass(frozen=True)
class Waiting(Generic[Source]):
    """A message that waits to be worked on."""

    source: Source
    message: Any
    received_ns: int


class Stages(Protocol[Source, Ready, Running]):
    """The work on a frame, cut where the engine begins and ends; none of them raises."""

    def prepare(self, waiting: Waiting[Source]) -> Ready | None:
        """Make a frame ready for the engine; None if it is counted already."""

    def begin(self, frames: Sequence[Ready], on_done: Callable[[], None]) -> Running:
        """Have the engine begin; ``on_done`` is called once, from any thread."""

    def finish(self, running: Running) -> None:
        """Wait for the engine, do the rest, count the frames."""

    def supersede(self, frame: Ready) -> None:
        """Count a frame in whose place a newer one was made ready."""


class Overlap(Generic[Source, Ready, Running]):
    """One batch in the engine and one made ready beside it; frames end in the order they began.

    The engine gets the next batch when it is done with the last: until then a newer frame of
    the same source takes the place of the one that is ready, so that frames are as new as
    without overlap. Used by the worker's thread alone.
    """

    def __init__(
        self, stages: Stages[Source, Ready, Running], *, wake: Callable[[], None]
    ) -> None:
        """Set up, with nothing in the air.

        Args:
            stages: Of the work.
            wake: Called from any thread when ``advance`` has something to do.
        """
        self._stages = stages
        self._wake = wake
        self._ready: dict[Source, Ready] = {}
        self._running: Running | None = None
        self._done = threading.Event()  # of what runs

    @property
    def done(self) -> bool:
        """Whether the engine has finished a batch that ``advance`` can go on with."""
        return self._running is not None and self._done.is_set()

    def takes(self, source: Source, max_batch: int) -> bool:
        """Tell whether a frame of a source can be made ready now."""
        return source in self._ready or len(self._ready) < max_batch

    def take(self, batch: Sequence[Waiting[Source]]) -> None:
        """Make frames ready, and begin with them if the engine is free."""
        for waiting in batch:
            ready = self._stages.prepare(waiting)
            if ready is None:
                continue
            older = self._ready.pop(waiting.source, None)
            if older is not None:
                self._stages.supersede(older)
            self._ready[waiting.source] = ready
        if self._running is None or self.done:
            self.advance()

    def advance(self) -> None:
        """Give the engine what is ready, and finish the last batch while it works."""
        last, self._running = self._running, None
        if self._ready:
            frames, self._ready = list(self._ready.values()), {}
            self._done = done = threading.Event()

            def on_done() -> None:
                done.set()
                self._wake()

            self._running = self._stages.begin(frames, on_done)
        if last is not None:
            self._stages.finish(last)

    def land(self) -> None:
        """Finish all that is in the air."""
        while self._ready or self._running is not None:
            self.advance()
