"""The first lines of every executable: signals are taken, then the node is imported.

Imports nothing heavy: rclpy, NumPy and the engines take a second, in which a signal may come.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
import importlib
import os
import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
# Exit status after a signal, where it is not 0: a conversion that was stopped is not done.
STOPPED = {'conversion_node': 130}


def start(program: str) -> int:
    """Run one of the executables, a module of this folder; returns its exit status."""
    for number in ENDING:
        signal.signal(number, lambda *_: os._exit(STOPPED.get(program, 0)))  # nothing is begun
    return int(importlib.import_module(f'rtseg_ros.nodes.{program}').main())


# What the installed programs call.
segmentation_node = partial(start, 'segmentation_node')
evaluation_node = partial(start, 'evaluation_node')
conversion_node = partial(start, 'conversion_node')
video_node = partial(start, 'video_node')
bag_player = partial(start, 'bag_player')


class Interrupted(KeyboardInterrupt):
    """A signal, where it interrupts.

    Not KeyboardInterrupt itself: when that leaves code that a C extension ran, be it caught
    afterwards, Python ends itself by SIGINT in place of the exit status.
    """


class Signals:
    """What SIGINT and SIGTERM do while a node runs; where rclpy handles them, it does so, too.

    The first one interrupts what can be interrupted; no later one does anything, because it would
    only break the clean end.

    Attributes:
        came: Whether one has come.
        interrupted: Whether it has interrupted something.
    """

    def __init__(self) -> None:
        """Take them; in the main thread only."""
        self.came = self.interrupted = False
        self._interrupt = False
        for number in ENDING:
            signal.signal(number, self._on_signal)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Have the first signal raise Interrupted in here, in place of waiting for it.

        Raises:
            Interrupted: Also if it had come before.
        """
        self._interrupt = True
        try:
            if self.came:
                self._raise()
            yield
        finally:
            self._interrupt = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        first, self.came = not self.came, True
        if first and self._interrupt:
            self._raise()

    def _raise(self) -> None:
        self.interrupted = True
        raise Interrupted


def ignore_signals() -> None:
    """Let no signal change what is decided: the process is about to end."""
    # Python gives handlers of its own back to the system as it ends, but not this one.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
