# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every frame in one bin, sums that match at any moment, logs that are not flooded."""

import threading

from hypothesis import given
from hypothesis import strategies as st
import pytest

from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.nodes.segmentation import accounting
from rtseg_ros.nodes.segmentation.accounting import FrameAccount, LogLimit, one_line


def test_counts_by_hand():
    total = FrameAccount()
    front, rear = FrameAccount(total), FrameAccount(total)
    for _ in range(4):
        front.receive()
    rear.receive()
    front.finish('published')
    front.finish('superseded')
    front.finish('rejected', reason='encoding 7')
    rear.finish('failed', reason='engine')
    assert front.snapshot().counts == {
        'received': 4, 'published': 1, 'superseded': 1, 'skipped': 0, 'stale': 0,
        'rejected': 1, 'failed': 0,
        'in_flight': 1,
    }  # fmt: skip
    assert total.snapshot().counts['received'] == 5
    assert total.snapshot().counts['in_flight'] == 1
    assert total.snapshot().last_error == 'engine'
    assert front.snapshot().reasons == {'rejected: encoding #': 1}


@given(st.lists(st.sampled_from(('receive', *BINS))))
def test_sums_match_at_any_moment(events):
    account = FrameAccount()
    for event in events:
        if event == 'receive':
            account.receive()
        else:
            account.finish(event, reason='why')
        counts = account.snapshot().counts
        assert counts['received'] == sum(counts[name] for name in (*BINS, 'in_flight'))


def test_sums_match_seen_from_another_thread():
    account = FrameAccount()
    done = threading.Event()
    wrong = []

    def look():
        while not done.is_set():
            counts = account.snapshot().counts
            if counts['received'] - sum(counts[n] for n in BINS) not in (0, 1):
                wrong.append(counts)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(20000):
        account.receive()
        account.finish('published')
    done.set()
    thread.join()
    assert not wrong


def test_parts_add_up_to_the_total_seen_from_another_thread():
    total = FrameAccount()
    parts = [FrameAccount(total), FrameAccount(total)]
    done = threading.Event()
    wrong = []

    def look():
        while not done.is_set():
            whole, *each = (shot.counts for shot in total.snapshots(parts))
            if any(whole[name] != sum(counts[name] for counts in each) for name in whole):
                wrong.append((whole, each))

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(20000):
        parts[number % 2].receive()
        parts[number % 2].finish('superseded')
    done.set()
    thread.join()
    assert not wrong


def test_unknown_bin_is_our_bug():
    with pytest.raises(ValueError, match='lost'):
        FrameAccount().finish('lost')


def test_reasons_do_not_fill_the_memory():
    account = FrameAccount()
    for number in range(1000):
        account.receive()
        account.finish('rejected', reason=f'data hold {number} bytes')
        account.finish('rejected', reason=chr(ord('a') + number % 26) * 3)
    reasons = account.snapshot().reasons
    assert len(reasons) <= 8
    account.finish('rejected', reason='data hold 5 bytes')
    assert 'rejected: data hold # bytes' in account.snapshot().reasons


def test_latency_is_of_the_last_frames():
    account = FrameAccount()
    for value in range(1, 2001):
        account.record({'infer': float(value)})
    latency = account.latency_ms()['infer']
    assert latency['p50'] == 1500.5
    assert latency['max'] == 2000


def test_rates(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(accounting.time, 'monotonic', lambda: now[0])
    account = FrameAccount()
    for _ in range(50):
        now[0] += 0.1
        account.receive()
    assert account.snapshot().received_hz == pytest.approx(10, rel=0.05)
    now[0] += 10
    assert account.snapshot().received_hz == 0


def test_log_limit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(accounting.time, 'monotonic', lambda: now[0])
    limit = LogLimit(period_s=5, kinds=2)
    assert limit.passes('short by 3 bytes')
    assert not limit.passes('short by 4 bytes')
    assert limit.passes('engine failed')
    assert not limit.passes('a third kind')
    now[0] = 5.1
    assert limit.passes('a third kind')
    assert limit.passes('short by 5 bytes')


def test_one_line():
    assert one_line('a\n  b\tc') == 'a b c'
    assert len(one_line('x' * 10**6)) == 300
