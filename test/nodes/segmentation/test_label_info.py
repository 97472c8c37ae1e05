"""LabelInfo, through the real vision_msgs."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip(
    'vision_msgs.msg', reason='vision_msgs is not installed (on a package index it is not found)'
)

from rclpy.qos import DurabilityPolicy, QoSProfile
from vision_msgs.msg import LabelInfo

from rtseg_ros.labels import LabelSet

LATE = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def robot(bench, tiny_model):
    bench.reconfigure(model=str(tiny_model), class_groups='', min_confidence=0.0)
    yield bench
    bench.reconfigure(model=str(tiny_model), class_groups='', min_confidence=0.0)


def classes(message):
    return [(item.class_id, item.class_name) for item in message.class_map]


def test_late_subscribers_get_every_class(robot):
    infos = []
    subscription = robot.listen(LabelInfo, f'{robot.managed}/label_info', infos, qos=LATE)
    robot.until(lambda: infos, what='the label info')
    assert classes(infos[0]) == [(0, 'dark'), (1, 'blue'), (2, 'green'), (3, 'red')]
    assert infos[0].threshold == 0.0
    robot.node.destroy_subscription(subscription)


def test_changes_are_published_again(robot, make_model, tmp_path):
    infos = []
    subscription = robot.listen(LabelInfo, f'{robot.managed}/label_info', infos, qos=LATE)
    robot.until(lambda: infos, what='the label info')
    assert robot.set_parameter('min_confidence', 0.25) == ''
    robot.until(lambda: infos[-1].threshold == 0.25, what='the new threshold')
    names = LabelSet('other', ('a', 'b', 'c', 'd'), ((0, 0, 0),) * 4)
    assert robot.set_parameter('model', str(make_model('other', labels=names))) == ''
    robot.until(lambda: classes(infos[-1])[3] == (3, 'd'), what='the new classes')
    groups = tmp_path / 'groups.yaml'
    groups.write_text('groups:\n  - {name: all, classes: rest}\n')
    robot.reconfigure(class_groups=str(groups))
    robot.until(lambda: classes(infos[-1]) == [(0, 'all')], what='the groups')
    robot.node.destroy_subscription(subscription)


def test_each_camera_has_its_own(launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node', namespace='/two', model=tiny_model, cameras='[left, right]',
        autostart=True,
    )  # fmt: skip
    robot = make_robot('/two')
    for name in ('left', 'right'):
        infos = []
        robot.listen(LabelInfo, f'{robot.managed}/{name}/label_info', infos, qos=LATE)
        robot.until(lambda infos=infos: infos, what=f'the label info of {name}')
        assert len(infos[0].class_map) == 4
    assert process.stop() == 0
