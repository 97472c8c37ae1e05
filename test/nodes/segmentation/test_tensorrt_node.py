# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The node on TensorRT: what its user sees of a build, and several cameras on one engine."""

from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('onnx', reason='the fake TensorRT reads models with onnx')

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.nodes.messages import image_from_array

pytestmark = pytest.mark.dds

ROOT = Path(__file__).parents[3]
# What a node said before it was discovered is kept by it: of statuses the last ten.
KEPT = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(scope='module')
def cudart(tmp_path_factory):
    """The fake CUDA runtime."""
    gcc = shutil.which('gcc')
    if gcc is None:
        pytest.skip('gcc is not installed: the fake CUDA runtime is written in C')
    library = tmp_path_factory.mktemp('cudart') / 'libcudart_fake.so'
    source = ROOT / 'test' / 'support' / 'fake_cudart.c'
    subprocess.run([gcc, '-shared', '-fPIC', '-o', str(library), str(source)], check=True)
    return library


@pytest.fixture
def launch(cudart, ros, make_model, tmp_path):
    """Return a function that starts the node on the fakes, with its own cache of plans."""
    processes = []
    model = make_model(outputs=('logits', 'labels'))

    def start(namespace, *, node='segmentation_node', pause_s=0.0, **parameters):
        defaults = {'engine': 'tensorrt', 'model': model}
        if node == 'conversion_node':
            defaults = {'engine': True, 'checkpoint': model}
        values = {
            **defaults, 'tensorrt.cache_folder': tmp_path / 'cache', 'tensorrt.finish': 'engine',
            **parameters,
        }  # fmt: skip
        words = [word for key, value in values.items() for word in ('-p', f'{key}:={value}')]
        process = subprocess.Popen(
            [
                sys.executable, str(ROOT / 'test' / 'support' / 'fake_tensorrt_node.py'), node,
                str(cudart), str(pause_s), '--ros-args', '-r', f'__ns:={namespace}', *words,
            ],
            cwd=ROOT,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def robot(make_robot, request):
    robot = make_robot(f'/trt_{request.node.name[:20]}'.replace('[', '_').replace(']', '_'))
    robot.logged = []
    robot.listen(Log, '/rosout', robot.logged, qos=KEPT)
    return robot


def namespace(robot):
    return robot.managed.rsplit('/', 1)[0]


def said(robot, pattern):
    name = robot.managed.strip('/').replace('/', '.')
    return [m.msg for m in robot.logged if m.name == name and re.search(pattern, m.msg)]


def configure(robot):
    """Ask for the transition and do not wait for it."""
    client = robot.node.create_client(ChangeState, f'{robot.managed}/change_state')
    robot.until(client.service_is_ready, what='the lifecycle service')
    transition = Transition(id=Transition.TRANSITION_CONFIGURE)
    return client.call_async(ChangeState.Request(transition=transition))


def test_a_build_is_seen_while_it_goes_on(launch, robot):
    launch(namespace(robot), pause_s=1.5)
    robot.until(lambda: robot.diagnostics, what='diagnostics')
    configure(robot)
    robot.until_message(r'Timing tactics: \d\d%')
    assert robot.diagnostics['state'] == 'unconfigured'
    robot.until(lambda: robot.diagnostics['state'] == 'inactive', what='inactive')
    assert robot.diagnostics['engine'] == 'tensorrt'
    assert robot.diagnostics['precision'] == 'fp32'
    assert robot.diagnostics['device'] == 'Fake Orin (compute 8.7)'
    robot.until(lambda: said(robot, 'on tensorrt, Fake Orin'), what='the model in the log')
    for pattern in (
        r'building a TensorRT 10.3.0 plan of tiny.onnx: there is none yet',
        r'Timing tactics: \d+%',
        r'built tiny.onnx in 6 s: fp32',
    ):
        assert said(robot, pattern), [m.msg for m in robot.logged]


def test_the_conversion_node_builds_what_the_other_finds(launch, robot):
    name, statuses = f'{namespace(robot)}/conversion', []

    def keep(message):
        statuses.extend(status for status in message.status if status.name == name)

    robot.node.create_subscription(DiagnosticArray, '/diagnostics', keep, KEPT)
    conversion = launch(namespace(robot), node='conversion_node', pause_s=1)
    robot.until(lambda: conversion.poll() is not None, what='the end of the conversion')
    assert conversion.returncode == 0
    percents = [value_of(s, 'done') for s in statuses if 'building' in value_of(s, 'stage')]
    assert len(percents) > 3
    assert value_of(statuses[-1], 'stage') == 'done'
    assert value_of(statuses[-1], 'engine_precision_as_built') == 'fp32'
    assert value_of(statuses[-1], 'engine_device') == 'Fake Orin'
    launch(namespace(robot))
    robot.start()
    assert robot.label_of(BLUE) == 1
    assert not said(robot, 'building a TensorRT')


def value_of(status, key):
    return next((item.value for item in status.values if item.key == key), '')


def test_a_rebuild_names_the_field_that_differs(launch, robot):
    launch(namespace(robot))
    robot.start()
    assert robot.label_of(BLUE) == 1
    assert robot.label_of(RED) == 3
    robot.reconfigure(**{'tensorrt.workspace_mib': 16})
    assert robot.label_of(GREEN) == 2
    robot.until(lambda: said(robot, 'workspace_mib: 0 -> 16'), what='the difference in the log')
    robot.reconfigure(**{'tensorrt.workspace_mib': 0})
    assert len(said(robot, 'building a TensorRT')) == 2, 'the first plan is still there'


def test_a_signal_ends_a_build(launch, robot):
    process = launch(namespace(robot), pause_s=8, autostart=True)
    robot.until(lambda: said(robot, 'building a TensorRT'), what='the build')
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0  # with the three other steps it would take 32 s


@pytest.mark.parametrize('batch', [1, None], ids=['batch_of_one', 'free_batch'])
def test_several_cameras_share_one_engine(launch, robot, make_model, batch):
    """Frames of one turn go through it one after another; each camera gets its own mask."""
    outputs = ('logits', 'labels') if batch else ('logits',)
    model = make_model(outputs=outputs, batch=batch)
    launch(
        namespace(robot),
        model=model, cameras="['front', 'rear']", max_batch=2,
        **{'tensorrt.finish': 'measured'},
    )  # fmt: skip
    cameras = {}
    for name, color in (('front', BLUE), ('rear', GREEN)):
        masks = []
        publisher = robot.node.create_publisher(Image, f'{name}/image', 5)
        robot.listen(Image, f'{robot.managed}/{name}/mask', masks)
        cameras[name] = (publisher, np.full((40, 60, 3), color, np.uint8), masks)
    robot.lifecycle.change('configure')
    robot.lifecycle.change('activate')

    def enough():
        for publisher, pixels, _ in cameras.values():
            publisher.publish(image_from_array(pixels, 'bgr8', header=robot.header()))
        robot.spin(0.05)
        return all(len(masks) >= 20 for _, _, masks in cameras.values())

    robot.until(enough, what='masks of both cameras')
    for (_, _, masks), label in zip(cameras.values(), (1, 2), strict=True):
        assert all((pixels_from_image(mask) == label).all() for mask in masks)
    robot.next_diagnostics()
    assert robot.diagnostics['failed'] == '0'
