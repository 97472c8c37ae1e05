# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The perception node over real DDS: its masks are those of Segmenter, byte for byte."""

import signal

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from sensor_msgs.msg import Image

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.harness.lifecycle_client import LifecycleError
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.runtime import load_segmenter

NAMESPACE = '/spine'


@pytest.fixture(scope='module')
def process(launch_node, tiny_model):
    return launch_node('segmentation_node', namespace=NAMESPACE, model=tiny_model)


@pytest.fixture(scope='module')
def robot(make_robot, process):
    robot = make_robot(NAMESPACE)
    robot.start()
    return robot


@pytest.fixture(scope='module')
def offline(tiny_model):
    return load_segmenter(tiny_model)


def blobs(seed, size_hw=(60, 100)):
    """Coloured blocks of 10 x 10 pixels."""
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    height, width = size_hw
    ids = np.random.default_rng(seed).integers(0, 4, (-(-height // 10), -(-width // 10)))
    return np.repeat(np.repeat(colors[ids], 10, axis=0), 10, axis=1)[:height, :width].copy()


def test_mask_of_plain_colours(robot):
    """Left half blue, right half red: classes 1 and 3, worked out by hand."""
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[:, :64, 0] = 255
    frame[:, 64:, 2] = 255
    labels = robot.labels_of(frame)
    expected = np.ones((96, 128), np.uint8)
    expected[:, 64:] = 3
    np.testing.assert_array_equal(labels, expected)


def test_message_fits_the_contract(robot):
    message = image_from_array(blobs(1), 'bgr8', header=robot.header())
    mask = robot.answer(message)
    assert (mask.encoding, mask.height, mask.width, mask.step) == ('mono8', 60, 100, 100)
    assert mask.is_bigendian == 0
    assert mask.header == message.header
    assert len(mask.data) == 60 * 100


@pytest.mark.parametrize('seed', range(3))
def test_live_is_offline(robot, offline, seed):
    frame = np.random.default_rng(seed).integers(0, 256, (70 + seed, 90, 3), np.uint8)
    np.testing.assert_array_equal(robot.labels_of(frame), offline(frame).labels)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'bgra8', 'rgba8', 'mono8'])
@pytest.mark.parametrize('padding', [0, 7])
def test_encodings_and_padded_rows(robot, offline, encoding, padding):
    frame = blobs(5)
    if encoding == 'mono8':
        frame = np.repeat(frame.max(axis=2, keepdims=True), 3, axis=2)
    channels = {
        'bgr8': frame,
        'rgb8': frame[..., ::-1],
        'bgra8': np.dstack([frame, np.full(frame.shape[:2], 9, np.uint8)]),
        'rgba8': np.dstack([frame[..., ::-1], np.full(frame.shape[:2], 9, np.uint8)]),
        'mono8': frame[..., :1],
    }[encoding]
    rows = np.full((frame.shape[0], frame.shape[1] * channels.shape[2] + padding), 123, np.uint8)
    rows[:, : frame.shape[1] * channels.shape[2]] = channels.reshape(frame.shape[0], -1)
    message = image_from_array(rows, 'mono8', header=robot.header())
    message.encoding, message.width, message.step = encoding, frame.shape[1], rows.shape[1]
    labels = pixels_from_image(robot.answer(message))
    np.testing.assert_array_equal(labels, offline(frame).labels)


def test_overlay_has_the_header_of_its_image(robot):
    overlays: list[Image] = []
    subscription = robot.listen(Image, f'{robot.managed}/overlay', overlays)
    frame = blobs(6)

    def overlay():
        robot.labels_of(frame)
        return overlays

    robot.until(overlay, what='an overlay')
    assert (overlays[-1].encoding, overlays[-1].step) == ('bgr8', 300)
    assert overlays[-1].header in [mask.header for mask in robot.masks]
    robot.node.destroy_subscription(subscription)


def test_bad_frames_are_counted_and_the_next_one_is_served(robot, offline):
    before = robot.counts()
    unknown = image_from_array(blobs(1), 'bgr8', header=robot.header())
    unknown.encoding = 'rgb9'
    short = image_from_array(blobs(1), 'bgr8', header=robot.header())
    short.data = short.data[:-1]
    for bad in (unknown, short):
        robot.camera.publish(bad)
        robot.spin(0.3)
    frame = blobs(8)
    np.testing.assert_array_equal(robot.labels_of(frame), offline(frame).labels)
    after = robot.counts()
    assert after['rejected'] - before['rejected'] == 2
    assert after['published'] - before['published'] == 1
    assert after['received'] - before['received'] == 3
    assert 'step * height' in robot.diagnostics['last_error']


def test_every_frame_is_counted_once(robot):
    counts = robot.counts()
    bins = ('published', 'superseded', 'skipped', 'stale', 'rejected', 'failed')
    assert counts['received'] == sum(counts[name] for name in bins)
    assert counts['in_flight'] == 0


@pytest.fixture(scope='module')
def bad_models(make_model, tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp('bad')
    text = folder / 'text.onnx'
    text.write_text('this is not a model\n')
    cut = folder / 'cut.onnx'
    cut.write_bytes(tiny_model.read_bytes()[:-300])
    return {
        'missing': (folder / 'missing.onnx', 'there is no model'),
        'text': (text, 'is not an ONNX file'),
        'cut': (cut, r'is not an ONNX file|carries no rtseg_ros metadata'),
        'no metadata': (make_model('bare', metadata='{}'), 'metadata'),
        'wrong size': (
            make_model('odd', size_hw=(48, 64), metadata=_metadata_of_size(make_model, (48, 60))),
            r'uint8 \(1, 48, 60, 3\)',
        ),
    }


def _metadata_of_size(make_model, size_hw):
    from rtseg_ros.runtime.model_file import read_model_file

    return read_model_file(make_model('sized', size_hw=size_hw)).metadata.to_json()


@pytest.mark.parametrize('kind', ['missing', 'text', 'cut', 'no metadata', 'wrong size'])
def test_bad_models_are_refused_by_the_library(bad_models, kind):
    path, words = bad_models[kind]
    with pytest.raises(RtsegError, match=words):
        load_segmenter(path)


def test_bad_model_fails_to_configure_and_can_be_mended(
    launch_node, make_robot, bad_models, tiny_model
):
    process = launch_node('segmentation_node', namespace='/mend', model=bad_models['text'][0])
    robot = make_robot('/mend')
    for _ in range(2):
        with pytest.raises(LifecycleError, match='unconfigured'):
            robot.lifecycle.change('configure')
    assert 'is not an ONNX file' in process.text()
    assert 'Traceback' not in process.text()
    assert robot.set_parameter('model', str(tiny_model)) == ''
    robot.start()
    assert robot.labels_of(np.full((20, 30, 3), (0, 255, 0), np.uint8)).tolist() == [[2] * 30] * 20
    assert process.stop(signal.SIGTERM) == 0


def test_sigint_ends_cleanly(robot, process):
    robot.labels_of(blobs(3))
    assert process.alive()
    assert process.stop(signal.SIGINT) == 0
    assert 'Traceback' not in process.text()
