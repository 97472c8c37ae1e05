# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The worker: latest frame per source, each source in turn, calls between two batches."""

import threading
import time

import pytest

from rtseg_ros.nodes.segmentation.frame_worker import FrameWorker


class Work:
    """Records batches; the first blocks until it is let go."""

    def __init__(self):
        self.batches = []
        self.go = threading.Event()
        self.began = threading.Event()

    def __call__(self, batch):
        self.began.set()
        self.go.wait(10)
        self.batches.append([(w.source, w.message) for w in batch])


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def worker(work):
    worker = FrameWorker(work, name='test')
    yield worker
    work.go.set()
    worker.stop()


def busy(worker, work):
    """Make the worker busy, so that what follows has to wait."""
    assert worker.put('first', 0) is False
    assert work.began.wait(10)


def test_latest_frame_wins(worker, work):
    busy(worker, work)
    assert worker.put('a', 1) is False
    assert worker.put('a', 2) is True
    assert worker.put('a', 3) is True
    work.go.set()
    worker.call(lambda: None)
    worker.call(lambda: None)
    time.sleep(0.05)
    assert work.batches == [[('first', 0)], [('a', 3)]]


def test_sources_take_turns_under_overload(worker, work):
    """Three sources, all always waiting: each gets a third, in turn."""
    worker.max_batch = 1
    served = []

    def refill(batch):
        served.append(batch[0].source)
        if len(served) < 30:
            for source in 'abc':
                worker.put(source, len(served))

    worker._work = refill
    worker.put('a', 0)
    end = time.monotonic() + 10
    while len(served) < 30 and time.monotonic() < end:
        time.sleep(0.01)
    assert {source: served[:30].count(source) for source in 'abc'} == {'a': 10, 'b': 10, 'c': 10}
    assert all(served[i] != served[i + 1] for i in range(2, 28))


def test_batches_take_one_frame_per_source(worker, work):
    worker.max_batch = 2
    busy(worker, work)
    for source in 'abc':
        worker.put(source, source)
    work.go.set()
    end = time.monotonic() + 10
    while len(work.batches) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert work.batches[1:] == [[('a', 'a'), ('b', 'b')], [('c', 'c')]]


def test_dropped_frames_are_not_worked_on(worker, work):
    busy(worker, work)
    worker.put('a', 1)
    assert worker.drop('a') is True
    assert worker.drop('a') is False
    work.go.set()
    worker.call(lambda: None)
    assert work.batches == [[('first', 0)]]


def test_calls_run_in_the_thread_and_hand_back_errors(worker, work):
    work.go.set()
    assert worker.call(lambda: threading.current_thread().name) == 'test'
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 // 0)
    assert worker.call(lambda: 5) == 5


def test_call_waits_for_the_frame_in_work(worker, work):
    busy(worker, work)
    threading.Timer(0.1, work.go.set).start()
    assert worker.call(lambda: len(work.batches)) == 1


def test_stop_finishes_the_frame_in_work_and_refuses_calls(work):
    worker = FrameWorker(work, name='test')
    busy(worker, work)
    threading.Timer(0.1, work.go.set).start()
    worker.stop()
    assert work.batches == [[('first', 0)]]
    with pytest.raises(RuntimeError, match='stopped'):
        worker.call(lambda: None)
