# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Progress of a TensorRT build as one rising fraction, and its end by Ctrl-C."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import signal
import threading
from typing import Any

Progress = Callable[[float, str], None]


@dataclass
class _Phase:
    name: str
    parent: str | None
    steps: int
    done: int = 0


class BuildProgress:
    """Turns TensorRT's nested phases into a fraction from 0 to 1 that never falls.

    A phase fills the step of its parent that is under way. TensorRT may call from several
    threads. An exception in the callback must not travel through TensorRT: it cancels the build
    and is kept.
    """

    def __init__(self, report: Progress) -> None:
        self.error: BaseException | None = None
        self._report = report
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._fraction = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Enter a phase."""
        with self._lock:
            self._phases[name] = _Phase(name, parent, max(steps, 1))
            self._tell(name)

    def step(self, name: str, step: int) -> bool:
        """Note that step number ``step``, from 0, is done; returns False to cancel the build."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
            self._tell(name)
        return self.error is None

    def finish(self, name: str) -> None:
        """Leave a phase."""
        with self._lock:
            self._phases.pop(name, None)

    def complete(self) -> None:
        """Note that the build is done."""
        self._fraction = 1.0
        self._tell('built')

    def cancel(self, error: BaseException) -> None:
        """End the build at its next step; from a signal handler, too."""
        self.error = self.error or error

    def _tell(self, name: str) -> None:
        if self.error is not None:
            return
        fraction, phase = 0.0, self._phases.get(name)
        while phase is not None:
            fraction = min((phase.done + fraction) / phase.steps, 1.0)
            phase = self._phases.get(phase.parent or '')
        self._fraction = max(self._fraction, fraction)
        try:
            self._report(self._fraction, name)
        except BaseException as error:  # handed on by whoever started the build
            self.error = error


def progress_monitor(api: Any, progress: BuildProgress) -> Any:
    """Return an IProgressMonitor, or None for a library without (TensorRT 8.6)."""
    if not hasattr(api, 'IProgressMonitor'):
        return None

    class Monitor(api.IProgressMonitor):  # type: ignore[misc]  # the base is known at run time
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()


@contextmanager
def interrupts_cancel(progress: BuildProgress) -> Iterator[None]:
    """Let Ctrl-C cancel the build.

    Python would raise KeyboardInterrupt in the monitor, where TensorRT's bindings print and
    forget it: the build fails without a reason, or goes on.
    """
    held = []
    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, signal.SIGTERM)
        held = [n for n in numbers if signal.getsignal(n) is signal.default_int_handler]
    for number in held:
        signal.signal(number, lambda *_: progress.cancel(KeyboardInterrupt()))
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, signal.default_int_handler)
