# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every legal transition, twice and while frames arrive; every illegal one refused."""

import itertools
import signal

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from rtseg_ros.harness.lifecycle_client import LifecycleError
from rtseg_ros.nodes.messages import image_from_array

LEGAL = {
    ('unconfigured', 'configure'): 'inactive',
    ('inactive', 'activate'): 'active',
    ('active', 'deactivate'): 'inactive',
    ('inactive', 'cleanup'): 'unconfigured',
}


@pytest.fixture
def robot(bench, tiny_model):
    bench.reconfigure(model=str(tiny_model))
    return bench


def camera_runs(robot, period_s=0.005):
    """Publish frames all the time while the robot's node is spun."""
    frame = np.full((48, 64, 3), (255, 0, 0), np.uint8)
    return robot.node.create_timer(
        period_s,
        lambda: robot.camera.publish(image_from_array(frame, 'bgr8', header=robot.header())),
    )


def test_any_order_while_frames_arrive(robot):
    """A walk over all transitions, legal or not, from every state, twice."""
    before = robot.counts()
    timer = camera_runs(robot)
    names = ('configure', 'activate', 'deactivate', 'cleanup')
    state = 'active'
    route = ['deactivate', 'cleanup', 'configure', 'cleanup', 'configure', 'activate'] * 2
    for step in itertools.chain.from_iterable((*names, move) for move in route):
        target = LEGAL.get((state, step))
        if step in names and target is None:
            with pytest.raises(LifecycleError):
                robot.lifecycle.change(step)
        elif target is not None:
            robot.lifecycle.change(step)
            state = target
        assert robot.lifecycle.state() == state
        robot.spin(0.02)
    robot.node.destroy_timer(timer)
    if state != 'active':
        robot.reconfigure()
    robot.spin(0.5)
    assert robot.label_of((0, 255, 0)) == 2
    counts = robot.counts()
    bins = ('published', 'superseded', 'skipped', 'stale', 'rejected', 'failed')
    assert counts['received'] == sum(counts[name] for name in bins)
    assert counts['failed'] == before['failed']
    assert counts['rejected'] == before['rejected']
    assert 'Traceback' not in robot.process.text()


def test_nothing_is_published_after_deactivate(robot):
    timer = camera_runs(robot)
    robot.until(lambda: len(robot.masks) > 20, what='masks')
    robot.lifecycle.change('deactivate')
    robot.spin(0.3)
    count = len(robot.masks)
    robot.spin(0.5)
    robot.node.destroy_timer(timer)
    assert len(robot.masks) == count
    robot.until_message('not active: ros2 lifecycle set /bench/segmentation activate')


def test_memory_of_the_model_is_freed_by_cleanup(robot, make_model):
    """A model that works in some 100 MB, configured and cleaned up again and again."""
    psutil = pytest.importorskip('psutil', reason='psutil measures the memory')
    process = psutil.Process(robot.process.pid)
    robot.lifecycle.change('deactivate')
    robot.lifecycle.change('cleanup')
    path = make_model('heavy', size_hw=(1024, 2048))
    assert robot.set_parameter('model', str(path)) == ''
    sizes = []
    for _ in range(8):
        robot.lifecycle.change('configure')
        robot.lifecycle.change('cleanup')
        sizes.append(process.memory_info().rss / 2**20)
    assert sizes[-1] - sizes[2] < 50


def test_shutdown_transition_from_active(launch_node, make_robot, tiny_model):
    process = launch_node('segmentation_node', namespace='/ends', model=tiny_model, autostart=True)
    robot = make_robot('/ends')
    robot.ready()
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVE_SHUTDOWN))
    assert robot.call(ChangeState, 'change_state', request).success
    assert robot.lifecycle.state() == 'finalized'
    assert process.stop(signal.SIGTERM) == 0
    assert 'Traceback' not in process.text()


def test_autostart_with_a_bad_model_stays_and_can_be_mended(launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node', namespace='/late', model='/no/model.onnx', autostart=True
    )
    robot = make_robot('/late')
    robot.until_message("configure failed: there is no model '/no/model.onnx'")
    assert robot.lifecycle.state() == 'unconfigured'
    robot.set_parameter('model', str(tiny_model))
    robot.start()
    assert robot.label_of((0, 0, 255)) == 3
    assert process.stop() == 0


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'threads': 1000}, 'threads'),
        ({'max_age_ms': 'soon'}, 'max_age_ms'),
    ],
)
def test_impossible_start_values_end_the_node_in_one_line(launch_node, arguments, words):
    process = launch_node('segmentation_node', namespace='/wrong', **arguments)
    assert process.ended() == 1
    assert words in process.text()
    assert 'Traceback' not in process.text()


def test_unknown_start_values_are_named(launch_node, tiny_model):
    process = launch_node('segmentation_node', namespace='/typo', modle=tiny_model)
    process.wait_for_text("there is no parameter 'modle'; did you mean 'model'?")
    assert process.stop() == 0
