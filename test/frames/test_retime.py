# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""When recorded messages are due, and their new stamps; all figures worked out by hand."""

from rtseg_ros.frames.retime import Retimer

S = 1_000_000_000
T = 1_700_000_000


def played(images, first=T, **options):
    """Return due time and new stamp in s of (log time, stamp) in s."""
    retimer = Retimer(first * S, **options)
    times = []
    for log_s, stamp in images:
        due_ns = retimer.due_ns(log_s * S)
        fields = stamp if isinstance(stamp, tuple) else (stamp, 0)
        times.append((due_ns / S, retimer.image_ns(fields) / S))
    return times, retimer


def test_a_regular_recording_keeps_its_distances():
    times, retimer = played([(T + i, T + i) for i in (0, 1, 3)])
    assert times == [(0, 0), (1, 1), (3, 3)]
    assert (retimer.impossible, retimer.jumps) == (0, 0)


def test_a_recording_that_starts_at_0_is_valid():
    times, retimer = played([(5, 0), (6, 1), (7, 2)], first=0)
    assert times == [(0, 0), (1, 1), (2, 2)]
    assert retimer.impossible == 0


def test_stamps_that_cannot_be_give_way_to_the_time_of_recording():
    stamps = [0, T + 1, (T + 2, S), (-1, 0), T + 4]
    times, retimer = played([(T + i, stamp) for i, stamp in enumerate(stamps)], first=T)
    assert [new for _, new in times] == [0, 1, 2, 3, 4]
    assert retimer.impossible == 3


def test_a_first_stamp_that_cannot_be_takes_no_other_image_s_place():
    times, retimer = played([(T + i, stamp) for i, stamp in enumerate([0, T + 1, T + 2])], T + 1)
    assert [new for _, new in times] == [0, 1, 2]
    assert (retimer.impossible, retimer.jumps) == (1, 0)


def test_a_jump_of_decades_does_not_make_anyone_wait():
    images = [(10, 10), (11, 11), (T, T), (T + 1, T + 1)]
    times, retimer = played(images, first=10)
    assert times == [(0, 0), (1, 1), (11, 11), (12, 12)]
    assert retimer.jumps == 1
    back = [(T, T), (T + 1, T + 1), (5, 5), (6, 6)]
    assert played(back)[0] == [(0, 0), (1, 1), (1, 1), (2, 2)]
    assert played(images, first=10, max_gap_ns=2 * S)[0][2:] == [(3, 3), (4, 4)]


def test_what_belongs_to_an_image_keeps_its_stamp():
    retimer = Retimer(T * S)
    retimer.due_ns(T * S)
    assert retimer.other_ns((T + 1, 0)) == S  # labels before their image
    assert retimer.other_ns((0, 0)) == 0
    retimer.due_ns((T + 1) * S)
    assert retimer.image_ns((0, 0)) == S
    assert retimer.other_ns((0, 0)) == S
    assert retimer.impossible == 2


def test_a_second_round_goes_on_after_the_first():
    retimer = Retimer(T * S)
    for second in (0, 1):
        retimer.due_ns((T + second) * S)
        retimer.image_ns((T + second, 0))
    retimer.start_again(S)
    assert retimer.due_ns(T * S) == 2 * S
    assert retimer.image_ns((T, 0)) == 2 * S
