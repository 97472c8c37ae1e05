# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is wrong and keeps no mask from being published: said once, by log and diagnostics."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import rclpy
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.nodes.ros_graph import several_publishers
from rtseg_ros.nodes.segmentation.remarks import RemarkLog

LOST = 'yuv422_yuy2; jpeg compressed mono8'


def told(*reports):
    said = []
    log = RemarkLog(said.append)
    for remarks in reports:
        log.tell(remarks)
    return said


def test_what_lasts_is_said_once_and_again_when_it_comes_back():
    assert told(['a'], ['a', 'b'], ['a'], []) == ['a']
    assert told(['a'], ['a'], [], [], ['a'], ['a']) == ['a', 'a']


def test_one_publisher_is_no_problem():
    assert several_publishers('/image', ['/cam']) == several_publishers('/image', []) == ''
    text = several_publishers('/image', ['/cam', '/cam'])
    assert '2 publishers on /image (/cam, /cam)' in text
    assert 'killed' in text


@pytest.fixture(scope='module')
def robot(launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node', namespace='/remarks', model=tiny_model, autostart=True,
        image_transport='compressed',
    )  # fmt: skip
    robot = make_robot('/remarks')
    robot.process = process
    robot.jpeg = robot.node.create_publisher(CompressedImage, 'image/compressed', 5)
    robot.until(robot.jpeg.get_subscription_count, what='the node subscribes')
    yield robot
    assert process.stop() == 0


def said(robot, text, while_doing=lambda: None):
    """Wait until diagnostics and log say it; the log no more than once."""

    def everywhere():
        while_doing()
        return text in robot.message and text in robot.process.text()

    robot.until(everywhere, what=text)
    for _ in range(2):
        robot.next_diagnostics()
        while_doing()
    assert robot.level == b'\1'
    assert robot.process.text().count(text) == 1


def unsaid(robot, text, while_doing=lambda: None):
    def gone():
        while_doing()
        return text not in robot.message

    robot.until(gone, what=f'no more {text}')


@pytest.mark.fault(said=1)
def test_a_stream_that_lost_its_colours(robot):
    data = cv2.imencode('.jpg', np.full((20, 30), 90, np.uint8))[1].tobytes()

    def send():
        robot.jpeg.publish(CompressedImage(header=robot.header(), format=LOST, data=data))
        robot.spin(0.05)

    text = "grey although the camera's are yuv422_yuy2"
    said(robot, text, send)
    unsaid(robot, text)


@pytest.mark.fault(said=1)
def test_two_cameras_on_one_topic(robot):
    other = rclpy.create_node('other_camera', namespace='/remarks')
    publisher = other.create_publisher(CompressedImage, 'image/compressed', 5)
    text = '2 publishers on /remarks/image/compressed (/remarks/other_camera, /remarks/robot)'
    said(robot, text)
    other.destroy_publisher(publisher)
    unsaid(robot, text)
    other.destroy_node()


@pytest.mark.fault(said=1)
def test_masks_that_somebody_else_publishes_too(robot):
    other = rclpy.create_node('painter', namespace='/remarks')
    publisher = other.create_publisher(Image, 'segmentation/mask', 5)
    said(robot, '/remarks/painter publishes /remarks/segmentation/mask as well')
    other.destroy_publisher(publisher)
    other.destroy_node()
    unsaid(robot, 'painter')


@pytest.mark.fault(said=1)
def test_two_nodes_of_one_name(robot, launch_node, tiny_model):
    text = '2 nodes are called /remarks/segmentation'
    twin = launch_node('segmentation_node', namespace='/remarks', model=tiny_model)
    said(robot, text)
    twin.wait_for_text(text)  # it says so, too, though it is not even configured
    assert twin.stop() == 0
    unsaid(robot, text)
