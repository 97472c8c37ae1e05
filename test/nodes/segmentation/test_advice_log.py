# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""When advice reaches the console."""

import pytest

pytest.importorskip('rclpy', reason='the nodes need ROS 2')

from rtseg_ros.nodes.segmentation.advice_log import AdviceLog


def told(*advices):
    said = []
    log = AdviceLog(said.append, said.append)
    for advice in advices:
        log.tell(advice)
    return said


def test_what_lasts_is_said_once_though_its_numbers_grow():
    assert told('no image for 4 s', 'no image for 5 s', 'no image for 6 s') == ['no image for 5 s']


def test_what_passes_at_once_is_not_said():
    assert told('no publisher on /image', '', '', '') == []


def test_a_change_and_the_end_are_said():
    said = told('no publisher', 'no publisher', 'wrong QoS', 'wrong QoS', '', '', '')
    assert said == ['no publisher', 'wrong QoS', 'all is well again: masks can be published']
