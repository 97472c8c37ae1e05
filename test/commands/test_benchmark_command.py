# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg benchmark --engine tensorrt --report`` where there is no GPU, and no torch."""

import subprocess
import sys

import pytest

from rtseg_ros.cli import main


def test_the_report_is_for_tensorrt_alone(capsys):
    assert main(['benchmark', '--report']) == 1
    assert '--report checks TensorRT, and --engine is all' in capsys.readouterr().err


@pytest.mark.process
@pytest.mark.parametrize('hidden', [(), ('torch', 'onnx', 'matplotlib', 'rosbags')])
def test_without_a_gpu_it_says_so_and_needs_no_torch(hidden, tmp_path):
    code = (
        'import sys\n'
        f'for name in {hidden}: sys.modules[name] = None\n'
        'from rtseg_ros.cli import main\n'
        f"sys.exit(main(['benchmark', '--engine', 'tensorrt', '--report', '--output', "
        f'{str(tmp_path)!r}]))'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if 'no NVIDIA GPU' not in result.stderr and result.returncode in (0, 3):
        pytest.skip('this machine has a GPU')
    assert result.returncode == 1
    assert 'there is no NVIDIA GPU that this process can use' in result.stderr
    assert 'Traceback' not in result.stderr
