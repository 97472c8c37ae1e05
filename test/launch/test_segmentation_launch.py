# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The launch file, run by the real launch and launch_ros."""

from pathlib import Path
import signal
import subprocess
import time

from node_fixtures import launch_command
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('launch_ros.actions', reason='launch and launch_ros are not installed')
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.installation import profile_variable
from rtseg_ros.nodes.messages import image_from_array

PROFILE = Path(__file__).parents[2] / 'config' / 'fastdds_images.xml'


class Launched:
    """A running launch file."""

    def __init__(self, folder, environment, **arguments):
        self.log = folder / 'launch.txt'
        with self.log.open('wb') as log:
            self.process = subprocess.Popen(
                launch_command('segmentation.launch.py', **arguments),
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment,
            )  # fmt: skip

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def launch(launch_environment, tmp_path):
    started = []

    def start(**arguments):
        started.append(Launched(tmp_path, launch_environment, **arguments))
        return started[-1]

    yield start
    for launched in started:
        if launched.process.poll() is None:
            launched.process.kill()


def test_arguments_reach_the_node(launch, make_robot, tiny_model):
    launched = launch(
        namespace='veh/cam', model=tiny_model, image='/raw/pictures', log_level='warn'
    )
    robot = make_robot('/veh/cam')
    robot.camera = robot.node.create_publisher(Image, '/raw/pictures', 5)
    robot.ready()
    assert robot.lifecycle.state() == 'active'
    assert robot.label_of((0, 0, 255)) == 3
    assert launched.stop() == 0
    text = launched.log.read_text()
    assert 'process has finished cleanly' in text
    assert 'Traceback' not in text
    assert 'tiny.onnx' not in text  # said as info only


def test_a_lifecycle_manager_may_do_the_starting(launch, make_robot, tiny_model):
    launched = launch(namespace='managed', model=tiny_model, autostart='false')
    robot = make_robot('/managed')
    assert robot.lifecycle.state() == 'unconfigured'
    robot.start()
    assert robot.label_of((255, 0, 0)) == 1
    assert launched.stop() == 0


def test_cameras_transport_and_time(launch, make_robot, tiny_model):
    launched = launch(
        namespace='many', model=tiny_model, cameras='[left, right]', use_sim_time='true',
        image_transport='compressed',
    )  # fmt: skip
    robot = make_robot('/many')
    robot.listen(Image, f'{robot.managed}/right/mask', robot.masks)
    camera = robot.node.create_publisher(CompressedImage, 'right/image/compressed', 5)
    robot.until(camera.get_subscription_count, what='the node subscribes to the right camera')
    robot.until_message('left: nobody subscribes')
    assert launched.stop() == 0


def test_own_parameters_are_not_overridden_by_empty_arguments(
    launch, make_robot, tiny_model, tmp_path
):
    parameters = tmp_path / 'mine.yaml'
    parameters.write_text(
        f"/**/segmentation:\n  ros__parameters:\n    model: {tiny_model}\n    output_size: '5 4'\n"
    )
    launched = launch(namespace='mine', params_file=parameters)
    robot = make_robot('/mine')
    robot.until(robot.camera.get_subscription_count, what='autostart')
    robot.spin(1.0)
    message = image_from_array(np.zeros((8, 10, 3), np.uint8), 'bgr8', header=robot.header())
    mask = robot.answer(message)
    assert (mask.width, mask.height) == (5, 4)
    assert launched.stop() == 0


def test_fast_dds_profile_is_given_to_the_node(launch, make_robot, tiny_model):
    launched = launch(namespace='dds', model=tiny_model, fastdds_profile=PROFILE)
    robot = make_robot('/dds')
    robot.until(robot.camera.get_subscription_count, what='autostart')
    children = subprocess.run(
        ['ps', '-o', 'pid=', '--ppid', str(launched.process.pid)], capture_output=True, text=True
    ).stdout.split()  # fmt: skip
    time.sleep(0.1)
    environment = Path(f'/proc/{children[0]}/environ').read_bytes().split(b'\0')
    assert f'{profile_variable()}={PROFILE}'.encode() in environment
    assert launched.stop() == 0


@pytest.mark.process
def test_unknown_choice_is_refused(launch):
    launched = launch(log_level='loud')
    assert launched.process.wait(30) != 0
    assert 'loud' in launched.log.read_text()
