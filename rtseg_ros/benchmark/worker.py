# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One contender in a process of its own, so that none shares threads or memory with another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
import importlib.util
import math
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
import time
from typing import Any

import numpy as np

from rtseg_ros.benchmark.contenders.contender import Contender, Entry
from rtseg_ros.benchmark.contenders.cpu import CPU
from rtseg_ros.benchmark.contenders.cuda import CUDA
from rtseg_ros.benchmark.contenders.matrix_peak import PEAK, PEAKS
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.errors import BenchmarkError, RtsegError
from rtseg_ros.machine import peak_memory_mib
from rtseg_ros.signals import without_ctrl_c

ENTRIES: dict[str, dict[str, Entry]] = {'cpu': CPU, 'cuda': CUDA}
WARM_UP_RUNS = 3
# The first call of torch.compile and the build of an engine belong to the start.
START_S = 1800.0


@dataclass(frozen=True)
class Runs:
    """Times of consecutive frames.

    Attributes:
        total_ms: One per frame, from uint8 frame to uint8 labels.
        stages_ms: Per stage, one per frame.
    """

    total_ms: list[float]
    stages_ms: dict[str, list[float]]


def contenders(device: str) -> tuple[str, ...]:
    """Return the names of the contenders on ``cpu`` or ``cuda`` whose packages are installed."""
    return tuple(
        name
        for name, entry in ENTRIES[device].items()
        if importlib.util.find_spec(entry.package) is not None
    )


class Worker:
    """Asks a contender in another process to run; talks to it through a pipe.

    Attributes:
        name: Of the contender.
        load_s: Time that it took to be made and to label its first frames, libraries included.
    """

    def __init__(self, name: str, make: Callable[[], Contender], frames: Path) -> None:
        """Start the process and wait until the contender is warm.

        Args:
            name: For messages.
            make: Makes the contender there; can be pickled.
            frames: NumPy file with (n, H, W, 3) uint8 BGR frames.

        Raises:
            BenchmarkError: If it cannot be made, or ends early.
        """
        self.name = name
        self._pipe, other = multiprocessing.Pipe()
        # A forked process would inherit this one's threads and memory.
        self._process = multiprocessing.get_context('spawn').Process(
            target=_serve, args=(other, make, frames), daemon=True
        )
        with without_ctrl_c():
            self._process.start()
        other.close()
        self.load_s: float = self._answer(START_S)

    def run(self, count: int, *, limit_s: float = math.inf) -> Runs:
        """Run so many frames, after one that is not counted; fewer, but one, if time is up.

        Raises:
            BenchmarkError: If the contender fails.
        """
        return self._ask('run', (count, limit_s))

    def run_later(self, count: int) -> None:
        """Start to run so many frames; ``finish`` waits for them."""
        self._send('run', (count, math.inf))

    def finish(self) -> Runs:
        """Return what ``run_later`` started."""
        return self._answer(START_S)

    def labels(self) -> np.ndarray:
        """Return the labels of all frames, (n, H, W) uint8."""
        return self._ask('labels', None)

    def labels_of(self, frame: np.ndarray) -> np.ndarray:
        """Return the labels of a frame, (H, W) uint8."""
        return self._ask('label', frame)

    def facts(self) -> dict[str, str]:
        """Return what the contender says of itself; empty if it says nothing."""
        return self._ask('facts', None)

    def peak_memory_mib(self) -> float:
        """Return the largest resident memory of the process so far, in MiB."""
        return self._ask('memory', None)

    def close(self) -> None:
        """End the process."""
        self._pipe.close()  # the other side then ends by itself
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, question: str, argument: Any) -> Any:
        self._send(question, argument)
        return self._answer(START_S)

    def _send(self, question: str, argument: Any) -> None:
        try:
            self._pipe.send((question, argument))
        except OSError as error:
            raise BenchmarkError(self._ended()) from error

    def _ended(self) -> str:
        self._process.join(10)
        return (
            f'{self.name} ended with status {self._process.exitcode}; -9 means that the memory '
            'did not suffice'
        )

    def _answer(self, timeout_s: float) -> Any:
        try:
            if not self._pipe.poll(timeout_s):
                raise BenchmarkError(f'{self.name} gave no answer for {timeout_s:.0f} s')
            ok, value = self._pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise BenchmarkError(self._ended()) from error
        if not ok:
            raise BenchmarkError(f'{self.name}: {value}')
        return value


@contextmanager
def started(
    subject: Subject, name: str, *, precision: str = 'fp32', device: str = 'cpu'
) -> Iterator[Worker]:
    """Start a worker of a race, and end it whatever happens."""
    entry = PEAKS[device] if name == PEAK else ENTRIES[device][name]
    with started_as(name, partial(entry.make, subject, precision), subject.frames) as worker:
        yield worker


@contextmanager
def started_as(name: str, make: Callable[[], Contender], frames: Path) -> Iterator[Worker]:
    """Start a worker, and end it whatever happens; the arguments are those of ``Worker``."""
    worker = Worker(name, make, frames)
    try:
        yield worker
    finally:
        worker.close()


def _serve(pipe: Connection, make: Callable[[], Contender], file: Path) -> None:
    """Answer questions until the pipe is closed."""
    try:
        frames = np.load(file)
        start = time.perf_counter()
        contender: Any = make()
        for index in range(WARM_UP_RUNS):
            contender(frames[index % len(frames)])
        pipe.send((True, time.perf_counter() - start))
        while True:
            question, argument = pipe.recv()
            if question == 'run':
                pipe.send((True, _run(contender, frames, *argument)))
            elif question == 'labels':
                pipe.send((True, np.stack([contender(frame)[0] for frame in frames])))
            elif question == 'label':
                pipe.send((True, contender(argument)[0]))
            elif question == 'facts':
                pipe.send((True, getattr(contender, 'facts', dict)()))
            else:
                pipe.send((True, peak_memory_mib()))
    except (EOFError, KeyboardInterrupt):
        return
    except RtsegError as error:
        pipe.send((False, str(error)))
    except Exception as error:  # whatever a library raises, the race goes on without it
        pipe.send((False, f'{type(error).__name__}: {error}'.splitlines()[0]))


def _run(contender: Contender, frames: np.ndarray, count: int, limit_s: float) -> Runs:
    contender(frames[0])
    runs = Runs([], {})
    end = time.monotonic() + limit_s
    for index in range(count):
        if index and time.monotonic() > end:
            break
        frame = frames[index % len(frames)]
        start = time.perf_counter_ns()
        _, stages_ms = contender(frame)
        runs.total_ms.append((time.perf_counter_ns() - start) / 1e6)
        for stage, value_ms in stages_ms.items():
            runs.stages_ms.setdefault(stage, []).append(value_ms)
    return runs
