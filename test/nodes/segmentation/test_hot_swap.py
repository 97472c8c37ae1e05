# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A new model takes its place between two frames; a bad one changes nothing."""

from contextlib import contextmanager
import os
import shutil

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from builtin_interfaces.msg import Time
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from rtseg_ros.labels import LabelSet
from rtseg_ros.nodes.messages import image_from_array

BLUE, RED = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def robot(bench, tiny_model):
    bench.reconfigure(model=str(tiny_model))
    return bench


@pytest.fixture(scope='module')
def swapped_model(make_model):
    """Names blue red and red blue."""
    return make_model('swapped', swapped=True)


def test_parameter_swaps_while_frames_arrive(robot, tiny_model, swapped_model):
    """Every frame is answered by the old or the new model, none is lost, and once new, new."""
    frame = np.full((20, 30, 3), BLUE, np.uint8)
    answers = []

    def stream():
        message = image_from_array(frame, 'bgr8', header=robot.header())
        mask = robot.answer(message)
        answers.append(mask.data[0])

    for model in (swapped_model, tiny_model):
        stream()
        robot.set_parameter_while('model', str(model), stream)
        stream()
    changes = [a for a, b in zip(answers, answers[1:], strict=False) if a != b]
    assert answers[0] == 1
    assert answers[-1] == 1
    assert changes == [1, 3]
    assert robot.next_diagnostics()['model'] == 'tiny.onnx'


@pytest.mark.parametrize('kind', ['missing', 'text', 'other classes'])
def test_bad_model_leaves_the_old_one(robot, tmp_path, make_model, kind):
    path, words = tmp_path / 'bad.onnx', {'missing': 'there is no model', 'text': 'not an ONNX'}
    if kind == 'text':
        path.write_text('hello')
    if kind == 'other classes':
        groups = tmp_path / 'groups.yaml'
        groups.write_text('groups:\n  - {name: all, classes: [dark, blue, green, red]}\n')
        robot.reconfigure(class_groups=str(groups))
        names = LabelSet('odd', ('a', 'b', 'c', 'd'), ((0, 0, 0),) * 4)
        path = make_model('odd', labels=names)
    reason = robot.set_parameter('model', str(path))
    assert words.get(kind, "the model has no class 'dark'; it has a, b, c, d") in reason
    assert robot.label_of(RED) == (0 if kind == 'other classes' else 3)
    assert robot.next_diagnostics()['model'] == 'tiny.onnx'
    if kind == 'other classes':
        robot.reconfigure(class_groups='')


def test_service_loads_the_file_anew(robot, tmp_path, tiny_model, swapped_model):
    """The file behind the parameter is replaced, deleted, restored: it counts when asked."""
    path = tmp_path / 'mine.onnx'
    shutil.copy(tiny_model, path)
    assert robot.set_parameter('model', str(path)) == ''
    os.replace(shutil.copy(swapped_model, tmp_path / 'new'), path)
    assert robot.label_of(BLUE) == 1
    answer = robot.call(Trigger, 'load_model', Trigger.Request())
    assert answer.success
    assert 'mine.onnx' in answer.message
    assert robot.label_of(BLUE) == 3
    path.unlink()
    answer = robot.call(Trigger, 'load_model', Trigger.Request())
    assert not answer.success
    assert 'there is no model' in answer.message
    assert robot.label_of(BLUE) == 3
    path.write_bytes(tiny_model.read_bytes()[:-300])
    assert not robot.call(Trigger, 'load_model', Trigger.Request()).success
    assert robot.label_of(BLUE) == 3


@contextmanager
def slow_load(robot, path):
    """Have the node load a file that does not come to its end until this is left."""
    writers = []

    def node_reads():
        try:
            writers.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads yet
            return False
        return True

    try:
        robot.until(node_reads, what='the node reads the model')
        yield
    finally:
        for writer in writers:
            os.close(writer)


@pytest.fixture
def slow_model(robot, tmp_path, tiny_model):
    """The model of the running node, replaced by a pipe."""
    path = tmp_path / 'mine.onnx'
    shutil.copy(tiny_model, path)
    assert robot.set_parameter('model', str(path)) == ''
    path.unlink()
    os.mkfifo(path)
    return path


def test_all_goes_on_while_the_service_loads(robot, slow_model, tiny_model):
    client = robot.node.create_client(Trigger, f'{robot.managed}/load_model')
    robot.until(client.service_is_ready, what='the service load_model')
    first = client.call_async(Trigger.Request())
    with slow_load(robot, slow_model):
        second = robot.call(Trigger, 'load_model', Trigger.Request())
        assert not second.success
        assert 'a model is being loaded already' in second.message
        assert 'being loaded already' in robot.set_parameter('model', str(tiny_model))
        assert robot.label_of(BLUE) == 1
        assert robot.set_parameter('min_confidence', 0.1) == ''
        robot.lifecycle.change('deactivate')
        robot.lifecycle.change('cleanup')
        assert not first.done()
    robot.until(first.done, what='the answer of the first call')
    assert not first.result().success  # of a pipe that was empty
    robot.node.destroy_client(client)
    assert robot.lifecycle.state() == 'unconfigured'
    assert robot.set_parameter('min_confidence', 0.0) == ''


@pytest.mark.parametrize('by', ['load_model', 'set_parameters'])
def test_simulated_time_goes_on_while_a_model_is_loaded(robot, slow_model, by):
    """The clock leaps ahead meanwhile, so a frame of before is too old; first it was not."""
    clock = robot.node.create_publisher(Clock, '/clock', 5)
    assert robot.set_parameter('use_sim_time', True) == ''
    assert robot.set_parameter('max_age_ms', 1000.0) == ''
    robot.until(clock.get_subscription_count, what='the node subscribes to /clock')
    clock.publish(Clock(clock=Time(sec=900)))
    assert robot.label_of(BLUE) == 1
    kind, request = Trigger, Trigger.Request()
    if by == 'set_parameters':
        message = Parameter('model', value=str(slow_model)).to_parameter_msg()
        kind, request = SetParameters, SetParameters.Request(parameters=[message])
    client = robot.node.create_client(kind, f'{robot.managed}/{by}')
    robot.until(client.service_is_ready, what=f'the service {by}')
    answer = client.call_async(request)
    with slow_load(robot, slow_model):
        before, frame = robot.counts()['stale'], np.zeros((20, 30, 3), np.uint8)

        def too_old():
            clock.publish(Clock(clock=Time(sec=9000)))
            robot.camera.publish(image_from_array(frame, 'bgr8', header=robot.header()))
            return robot.counts()['stale'] > before

        robot.until(too_old, what='a frame is too old')
    robot.until(answer.done, what='the answer')
    robot.node.destroy_client(client)
    robot.node.destroy_publisher(clock)
    assert robot.set_parameter('max_age_ms', 0.0) == ''
    assert robot.set_parameter('use_sim_time', False) == ''


def test_service_of_an_unconfigured_node_says_so(robot):
    robot.lifecycle.change('deactivate')
    robot.lifecycle.change('cleanup')
    answer = robot.call(Trigger, 'load_model', Trigger.Request())
    assert not answer.success
    assert 'not configured' in answer.message


def test_model_of_another_size_swaps_too(robot, make_model):
    assert robot.set_parameter('model', str(make_model('large', size_hw=(96, 160)))) == ''
    assert robot.label_of(RED) == 3
