# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rate, tap, class groups and the light outputs of a running node."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import SetBool, Trigger

from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.frames.label_image import labels_from_message
from rtseg_ros.labels.overlay import overlay_from_labels
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.runtime import load_segmenter

RED = (0, 0, 255)


@pytest.fixture
def robot(bench, tiny_model):
    bench.reconfigure(model=str(tiny_model))
    yield bench
    bench.unconfigure()
    for name, value in {'class_groups': '', 'max_rate_hz': 0.0, 'palette': 'dataset'}.items():
        assert bench.set_parameter(name, value) == ''


def enable(robot, value):
    return robot.call(SetBool, 'enable', SetBool.Request(data=value))


def test_the_mask_as_png_and_in_colours(robot, tiny_model):
    """As image_transport's plugin decodes it, and by the rule for label images."""
    packed, colored = [], []
    subscriptions = [
        robot.listen(CompressedImage, f'{robot.managed}/mask/compressed', packed),
        robot.listen(Image, f'{robot.managed}/color_mask', colored),
    ]
    robot.spin(1.0)
    small = np.random.default_rng(0).integers(0, 256, (8, 11, 3), np.uint8)
    frame = cv2.resize(small, (112, 80), interpolation=cv2.INTER_NEAREST)
    mask = robot.labels_of(frame)
    robot.until(lambda: packed and colored, what='both')
    message = packed[-1]
    assert message.format == 'mono8; png compressed '
    assert message.header == robot.masks[-1].header
    # compressed_subscriber.cpp: the encoding stands before the first semicolon, and is kept.
    assert message.format.split(';')[0] == 'mono8'
    plugin = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(plugin, mask)
    np.testing.assert_array_equal(labels_from_message(message, compressed=True), mask)
    assert len(np.unique(mask)) > 1
    palette = load_segmenter(tiny_model).labels.palette_bgr()
    np.testing.assert_array_equal(pixels_from_image(colored[-1]), palette[mask])
    for subscription in subscriptions:
        robot.node.destroy_subscription(subscription)


def test_frames_beyond_the_rate_are_skipped_and_counted(robot):
    assert robot.set_parameter('max_rate_hz', 2.0) == ''
    before = robot.settled_counts()
    for _ in range(30):
        robot.camera.publish(
            image_from_array(np.zeros((20, 30, 3), np.uint8), 'bgr8', header=robot.header())
        )
        robot.spin(0.1)
    after = robot.settled_counts()
    gained = {name: after[name] - before[name] for name in after}
    assert gained['skipped'] >= 15
    assert 1 <= gained['published'] <= 12
    assert gained['received'] == sum(
        gained[name]
        for name in ('published', 'superseded', 'skipped', 'stale', 'rejected', 'failed')
    )
    assert robot.set_parameter('max_rate_hz', -1.0) != ''


def test_disabled_takes_no_image_and_survives_a_model_swap(robot):
    assert enable(robot, False).success
    robot.until(lambda: not robot.camera.get_subscription_count(), what='the tap closes')
    assert robot.call(Trigger, 'load_model', Trigger.Request()).success
    robot.until_message('disabled: ros2 service call /bench/segmentation/enable')
    assert robot.next_diagnostics()['enabled'] == 'False'
    assert robot.diagnostics['state'] == 'active'
    assert not robot.camera.get_subscription_count()
    assert enable(robot, True).success
    robot.ready()
    assert robot.next_diagnostics()['enabled'] == 'True'
    assert robot.label_of(RED) == 3


def test_class_groups_change_between_two_frames(robot, tmp_path):
    assert robot.label_of(RED) == 3
    groups = tmp_path / 'groups.yaml'
    names = load_segmenter(robot_model(robot)).labels.names
    groups.write_text(f'groups:\n- {{name: all, color: [1, 2, 3], classes: {list(names)}}}\n')
    assert robot.set_parameter('class_groups', str(groups)) == ''
    assert robot.label_of(RED) == 0
    groups.write_text('groups: 5\n')
    assert 'groups' in robot.set_parameter('class_groups', str(groups))
    assert robot.label_of(RED) == 0
    assert robot.set_parameter('class_groups', '') == ''
    assert robot.label_of(RED) == 3


def robot_model(robot):
    from rcl_interfaces.srv import GetParameters

    request = GetParameters.Request(names=['model'])
    return robot.call(GetParameters, 'get_parameters', request).values[0].string_value


def test_the_palette_of_the_overlay_changes_live(robot, tiny_model):
    """The colour mask keeps the data set's colours: others read classes out of them."""
    frame = np.full((20, 30, 3), RED, np.uint8)
    frame[:, 15:] = 0
    labels = load_segmenter(tiny_model).labels
    overlays, colored = [], []
    subscriptions = [
        robot.listen(Image, f'{robot.managed}/overlay', overlays),
        robot.listen(Image, f'{robot.managed}/color_mask', colored),
    ]
    try:
        for value, outlines in (('distinct', True), ('dataset', False)):
            assert robot.set_parameter('palette', value) == ''
            assert robot.set_parameter('outlines', outlines) == ''
            overlays.clear()
            mask = robot.labels_of(frame)
            robot.until(lambda: overlays and colored, what='overlay and colour mask')
            expected = overlay_from_labels(
                frame, mask, palette_bgr=palette_bgr(labels, value), outlines=outlines
            )
            np.testing.assert_array_equal(pixels_from_image(overlays[-1]), expected)
            np.testing.assert_array_equal(
                pixels_from_image(colored[-1]), labels.palette_bgr()[mask]
            )
        assert 'accepted: dataset, distinct' in robot.set_parameter('palette', 'pretty')
    finally:
        for subscription in subscriptions:
            robot.node.destroy_subscription(subscription)
