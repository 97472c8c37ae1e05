"""`rtseg doctor` on a real graph: what it says of nodes, and its exit code."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rosgraph_msgs.msg import Clock

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
    mine = {k: v for k, v in problems.items() if 'segmentation' not in k or NODE in k}
    assert not mine
    assert findings[NODE]['text'].startswith('ok (')
    assert 'rtseg_doctor' not in findings['image topics']['text']  # its own
    assert findings[f'{NODE}, time']['text'] == "the computer's"
    assert "this computer's clock" in findings['/clinic/image, stamps']['text']
    assert '20 of 20' in findings['DDS, 6 MB (1920x1080)']['text'] or not problems
    assert code == (1 if problems else 0)


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
