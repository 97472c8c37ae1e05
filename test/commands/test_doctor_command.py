# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The command itself: it must run where nothing else does."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def doctor(*options, without=()):
    """Run `rtseg doctor` without ROS's part in an interpreter that lacks some packages."""
    code = (
        f'import sys\nfor name in {tuple(without)!r}:\n    sys.modules[name] = None\n'
        'from rtseg_ros.cli import main\nsys.exit(main())\n'
    )
    command = [sys.executable, '-c', code, 'doctor', '--no-dds', '--no-graph', *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ('package', 'words'),
    [
        ('numpy', 'problem  NumPy: '),
        ('cv2', 'problem  OpenCV: '),
        ('onnxruntime', 'problem  ONNX Runtime: '),
        ('rclpy', 'problem  ROS 2: '),
    ],
)
def test_a_missing_package_is_one_problem_and_no_crash(package, words):
    code, text = doctor(without=(package,))
    assert code == 1
    assert words in text
    assert text.count('problem  ') == 1
    assert text.splitlines()[-1].startswith('1 problem in ')


def test_tensorrt_without_a_gpu(tiny_model, tmp_path):
    """Says what is missing; does not try to build, and does not judge ONNX Runtime."""
    report = tmp_path / 'report.json'
    code, text = doctor(
        '--engine', 'tensorrt', '--model', str(tiny_model), '--json', str(report),
        without=('tensorrt',),
    )  # fmt: skip
    assert code == 1
    findings = {f['name']: f for f in json.loads(report.read_text())['findings']}
    assert not findings['TensorRT']['ok']
    assert findings['plans']['ok']
    assert 'model' not in findings
    assert 'ONNX Runtime' not in text


def test_model_that_cannot_be_read_for_tensorrt():
    code, text = doctor('--engine', 'tensorrt', '--model', '/no/model.onnx')
    assert code == 1
    assert "problem  model: there is no model '/no/model.onnx'" in text


NO_ROS = ('rclpy', 'sensor_msgs', 'diagnostic_msgs', 'std_msgs')


@pytest.mark.parametrize('purpose', ['segment', 'evaluate', 'train'])
def test_no_problem_without_ros_where_none_is_needed(purpose):
    pytest.importorskip('torch', reason='training needs torch')
    pytest.importorskip('rosbags', reason='evaluation needs rosbags')
    code, text = doctor('--for', purpose, without=NO_ROS)
    assert code == 0, text
    assert 'ROS' not in text
    assert ('ok       PyTorch: ' in text) == (purpose == 'train')


def test_a_robot_without_ros_is_told_of_the_other_purposes():
    code, text = doctor('--for', 'robot', without=NO_ROS)
    assert code == 1
    assert 'rtseg doctor --for segment, evaluate or train' in text


@pytest.mark.parametrize(
    ('purpose', 'package', 'command'),
    [
        ('evaluate', 'jinja2', "pip install '.[cpu,evaluate]'"),
        ('train', 'torch', "pip install '.[cpu,convert,evaluate]'"),
    ],
)
def test_what_a_purpose_lacks_is_named_with_the_command(purpose, package, command):
    code, text = doctor('--for', purpose, without=package.split())
    assert code == 1
    assert f'problem  packages: {package} not installed; ' in text
    assert command in text
    assert text.count('problem  ') == 1
