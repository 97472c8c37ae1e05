# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which thread runs a callback of our executor, and that each is handed over once."""

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from rtseg_ros.nodes.executor import InPlaceGroup, NodeExecutor

THREADS = 2


@pytest.fixture
def spun(ros):
    """A node and its executor; ``until`` spins until a condition holds."""
    node = rclpy.create_node('spun')
    reported = []
    executor = NodeExecutor(threads=THREADS, report=reported.append)
    executor.add_node(node)

    def until(condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end
            executor.spin_once(timeout_sec=0.1)

    executor.until, executor.reported = until, reported
    yield node, executor
    executor.shutdown()
    node.destroy_node()


def tick(node, group, callback):
    return node.create_timer(0.005, callback, callback_group=group)


def test_short_callbacks_run_where_it_spins(spun):
    node, executor = spun
    threads = []
    tick(node, InPlaceGroup(), lambda: threads.append(threading.current_thread()))
    executor.until(lambda: len(threads) > 5)
    assert set(threads) == {threading.current_thread()}


def test_others_run_in_threads_each_handed_over_once(spun, monkeypatch):
    node, executor = spun
    threads, handed = [], []
    submit = executor._pool.submit

    def counted(function, task, begun):
        handed.append(task)
        return submit(function, task, begun)

    monkeypatch.setattr(executor._pool, 'submit', counted)
    timers = [
        tick(
            node,
            MutuallyExclusiveCallbackGroup(),
            lambda: threads.append(threading.current_thread()),
        )
        for _ in range(3)
    ]
    executor.until(lambda: len(threads) > 100)
    for timer in timers:
        timer.cancel()
    executor.until(lambda: len(threads) == len(handed))
    assert threading.current_thread() not in threads
    assert len(set(handed)) == len(handed)


def test_short_callbacks_go_on_while_all_threads_are_taken(spun):
    node, executor = spun
    go, at_work, short, waited = threading.Event(), [], [], []

    def slow():
        at_work.append(1)
        go.wait(30)

    slow_ones = [tick(node, MutuallyExclusiveCallbackGroup(), slow) for _ in range(THREADS)]
    executor.until(lambda: len(at_work) == THREADS)
    for timer in slow_ones:
        timer.cancel()
    tick(node, MutuallyExclusiveCallbackGroup(), lambda: waited.append(1))
    tick(node, InPlaceGroup(), lambda: short.append(1))
    executor.until(lambda: len(short) > 20)
    assert not waited
    go.set()
    executor.until(lambda: waited)


@pytest.mark.parametrize('group', [InPlaceGroup, MutuallyExclusiveCallbackGroup])
def test_what_a_callback_raises_is_reported_and_the_rest_goes_on(spun, group):
    node, executor = spun
    calls = []

    def fail():
        calls.append(1)
        raise ValueError(f'call {len(calls)}')

    tick(node, group(), fail)
    executor.until(lambda: len(executor.reported) > 1)
    assert [str(error) for error in executor.reported[:2]] == ['call 1', 'call 2']


def test_after_the_end_it_runs_nothing(spun):
    node, executor = spun
    calls = []
    tick(node, InPlaceGroup(), lambda: calls.append(1))
    executor.until(lambda: calls)
    executor.shutdown()
    calls.clear()
    executor.spin_once(timeout_sec=0.0)
    assert not calls
