# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A pool of processes on this machine, of a library that survives the death of a worker."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
import multiprocessing
from typing import Any

from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.task import BagResult, Work, failed
from rtseg_ros.evaluation.fleet.workers.worker import leave_ctrl_c_to_the_driver, run_task

_POLL_S = 0.3
_shared: Any = None  # in a worker: what all its bags have in common


def run_in_pool(
    work: Work,
    bags: Sequence[FoundBag],
    *,
    workers: int,
    timeout_s: float | None,
    retries: int,
    moved: Callable[[int], None],
) -> Iterator[tuple[FoundBag, BagResult]]:
    """Run bags in processes; yield each with its result, in the order in which they end.

    Args:
        work: Models and settings.
        bags: What to run.
        workers: How many processes.
        timeout_s: After which a bag's process is killed; None for never.
        retries: How often a bag that killed its worker, or took too long, is tried again.
        moved: Called now and then with the number of frames since the last call.
    """
    from pebble import ProcessExpired, ProcessPool

    # Not forked: engines have threads, which do not survive a fork.
    context = multiprocessing.get_context('spawn')
    frames = context.Value('q', 0)
    seen = 0
    tries: Counter[str] = Counter()
    pool = ProcessPool(
        max_workers=workers, context=context, initializer=_start, initargs=(work, frames)
    )
    try:
        running: dict[Any, FoundBag] = {
            pool.schedule(_run, args=(str(bag.path),), timeout=timeout_s): bag for bag in bags
        }
        while running:
            done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            now = frames.value
            moved(now - seen)
            seen = now
            for future in done:
                bag = running.pop(future)
                try:
                    result: BagResult = future.result()
                except (ProcessExpired, FutureTimeoutError) as error:
                    tries[bag.name] += 1
                    if tries[bag.name] <= retries:
                        again = pool.schedule(_run, args=(str(bag.path),), timeout=timeout_s)
                        running[again] = bag
                        continue
                    result = failed(_why(error, timeout_s, tries[bag.name]))
                except Exception as error:  # a fault of ours or of a library, on this bag
                    result = failed(f'{type(error).__name__}: {error}')
                yield bag, result
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _why(error: Exception, timeout_s: float | None, tries: int) -> str:
    if isinstance(error, FutureTimeoutError):
        return f'it took longer than {timeout_s:g} s, {tries} times (--bag-timeout)'
    status = getattr(error, 'exitcode', None)
    what = f'status {status}' if status is None or status >= 0 else f'signal {-status}'
    return f'it killed its worker {tries} times ({what})'


def _start(work: Work, frames: Any) -> None:
    global _shared
    leave_ctrl_c_to_the_driver()
    _shared = (work, frames)


def _run(path: str) -> BagResult:
    work, frames = _shared
    return run_task(work, path, frames)
