# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The limit holds the mean rate, whatever the rate and the punctuality of the camera."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.nodes.segmentation.rate_limit import RateLimit


def passed(camera_hz, limit_hz, *, jitter=0.0, count=600):
    """Numbers of the frames that pass."""
    limit = RateLimit()
    late = np.random.default_rng(0).uniform(-jitter, jitter, count) / camera_hz
    return [
        index
        for index in range(count)
        if limit.passes(limit_hz, now_s=100 + index / camera_hz + late[index])
    ]


def test_no_limit_and_a_slower_camera():
    assert passed(30, 0) == passed(10, 10.5) == list(range(600))


def test_every_third_of_30_at_10_hz():
    assert passed(30, 10) == list(range(0, 600, 3))


@pytest.mark.parametrize(('camera_hz', 'limit_hz'), [(30, 10), (30, 7), (25, 10), (30, 29)])
def test_the_mean_rate_is_the_limit(camera_hz, limit_hz):
    count = len(passed(camera_hz, limit_hz, jitter=0.1))
    assert count == pytest.approx(600 / camera_hz * limit_hz, rel=0.02)


def test_a_pause_gives_no_burst():
    limit = RateLimit()
    assert limit.passes(10, now_s=1.0)
    later = [1000 + index / 100 for index in range(100)]
    assert sum(limit.passes(10, now_s=now_s) for now_s in later) <= 11


def test_a_higher_limit_counts_within_a_step_of_it():
    limit = RateLimit()
    assert limit.passes(0.01, now_s=1.0)
    assert not limit.passes(0.01, now_s=2.0)
    assert not limit.passes(10, now_s=2.1)
    assert limit.passes(10, now_s=2.2)
