# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A ROS stamp and its nanoseconds since 1970, as one number."""

from typing import Protocol

NS_PER_S = 1_000_000_000


class Stamp(Protocol):
    """``builtin_interfaces/msg/Time``, of rclpy or of rosbags."""

    sec: int
    nanosec: int


def ns_from_stamp(stamp: Stamp) -> int:
    """Return nanoseconds; what is more than a second in ``nanosec`` counts as it stands."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def sec_and_nanosec(stamp_ns: int) -> tuple[int, int]:
    """Return the two fields of a stamp."""
    return divmod(stamp_ns, NS_PER_S)


def why_impossible(sec: int, nanosec: int) -> str:
    """Return what is wrong with a stamp by itself; empty if nothing is."""
    if sec < 0:
        return 'negative'
    return 'nanosec of a second or more' if nanosec >= NS_PER_S else ''
