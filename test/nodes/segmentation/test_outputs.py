# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the node publishes: geometry, camera info, confidence, groups, and only if wanted."""

import importlib.util
import re

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import cv2
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.harness.lifecycle_client import LifecycleError
from rtseg_ros.labels.overlay import overlay_from_labels
from rtseg_ros.nodes.messages import camera_info_of_mask, image_from_array
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.geometry import Geometry

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)
DEFAULTS = {
    'resize': 'stretch',
    'roi': [0, 0, 0, 0],
    'rotation': 0,
    'output_size': 'source',
    'class_groups': '',
    'min_confidence': 0.0,
    'unlabelled_id': 255,
    'max_age_ms': 0.0,
    'image_transport': 'raw',
}


def picture(seed=0, size_hw=(80, 112)):
    small = np.random.default_rng(seed).integers(0, 256, (8, 11, 3), np.uint8)
    return cv2.resize(small, size_hw[::-1], interpolation=cv2.INTER_NEAREST)


def info_for(frame, header):
    return CameraInfo(
        header=header, width=frame.shape[1], height=frame.shape[0],
        k=[100.0, 0.0, 55.0, 0.0, 90.0, 41.0, 0.0, 0.0, 1.0],
        p=[95.0, 0.0, 54.0, -19.0, 0.0, 95.0, 40.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip


@pytest.fixture
def robot(bench, tiny_model):
    bench.unconfigure()  # another module's tests may have left a model of another size
    assert bench.set_parameter('model', str(tiny_model)) == ''
    yield bench
    bench.unconfigure()
    for name, value in (DEFAULTS | {'model': str(tiny_model)}).items():
        assert bench.set_parameter(name, value) == ''


CASES = [
    ('letterbox', (16, 8, 64, 64), 90, 'network'),
    ('crop', None, 0, 'source'),
    ('stretch', None, 180, (30, 50)),
    ('crop', (16, 8, 64, 64), 270, 'region'),
]


@pytest.mark.parametrize(('resize', 'roi', 'rotation', 'size'), CASES)
def test_mask_and_camera_info_have_the_geometry(robot, tiny_model, resize, roi, rotation, size):
    text = size if isinstance(size, str) else f'{size[1]} {size[0]}'
    robot.reconfigure(
        resize=resize, roi=list(roi or (0, 0, 0, 0)), rotation=rotation, output_size=text
    )
    infos = []
    subscription = robot.listen(CameraInfo, f'{robot.managed}/camera_info', infos)
    publisher = robot.node.create_publisher(CameraInfo, 'camera_info', 5)
    robot.until(publisher.get_subscription_count, what='the node subscribes to camera_info')
    robot.spin(0.5)  # until the node has discovered the camera, too
    frame = picture()
    expected = load_segmenter(tiny_model, geometry=Geometry(resize, roi, rotation, size))(frame)

    def answered():
        header = robot.header()
        publisher.publish(info_for(frame, header))
        robot.spin(0.1)
        mask = robot.answer(image_from_array(frame, 'bgr8', header=header))
        np.testing.assert_array_equal(pixels_from_image(mask), expected.labels)
        assert (mask.height, mask.width) == expected.layout.mask_hw
        return infos

    robot.until(answered, what='the camera info of the mask')
    header = infos[-1].header
    assert header in [mask.header for mask in robot.masks]
    wanted = camera_info_of_mask(info_for(frame, header), expected.layout, header=header)
    assert infos[-1] == wanted
    robot.node.destroy_subscription(subscription)
    robot.node.destroy_publisher(publisher)


def test_region_outside_of_the_frame_is_rejected_with_its_reason(robot):
    robot.reconfigure(roi=[50, 0, 100, 20])
    before = robot.counts()
    robot.camera.publish(image_from_array(picture(), 'bgr8', header=robot.header()))
    robot.until_message('region of interest x 50, y 0, 100x20 is not inside the frame of 112x80')
    assert robot.counts()['rejected'] == before['rejected'] + 1


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('resize', 'squeeze', 'accepted: stretch, letterbox, crop'),
        ('rotation', 45, 'accepted: 0, 90, 180, 270'),
        ('min_confidence', 1.5, 'min_confidence'),
        ('unlabelled_id', 256, 'unlabelled_id'),
        ('threads', -1, 'threads'),
        ('max_batch', 'many', 'type'),
        ('no_such_parameter', 1, 'no_such_parameter|not declared|undeclared'),
    ],
)
def test_impossible_values_are_refused_with_a_reason(robot, name, value, words):
    robot.start()
    reason = robot.set_parameter(name, value)
    assert reason
    assert re.search(words, reason), reason


def test_values_that_only_configure_can_judge(robot):
    """A wrong combination fails configure with its reason, and can be mended."""
    for name, value, words in (
        ('output_size', 'half', "output_size is 'half'"),
        ('roi', [1, 2], 'expected x, y, width, height'),
        ('class_groups', '/no/such/file.yaml', 'cannot be read'),
        ('unlabelled_id', 2, "unlabelled_id 2 is the class 'green'"),
    ):
        assert robot.set_parameter(name, value) == ''
        with pytest.raises(LifecycleError, match='unconfigured'):
            robot.lifecycle.change('configure')
        robot.until_message(f'configure failed: .*{words}')
        assert robot.set_parameter(name, DEFAULTS[name]) == ''
    robot.start()
    assert robot.label_of(RED) == 3


