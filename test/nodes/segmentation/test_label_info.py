# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""LabelInfo, through the real vision_msgs."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rclpy.qos import DurabilityPolicy, QoSProfile

from rtseg_ros.labels import LabelSet

LATE = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope='module')
def named(vision_msgs, launch_node, make_robot, tiny_model):
    """The other side of a node that has vision_msgs, which other modules' nodes may not have."""
    launch_node('segmentation_node', namespace='/named', model=tiny_model)
    return make_robot('/named')


@pytest.fixture
def robot(named, tiny_model):
    named.reconfigure(model=str(tiny_model), class_groups='', min_confidence=0.0)
    return named


def listen(robot, vision_msgs, topic='label_info'):
    infos = []
    robot.listen(vision_msgs.LabelInfo, f'{robot.managed}/{topic}', infos, qos=LATE)
    robot.until(lambda: infos, what=f'a message of {topic}')
    return infos


def classes(message):
    return [(item.class_id, item.class_name) for item in message.class_map]


def test_late_subscribers_get_every_class(robot, vision_msgs):
    infos = listen(robot, vision_msgs)
    assert classes(infos[0]) == [(0, 'dark'), (1, 'blue'), (2, 'green'), (3, 'red')]
    assert infos[0].threshold == 0.0


def test_changes_are_published_again(robot, vision_msgs, make_model, tmp_path):
    infos = listen(robot, vision_msgs)
    assert robot.set_parameter('min_confidence', 0.25) == ''
    robot.until(lambda: infos[-1].threshold == 0.25, what='the new threshold')
    names = LabelSet('other', ('a', 'b', 'c', 'd'), ((0, 0, 0),) * 4)
    assert robot.set_parameter('model', str(make_model('other', labels=names))) == ''
    robot.until(lambda: classes(infos[-1])[3] == (3, 'd'), what='the new classes')
    groups = tmp_path / 'groups.yaml'
    groups.write_text('groups:\n  - {name: all, classes: rest}\n')
    robot.reconfigure(class_groups=str(groups))
    robot.until(lambda: classes(infos[-1]) == [(0, 'all')], what='the groups')


def test_each_camera_has_its_own(vision_msgs, launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node', namespace='/two', model=tiny_model, cameras='[left, right]',
        autostart=True,
    )  # fmt: skip
    robot = make_robot('/two')
    for name in ('left', 'right'):
        infos = listen(robot, vision_msgs, f'{name}/label_info')
        assert len(infos[0].class_map) == 4
    assert process.stop() == 0
