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