def test_other_parameters_need_an_unconfigured_node(robot):
    robot.start()
    assert 'only be set while the node is unconfigured' in robot.set_parameter('rotation', 90)


def test_confidence_is_that_of_the_segmenter(robot, make_model):
    path = make_model(temperature=10.0)
    robot.reconfigure(model=str(path))
    confidences = []
    subscription = robot.listen(Image, f'{robot.managed}/confidence', confidences)
    frame = picture(1)

    def answered():
        robot.labels_of(frame)
        return confidences

    robot.until(answered, what='a confidence image')
    expected = load_segmenter(path)(frame, confidence=True)
    message = confidences[-1]
    assert (message.encoding, message.step) == ('mono8', 112)
    np.testing.assert_array_equal(pixels_from_image(message), expected.confidence)
    assert message.header in [mask.header for mask in robot.masks]
    robot.node.destroy_subscription(subscription)


def test_doubtful_pixels_live(robot, make_model):
    """Dark has confidence 0.48 at temperature 10 (softmax of 1, 0, 0, 0)."""
    robot.reconfigure(model=str(make_model(temperature=10.0)))
    assert robot.label_of((0, 0, 0)) == 0
    assert robot.set_parameter('min_confidence', 0.6) == ''
    assert robot.label_of((0, 0, 0)) == 255
    assert robot.set_parameter('unlabelled_id', 99) == ''
    assert robot.label_of((0, 0, 0)) == 99
    assert "1 is the class 'blue'" in robot.set_parameter('unlabelled_id', 1)
    assert robot.label_of((0, 0, 0)) == 99
    assert robot.set_parameter('min_confidence', 0.3) == ''
    assert robot.label_of((0, 0, 0)) == 0


def test_groups_change_mask_and_overlay(robot, tmp_path):
    groups = tmp_path / 'groups.yaml'
    groups.write_text(
        'groups:\n'
        '  - {name: go, classes: [green], color: [10, 20, 30]}\n'
        '  - {name: stop, classes: rest}\n'
        'unlabelled: [dark]\n'
    )
    robot.reconfigure(class_groups=str(groups))
    assert [robot.label_of(c) for c in (GREEN, BLUE, RED, (0, 0, 0))] == [0, 1, 1, 255]
    overlays = []
    subscription = robot.listen(Image, f'{robot.managed}/overlay', overlays)
    frame = np.full((20, 30, 3), GREEN, np.uint8)
    robot.until(lambda: robot.labels_of(frame) is not None and overlays, what='an overlay')
    palette = np.zeros((256, 3), np.uint8)
    palette[0] = (30, 20, 10)
    expected = overlay_from_labels(frame, np.zeros((20, 30), np.uint8), palette_bgr=palette)
    np.testing.assert_array_equal(pixels_from_image(overlays[-1]), expected)
    robot.node.destroy_subscription(subscription)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_compressed_images(robot, tiny_model, suffix):
    robot.lifecycle.change('configure')
    robot.lifecycle.change('cleanup')
    assert robot.set_parameter('image_transport', 'compressed') == ''
    robot.lifecycle.change('configure')
    robot.lifecycle.change('activate')
    publisher = robot.node.create_publisher(CompressedImage, 'image/compressed', 5)
    robot.until(publisher.get_subscription_count, what='the node subscribes')
    robot.spin(1.0)  # until the node has discovered the camera, too
    encoded = cv2.imencode(suffix, picture(2))[1]
    message = CompressedImage(header=robot.header(), format=suffix[1:], data=encoded.tobytes())
    publisher.publish(message)
    mask = robot.mask_of(message)
    frame = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(
        pixels_from_image(mask), load_segmenter(tiny_model)(frame).labels
    )
    robot.node.destroy_publisher(publisher)


def test_no_image_is_taken_while_nobody_wants_a_result(launch_node, make_robot, tiny_model):
    process = launch_node('segmentation_node', namespace='/lazy', model=tiny_model, autostart=True)
    robot = make_robot('/lazy')
    robot.ready()
    assert robot.label_of(BLUE) == 1
    robot.node.destroy_subscription(robot.mask_subscription)
    robot.until(lambda: not robot.camera.get_subscription_count(), what='the tap closes')
    robot.until_message('nobody subscribes to mask')
    before = robot.counts()
    for _ in range(5):
        robot.camera.publish(image_from_array(picture(), 'bgr8', header=robot.header()))
        robot.spin(0.05)
    assert robot.counts() == before
    overlays = []
    robot.listen(Image, f'{robot.managed}/overlay', overlays)
    robot.until(robot.camera.get_subscription_count, what='the tap opens for an overlay')
    robot.spin(1.0)
    robot.camera.publish(image_from_array(picture(), 'bgr8', header=robot.header()))
    robot.until(lambda: overlays, what='an overlay without a mask')
    assert process.stop() == 0


@pytest.mark.skipif(
    importlib.util.find_spec('vision_msgs') is not None, reason='vision_msgs is installed'
)
def test_absence_of_vision_msgs_is_said_once(robot):
    robot.start()
    text = robot.process.text()
    assert text.count('vision_msgs is not installed') == 1
    assert 'ros-<distribution>-vision-msgs' in text
