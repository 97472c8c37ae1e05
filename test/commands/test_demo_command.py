# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The demo end to end: two real nodes, real DDS, a short clip."""

import json
import os
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import pytest

from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.runtime.shipped import DEFAULT_MODEL, model_path

pytestmark = pytest.mark.dds

FRAMES = 24  # that are played; the clip has more


@pytest.fixture(scope='module')
def clip(tmp_path_factory) -> Path:
    """A grey street under a bright sky, with something that moves."""
    folder = tmp_path_factory.mktemp('clip')
    for i in range(FRAMES + 4):
        frame = np.full((120, 160, 3), 90, np.uint8)
        frame[:50] = (250, 230, 210)
        cv2.rectangle(frame, (10 + 4 * i, 60), (40 + 4 * i, 90), (20, 20, 160), -1)
        cv2.imwrite(str(folder / f'{i:03}.png'), frame)
    return folder


@pytest.fixture(scope='module')
def demo(clip, tmp_path_factory, other_domain) -> tuple[Path, subprocess.CompletedProcess]:
    pytest.importorskip('rclpy', reason='the demo needs ROS 2')
    output = tmp_path_factory.mktemp('demo')
    result = subprocess.run(
        [
            sys.executable, '-m', 'rtseg_ros.cli', 'demo', str(clip),
            '--rate', '5', '--limit', str(FRAMES), '--palette', 'distinct',
            '--output', str(output),
        ],
        capture_output=True, text=True, timeout=300,
        env=os.environ | {'ROS_DOMAIN_ID': other_domain},
    )  # fmt: skip
    return output, result


def test_demo_succeeds_and_names_its_files(demo):
    output, result = demo
    assert result.returncode == 0, result.stderr[-2000:]
    for name in ('contact_sheet.png', 'summary.json'):
        assert (output / name).is_file()
        assert str(output / name) in result.stdout
    assert list(output.glob('overlay.mp4')) or list(output.glob('overlay.gif'))


def test_sheet_has_the_palette_that_was_asked_for(demo):
    sheet = cv2.imread(str(demo[0] / 'contact_sheet.png'))
    # Each class once, plain, in the legend; the classes have others in the model file.
    for color in palette_bgr(CAMVID, 'distinct')[: CAMVID.num_classes]:
        assert (sheet == color).all(2).sum() >= 50


def test_every_frame_is_accounted_for(demo):
    frames = json.loads((demo[0] / 'summary.json').read_text())['frames']
    assert frames['sent'] == FRAMES
    assert frames['sent'] == frames['published'] + sum(frames['dropped'].values())
    assert frames['published'] > FRAMES / 3
    assert frames['dropped']['rejected'] == frames['dropped']['failed'] == 0


def test_live_masks_are_the_offline_masks(demo):
    same = json.loads((demo[0] / 'summary.json').read_text())['identical_to_offline']
    assert same['checked'] >= 4
    assert same['equal'] == same['checked']


def test_summary_names_stages_model_and_machine(demo):
    summary = json.loads((demo[0] / 'summary.json').read_text())
    for stage in ('decode', 'preprocess', 'infer', 'upsample', 'publish', 'camera_to_mask'):
        assert 0 <= summary['latency_ms'][stage]['p50'] <= summary['latency_ms'][stage]['p99']
    assert summary['model']['file'] == model_path(DEFAULT_MODEL).name
    assert summary['machine']['cores'] >= 1


def test_video_plays_at_the_pace_of_the_camera(demo):
    path = demo[0] / 'overlay.mp4'
    if not path.exists():
        pytest.skip('this OpenCV has no mp4 encoder, so the demo wrote a gif')
    last_s = [shot.time_s for shot in open_footage(path)][-1]
    assert 0.7 * FRAMES / 5 < last_s < FRAMES / 5 + 0.5


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no_such.mp4'], "no file or folder 'no_such.mp4'"),
        (['{clip}', '--model', 'no_such.onnx'], 'no_such.onnx'),
        (['--topic', '/camera', '--limit', '5'], '--topic takes --seconds'),
    ],
)
def test_bad_arguments_end_with_a_reason(clip, tmp_path, other_domain, arguments, message):
    pytest.importorskip('rclpy', reason='the demo needs ROS 2')
    words = [word.format(clip=clip) for word in arguments]
    result = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.cli', 'demo', '--output', str(tmp_path), *words],
        capture_output=True, text=True, timeout=120,
        env=os.environ | {'ROS_DOMAIN_ID': other_domain},
    )  # fmt: skip
    assert result.returncode == 1
    assert message in result.stderr
    assert 'Traceback' not in result.stderr


def test_it_says_its_rate_and_where_every_frame_is_to_be_had(demo, clip):
    said = demo[1].stdout + demo[1].stderr
    assert 'played at 5 frames per second' in said
    assert f'rtseg segment {clip}' in said


CAMERA = """
import array, sys, time
import cv2, numpy as np, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
topic, seconds = sys.argv[1], float(sys.argv[2])
rclpy.init()
node = rclpy.create_node('camera')
kind = CompressedImage if topic.endswith('/compressed') else Image
qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
publisher = node.create_publisher(kind, topic, qos)
frame = np.full((48, 64, 3), 90, np.uint8)
message = kind()
message.data = array.array('B')
if kind is Image:
    message.height, message.width, message.step, message.encoding = 48, 64, 192, 'bgr8'
    message.data.frombytes(frame.tobytes())
else:
    message.format = 'jpeg'
    message.data.frombytes(cv2.imencode('.jpg', frame)[1].tobytes())
end = time.monotonic() + seconds
while time.monotonic() < end:
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)
    time.sleep(0.5)
"""


@pytest.mark.parametrize('topic', ['/robot/front/image_raw', '/robot/image/compressed'])
def test_a_camera_that_goes_on_adds_up(tmp_path, tiny_model, other_domain, topic):
    """Best effort, in a namespace, slower than the demo's six moments would like."""
    pytest.importorskip('rclpy', reason='the demo needs ROS 2')
    environment = os.environ | {
        'ROS_DOMAIN_ID': other_domain, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }  # fmt: skip
    camera = subprocess.Popen([sys.executable, '-c', CAMERA, topic, '120'], env=environment)
    try:
        result = subprocess.run(
            [
                sys.executable, '-m', 'rtseg_ros.cli', 'demo', '--topic', topic, '--seconds', '6',
                '--model', str(tiny_model), '-o', str(tmp_path),
            ],
            capture_output=True, text=True, timeout=200, env=environment,
        )  # fmt: skip
    finally:
        camera.kill()
        camera.wait()
    assert result.returncode == 0, result.stderr[-2000:]
    frames = json.loads((tmp_path / 'summary.json').read_text())['frames']
    assert frames['published'] >= 3
    assert frames['sent'] == frames['published'] + sum(frames['dropped'].values())
