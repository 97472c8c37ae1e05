# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What SIGINT and SIGTERM do to our programs: one clean end, however often they come.

Imports nothing heavy: the handlers stand before the imports that take a second.
"""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import importlib
import os
import signal
import sys
import threading
from types import FrameType
import weakref

ENDING = (signal.SIGINT, signal.SIGTERM)
# Of the main thread: whether interruptions are held back, and one that was.
_held = False
_late: Callable[[], None] | None = None


class Interrupted(KeyboardInterrupt):
    """A signal, where it interrupts.

    Not KeyboardInterrupt itself: when that leaves code that a C extension ran, be it caught
    afterwards, Python ends itself by SIGINT in place of the exit status.
    """


class Signals:
    """What SIGINT and SIGTERM do while a program runs; where rclpy handles them, it does so, too.

    The first one interrupts what can be interrupted; no later one does anything, because it would
    only break the clean end. An interruption that a library swallows, as imports of extensions and
    destructors do, comes again.

    Attributes:
        came: Number of the first that has come; 0 before.
        interrupted: Whether it has interrupted something.
    """

    def __init__(self) -> None:
        """Take them; in the main thread only."""
        self.came = 0
        self.interrupted = False
        self._interrupt = self._swallowed = False
        for number in ENDING:
            signal.signal(number, self._on_signal)

    @property
    def status(self) -> int:
        """Exit status of a command that was interrupted, as shells have it: 130 or 143."""
        return 128 + (self.came or signal.SIGINT)

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
        global _late
        first, self.came = not self.came, self.came or number
        if self._interrupt and (first or self._swallowed):
            if _held:
                _late = self._raise
            else:
                self._raise()

    def _raise(self) -> None:
        self.interrupted, self._swallowed = True, False
        error = Interrupted()
        # It is gone before this was left: nobody has it, so nobody ends because of it.
        self._watch = weakref.ref(error, self._on_swallowed)
        try:
            raise error
        finally:
            del error  # else its traceback would keep it

    def _on_swallowed(self, _: object) -> None:
        if self._interrupt:
            # Later: raised here, it would be lost as well; nor may another signal raise it here.
            again = threading.Timer(0.02, self._come_again)
            again.daemon = True
            again.start()

    def _come_again(self) -> None:
        self._swallowed = True
        os.kill(os.getpid(), self.came)


def ignore_signals() -> None:
    """Let no signal change what is decided: the process is about to end."""
    # Python gives handlers of its own back to the system as it ends, but not this one.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interruption back until what is in here, or what this decorates, is whole.

    In the main thread, which is the one that is interrupted; elsewhere it does nothing.

    Raises:
        Interrupted: At the end, if a signal came meanwhile.
    """
    global _held, _late
    if _held or threading.current_thread() is not threading.main_thread():
        yield
        return
    _held = True
    try:
        yield
    finally:
        _held = False
        late, _late = _late, None
        if late is not None:
            late()


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Have processes started in here never see Ctrl-C, which the terminal sends to all of them.

    It reaches this process afterwards, which is the one to end them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def rtseg() -> int:
    """Run the shell command, what the installed program calls; returns its exit status."""
    for number in ENDING:
        signal.signal(number, lambda number, _: os._exit(128 + number))  # nothing is begun
    status = int(importlib.import_module('rtseg_ros.cli').main())
    if status in (128 + number for number in ENDING):
        # Threads of extensions that a signal caught half-way abort the end of the interpreter.
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    return status
