# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Loss on the way: what the middleware counts, what gaps in the stamps show."""

import struct

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.nodes.segmentation import image_loss
from rtseg_ros.nodes.segmentation.image_loss import (
    Loss,
    LossWatch,
    UnsupportedEventTypeError,
    missing_between,
)

MS = 1_000_000


class Middleware:
    """Counts lost messages, or refuses to; its clock is set by hand."""

    def __init__(self, monkeypatch, *, counts=True):
        self._counts = counts
        self.now_s = 100.0
        monkeypatch.setattr(image_loss.time, 'monotonic', lambda: self.now_s)
        self.watch = LossWatch()
        assert self.watch.subscribe(self._create) == 'subscription'

    def _create(self, *, event_callbacks):
        if event_callbacks is not None and not self._counts:
            raise UnsupportedEventTypeError('message_lost')
        self._events = event_callbacks
        return 'subscription'

    def lose(self, number):
        self._events.message_lost(type('Event', (), {'total_count_change': number}))

    def deliver(self, *stamps_ms):
        for stamp_ms in stamps_ms:
            sec, ms = divmod(stamp_ms, 1000)
            self.watch.note(b'\0\1\0\0' + struct.pack('<iI', sec, ms * MS) + b'rest')


def test_what_the_middleware_counts_is_told(monkeypatch):
    middleware = Middleware(monkeypatch)
    middleware.deliver(0, 200)
    middleware.lose(1)
    middleware.lose(3)
    assert middleware.watch.loss() == Loss(lost=4, sent=6)


def test_gaps_do_not_count_where_the_middleware_does(monkeypatch):
    """A node that is too slow skips images, too: none of them was lost on the way."""
    middleware = Middleware(monkeypatch)
    middleware.deliver(0, 200, 400, 5000, 5200, 9000)
    assert middleware.watch.loss() is None


def test_where_it_does_not_count_gaps_do(monkeypatch):
    middleware = Middleware(monkeypatch, counts=False)
    middleware.deliver(1000, 1200, 2000, 2200)  # 1400, 1600 and 1800 are missing
    assert middleware.watch.loss() == Loss(lost=3, sent=7)
    assert middleware.watch.total is None


def test_little_is_no_news_and_old_news_are_forgotten(monkeypatch):
    middleware = Middleware(monkeypatch)
    middleware.deliver(*range(0, 3000, 100))
    middleware.lose(3)
    assert middleware.watch.loss() is None  # 3 of 33
    middleware.lose(1)
    assert middleware.watch.loss() == Loss(lost=4, sent=34)
    assert middleware.watch.total == 4
    middleware.now_s += image_loss.SPAN_S + 0.1
    assert middleware.watch.loss() is None


def test_a_new_subscription_starts_anew(monkeypatch):
    middleware = Middleware(monkeypatch)
    middleware.lose(30)
    middleware.watch.subscribe(middleware._create)
    assert middleware.watch.loss() is None


@pytest.mark.parametrize(
    ('stamps_ms', 'missing'),
    [
        ([], 0),
        ([0, 200], 0),
        ([0, 200, 400, 600], 0),
        ([0, 200, 600], 1),
        ([0, 190, 410, 595, 1210], 2),  # a camera's jitter is no gap
        ([0, 200, 100, 300], 0),  # out of order
        ([5, 5, 5], 0),
    ],
)
def test_missing_between(stamps_ms, missing):
    assert missing_between([stamp * MS for stamp in stamps_ms]) == missing
