# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose diagnostics they are: by full name, so that another robot's are not taken for ours."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.nodes.diagnostics import full_name, is_from, is_namesake


@pytest.mark.parametrize(
    ('name', 'namespace', 'expected'),
    [
        ('segmentation', '/', '/segmentation'),
        ('segmentation', '/robot1', '/robot1/segmentation'),
        ('cams/segmentation', '/robot1', '/robot1/cams/segmentation'),
        ('/robot2/segmentation', '/robot1', '/robot2/segmentation'),
    ],
)
def test_names_are_completed_by_the_namespace(name, namespace, expected):
    assert full_name(name, namespace) == expected


@pytest.mark.parametrize(
    ('status', 'ours', 'namesake'),
    [
        ('robot1/segmentation', True, False),
        ('/robot1/segmentation', True, False),
        ('robot2/segmentation', False, True),
        ('segmentation', False, True),
        ('robot1/my_segmentation', False, False),
    ],
)
def test_another_robot_s_node_is_not_ours(status, ours, namesake):
    assert is_from(status, '/robot1/segmentation') is ours
    assert is_namesake(status, '/robot1/segmentation') is namesake
