# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The conversion node as a process: parameters in, a model out, progress on /diagnostics."""

from dataclasses import fields
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
import torch

from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.networks import create_network
from rtseg_ros.nodes.conversion_node import ConversionNode
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
# What the node said before it was discovered is kept by it: its last ten statuses.
KEPT = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """An untrained ESPNet."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'espnet.pth'
    torch.save(create_network('espnet', 12).state_dict(), path)
    return path


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Enough frames for a comparison of some seconds."""
    folder = tmp_path_factory.mktemp('images')
    for index in range(80):
        frame = np.random.default_rng(index).integers(0, 256, (12, 16, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f'{index:03}.png'), frame)
    return folder


def start(weights, output, **parameters):
    values = {
        'checkpoint': weights, 'output': output, 'network': 'espnet', 'labels': 'camvid',
        'preset': 'imagenet', 'size_hw': '[64, 96]',
    } | parameters  # fmt: skip
    words = [word for key, value in values.items() for word in ('-p', f'{key}:={value}')]
    return subprocess.Popen(
        [sys.executable, '-m', 'rtseg_ros.nodes.conversion_node', '--ros-args', *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture
def heard(ros):
    """Statuses of the node, as they come; ``wait`` spins until a condition or 120 s."""
    node = rclpy.create_node('listener')
    found = []

    def on_diagnostics(message):
        found.extend(item for item in message.status if item.name == '/conversion')

    node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, KEPT)

    def wait(condition):
        end = time.monotonic() + 120
        while not condition() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.05)
        for _ in range(20):
            rclpy.spin_once(node, timeout_sec=0.01)
        return found

    yield wait
    node.destroy_node()


def values_of(status):
    return {item.key: item.value for item in status.values}


def test_it_converts_and_says_so(weights, images, heard, tmp_path):
    output = tmp_path / 'model.onnx'
    process = start(weights, output, verify=images, verify_frames=80, tolerence=0.5)
    found = heard(lambda: process.poll() is not None)
    log = process.communicate()[0]
    assert process.returncode == 0, log
    assert read_model_file(output).metadata.network == 'espnet'
    assert output.with_name('model.report.md').exists()
    for line in (
        'exporting',
        'comparing with torch: 0 of 80',
        'comparing with torch: 80 of 80',
    ):
        assert line in log
    assert 'output 11 of 0 to 11 means unlabelled' in log
    assert f'wrote {output}' in log
    assert "no parameter 'tolerence'; did you mean 'tolerance'?" in log
    progress = [values_of(item) for item in found if values_of(item)['stage'].startswith('comp')]
    assert len(progress) > 3
    assert [int(item['done']) for item in progress] == sorted(
        int(item['done']) for item in progress
    )
    last = found[-1]
    assert last.level == DiagnosticStatus.OK
    assert values_of(last)['stage'] == 'done'
    assert values_of(last)['model'] == str(output)
    assert values_of(last)['passed'] == 'True'


@pytest.mark.parametrize(
    ('parameters', 'code', 'message'),
    [
        ({'network': 'lednet'}, 1, 'does not fit lednet'),
        ({'labels': 'cityscapes'}, 1, 'holds espnet with 12 outputs'),
        ({'precision': 'fp8'}, 1, "precision is 'fp8'; accepted: fp32, fp16, int8"),
        ({'precision': 'fp16', 'tolerance': 1.0}, 3, 'these classes moved'),
        ({'size_hw': '[64]'}, 1, 'size_hw is [64]; expected 2 numbers'),
        ({'mean': '[1.0, 2.0]', 'std': '[1.0]'}, 1, 'mean is [1.0, 2.0]; expected 3 numbers'),
        ({'size_hw': 'large'}, 1, "'large' of type 'STRING', expecting type 'INTEGER_ARRAY'"),
        ({'tolerance': 2.0}, 1, 'range'),
    ],
)
def test_failures_end_with_a_status(parameters, code, message, weights, tmp_path):
    process = start(weights, tmp_path / 'model.onnx', **parameters)
    log = process.communicate(timeout=120)[0]
    assert process.returncode == code, log
    assert message in log
    assert 'Traceback' not in log
    assert not list(tmp_path.iterdir())


def test_a_failure_is_an_error_on_diagnostics(weights, images, heard, tmp_path):
    process = start(
        weights, tmp_path / 'm.onnx', verify=images, verify_frames=80, precision='fp16',
        tolerance=1.0,
    )  # fmt: skip
    found = heard(lambda: process.poll() is not None)
    assert process.wait() == 3
    assert found[-1].level == DiagnosticStatus.ERROR
    assert 'Nothing was written' in found[-1].message


def test_a_missing_package_is_told(weights, tmp_path):
    code = (
        'import sys; sys.modules["torch"] = None\n'
        'from rtseg_ros.nodes.conversion_node import main\nsys.exit(main())'
    )
    result = subprocess.run(
        [
            sys.executable, '-c', code, '--ros-args', '-p', f'checkpoint:={weights}',
            '-p', f'output:={tmp_path / "model.onnx"}',
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout
    assert "package 'torch' is not installed; README.md" in result.stdout
    assert 'Traceback' not in result.stdout


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing(number, weights, images, tmp_path):
    process = start(weights, tmp_path / 'model.onnx', verify=images, verify_frames=80)
    for line in process.stdout:
        if 'comparing with torch: 0' in line:
            break
    process.send_signal(number)
    log = process.communicate(timeout=60)[0]
    assert process.returncode == 130, log
    assert 'Traceback' not in log
    assert not list(tmp_path.iterdir())


def test_the_yaml_has_every_parameter_with_its_default():
    content = yaml.safe_load((ROOT / 'config' / 'conversion.yaml').read_text())
    values = content['/**/conversion']['ros__parameters']
    for kind, found in ((TensorRtOptions, values.pop('tensorrt')), (ConversionSettings, values)):
        assert found == {
            item.name: list(item.default) if isinstance(item.default, tuple) else item.default
            for item in fields(kind)
        }


@pytest.mark.parametrize('model', ['swiftnet_mnv2_camvid', 'weights'])
def test_without_a_gpu_no_engine_and_no_model(model, weights, tmp_path):
    output = {'output': tmp_path / 'model.onnx'} if model == 'weights' else {}
    words = {'checkpoint': weights if model == 'weights' else model, 'engine': True, **output}
    node = [word for key, value in words.items() for word in ('-p', f'{key}:={value}')]
    process = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.nodes.conversion_node', '--ros-args', *node],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '-1'},
    )  # fmt: skip
    assert process.returncode == 1, process.stdout
    assert 'there is no NVIDIA GPU that this process can use' in process.stdout
    assert 'Traceback' not in process.stdout
    assert not list(tmp_path.iterdir())


def test_who_subscribes_late_hears_the_last_word(ros):
    node, late, found = ConversionNode(), rclpy.create_node('late'), []
    node._publish('done', {})
    late.create_subscription(DiagnosticArray, '/diagnostics', found.append, KEPT)
    end = time.monotonic() + 60
    while not found and time.monotonic() < end:
        rclpy.spin_once(late, timeout_sec=0.1)
    node.destroy_node()
    late.destroy_node()
    assert found[0].status[0].message == 'done'
