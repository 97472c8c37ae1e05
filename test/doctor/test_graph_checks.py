# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""`rtseg doctor` on a real graph: what it says of nodes, and its exit code."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import rclpy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.installation import PROFILE_VARIABLES
from rtseg_ros.nodes.messages import image_from_array


def doctor(robot, *options, **environment):
    """Run the command while the robot's graph goes on; return exit code and findings by name."""
    command = [sys.executable, '-m', 'rtseg_ros.cli', 'doctor', *options]
    process = subprocess.Popen(
        [*command, '--json', '/dev/stderr'], env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    frame = np.zeros((48, 64, 3), np.uint8)

    def finished():
        header = robot.header()
        header.stamp = robot.node.get_clock().now().to_msg()
        robot.camera.publish(image_from_array(frame, 'bgr8', header=header))
        robot.spin(0.05)
        return process.poll() is not None

    robot.until(finished, what='the doctor', timeout_s=90)
    lines, report = process.communicate()
    findings = {f['name']: f for f in json.loads(report[report.index('{') :])['findings']}
    shown = [line for line in lines.splitlines() if line.startswith(('ok', 'problem'))]
    assert len(shown) == len(json.loads(report[report.index('{') :])['findings'])
    return process.returncode, findings


@pytest.fixture(scope='module')
def graph(launch_node, make_robot, tiny_model):
    process = launch_node('segmentation_node', namespace='/clinic', model=tiny_model)
    robot = make_robot('/clinic')
    robot.lifecycle.change('configure')
    yield robot
    assert process.stop() == 0


NODE = '/clinic/segmentation'


def test_node_that_is_not_active_is_a_problem(graph, tiny_model):
    code, findings = doctor(graph, '--model', str(tiny_model), '--no-dds')
    assert code == 1
    assert not findings[NODE]['ok']
    assert f'not active: ros2 lifecycle set {NODE} activate' in findings[NODE]['text']
    assert '/clinic/image (raw, reliable)' in findings['image topics']['text']


@pytest.fixture(scope='module')
def active_graph(graph):
    graph.lifecycle.change('activate')
    graph.until(graph.camera.get_subscription_count, what='the node subscribes')
    return graph


def test_all_is_well(active_graph, tiny_model):
    """With frames flowing: exit code 0, the node ok, stamps of this clock, 6 MB through DDS."""
    code, findings = doctor(active_graph, '--model', str(tiny_model))
    problems = {name: f['text'] for name, f in findings.items() if not f['ok']}
    # Other tests' nodes may be in the graph; they are not of this test.
    mine = {k: v for k, v in problems.items() if '/' not in k or '/clinic/' in k}
    assert not mine
    assert findings[NODE]['text'].startswith('ok (')
    assert 'rtseg_doctor' not in findings['image topics']['text']  # its own
    assert findings[f'{NODE}, time']['text'] == "the computer's"
    assert "this computer's clock" in findings['/clinic/image, stamps']['text']
    assert '20 of 20' in findings['DDS, 6 MB (1920x1080)']['text'] or not problems
    assert code == (1 if problems else 0)


def test_two_cameras_two_names_and_lost_colours_are_problems(active_graph, tiny_model):
    """Whoever is wrong is not always the node that was started."""
    others = [rclpy.create_node('twin', namespace='/clinic') for _ in range(2)]
    others[0].create_publisher(Image, 'image', 5)
    grey = others[1].create_publisher(CompressedImage, 'front/compressed', 5)
    data = cv2.imencode('.jpg', np.full((20, 30), 90, np.uint8))[1].tobytes()
    message = CompressedImage(format='yuv422_yuy2; jpeg compressed mono8', data=data)
    timer = active_graph.node.create_timer(0.1, lambda: grey.publish(message))
    code, findings = doctor(active_graph, '--no-dds', '--model', str(tiny_model))
    active_graph.node.destroy_timer(timer)
    for node in others:
        node.destroy_node()
    assert code == 1
    several = '2 publishers on /clinic/image (/clinic/robot, /clinic/twin)'
    assert several in findings['/clinic/image, publishers']['text']
    assert '2 nodes are called /clinic/twin' in findings['/clinic/twin, name']['text']
    assert 'threw the colours away' in findings['/clinic/front/compressed, colours']['text']
    assert several in findings[NODE]['text']


@pytest.mark.parametrize('name', PROFILE_VARIABLES)
def test_images_do_not_pass_without_the_profile(graph, tiny_model, name):
    """The same machine with a profile file that is not there."""
    code, findings = doctor(
        graph, '--no-graph', '--model', str(tiny_model), **{name: '/no/profile.xml'}
    )
    assert code == 1
    assert f'no file /no/profile.xml; mend or unset {name}' in findings['DDS']['text']


def test_clock_without_sim_time_is_a_problem(active_graph, tiny_model):
    clock = active_graph.node.create_publisher(Clock, '/clock', 5)
    code, findings = doctor(active_graph, '--no-dds', '--model', str(tiny_model))
    active_graph.node.destroy_publisher(clock)
    assert code == 1
    assert '/clock is published and use_sim_time is not set' in findings[f'{NODE}, time']['text']


def test_bad_model_is_a_problem(graph):
    code, findings = doctor(graph, '--no-dds', '--no-graph', '--model', '/no/model.onnx')
    assert code == 1
    assert 'there is no model' in findings['model']['text']
