# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is said of a camera's colours, and how often."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from sensor_msgs.msg import Image

from rtseg_ros.nodes.segmentation.colour_watch import ColourWatch


def test_a_guessed_order_is_told_once():
    watch = ColourWatch()
    told = [
        watch.note(Image(encoding=encoding), generic_order='rgb')
        for encoding in ('8UC3', '8UC3', 'bgr8', 'bgr8')
    ]
    assert told[1:] == ['', '', '']
    assert 'taken as rgb, red first' in told[0]
    assert 'set generic_order to bgr' in told[0]
