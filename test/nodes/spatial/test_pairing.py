# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Masks and depth by their stamps, worked out by hand; times in ns, 10 are allowed."""

from rtseg_ros.nodes.spatial.pairing import StampPairs


def pairs(length=3):
    return StampPairs(tolerance_ns=10, length=length)


def test_depth_before_its_mask():
    both = pairs()
    assert both.add_depth(100, 'd') == []
    assert both.add_mask(100, 'm') == [('m', 'd', '')]
    assert both.waiting == 0


def test_depth_after_its_mask():
    both = pairs()
    assert both.add_mask(100, 'm') == []
    assert both.add_depth(100, 'd') == [('m', 'd', '')]


def test_the_nearest_is_taken_once_a_later_one_is_there():
    both = pairs()
    both.add_depth(95, 'near')
    assert both.add_mask(100, 'm') == []
    assert both.add_depth(103, 'nearer') == [('m', 'nearer', '')]


def test_too_far_is_said_with_the_distance():
    both = pairs()
    both.add_mask(2_000_100, 'm')
    assert both.add_depth(5_000_100, 'd') == [
        ('m', None, 'the nearest one is 3.0 ms after the image, and 1e-05 ms are allowed')
    ]


def test_masks_that_wait_are_few():
    both = pairs(length=2)
    assert both.add_mask(1, 'a') == both.add_mask(2, 'b') == []
    assert both.add_mask(3, 'c') == [('a', None, 'none has come')]
    assert both.waiting == 2


def test_depth_of_a_mask_in_work_outlasts_later_ones():
    """The work takes longer than the queue is: its depth is kept, others go."""
    both = pairs(length=3)
    both.expect(100)
    for stamp in (100, 200, 300, 400, 500, 600):
        both.add_depth(stamp, stamp)
    assert both.add_mask(100, 'm') == [('m', 100, '')]


def test_time_that_goes_back_ends_what_waits():
    both = pairs()
    both.add_mask(100, 'old')
    assert both.add_mask(5, 'new') == [('old', None, 'none has come')]
    both.add_depth(900, 'x')
    assert both.add_depth(3, 'd') == []
    assert both.add_mask(3, 'm') == [('m', 'd', '')]


def test_flush_decides_with_what_is_there():
    both = pairs()
    both.add_depth(95, 'd')
    both.add_mask(100, 'm')
    assert both.flush() == [('m', 'd', '')]
