# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stamps as messages of ROS and as one number."""

from types import SimpleNamespace

import pytest

from rtseg_ros.frames.stamp import ns_from_stamp, sec_and_nanosec


@pytest.mark.parametrize(
    ('sec', 'nanosec', 'stamp_ns'),
    [(0, 0, 0), (1, 5, 1_000_000_005), (1_700_000_000, 999_999_999, 1_700_000_000_999_999_999)],
)
def test_there_and_back(sec, nanosec, stamp_ns):
    assert ns_from_stamp(SimpleNamespace(sec=sec, nanosec=nanosec)) == stamp_ns
    assert sec_and_nanosec(stamp_ns) == (sec, nanosec)


def test_nanoseconds_beyond_a_second_and_before_1970_count_as_they_stand():
    assert ns_from_stamp(SimpleNamespace(sec=3, nanosec=4_000_000_000)) == 7_000_000_000
    assert ns_from_stamp(SimpleNamespace(sec=-5, nanosec=3)) == -4_999_999_997
