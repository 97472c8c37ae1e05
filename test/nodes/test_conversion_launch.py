"""conversion.launch.py with the real launch, where it can be imported."""

import os
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')
pytest.importorskip('launch_ros', reason='launch_ros is not installed (it is no wheel)')

import torch

from rtseg_ros.networks import create_network
from rtseg_ros.runtime.model_file import read_model_file

ROOT = Path(__file__).parents[2]
LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
arguments = [word.split(':=', 1) for word in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(sys.argv[1], launch_arguments=arguments)])
)
sys.exit(service.run())
"""


@pytest.fixture
def launch(tmp_path):
    """Return a function that launches from an ament prefix with this package's files."""
    share = tmp_path / 'prefix' / 'share'
    (share / 'ament_index' / 'resource_index' / 'packages').mkdir(parents=True)
    (share / 'ament_index' / 'resource_index' / 'packages' / 'rtseg_ros').touch()
    (share / 'rtseg_ros').mkdir()
    for name in ('launch', 'config', 'package.xml'):
        (share / 'rtseg_ros' / name).symlink_to(ROOT / name)
    program = tmp_path / 'prefix' / 'lib' / 'rtseg_ros' / 'conversion_node'
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!{sys.executable}\nimport sys\n'
        'from rtseg_ros.nodes.conversion_node import main\nsys.exit(main())\n'
    )
    program.chmod(0o755)
    prefixes = [str(tmp_path / 'prefix'), os.environ['AMENT_PREFIX_PATH']]
    environment = os.environ | {
        'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
        'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }

    def run(**arguments):
        return subprocess.run(
            [
                sys.executable, '-c', LAUNCH, str(ROOT / 'launch' / 'conversion.launch.py'),
                *(f'{name}:={value}' for name, value in arguments.items()),
            ],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=180, cwd=tmp_path,
        )  # fmt: skip

    return run


def test_launch_converts_and_ends(launch, tmp_path):
    weights, output = tmp_path / 'espnet.pth', tmp_path / 'model.onnx'
    torch.manual_seed(0)
    torch.save(create_network('espnet', 12).state_dict(), weights)
    own = tmp_path / 'own.yaml'
    own.write_text(
        '/**/conversion:\n  ros__parameters:\n    preset: imagenet\n    size_hw: [64, 96]\n'
        '    network: lednet\n    precision: fp16\n'
    )
    given = {'checkpoint': weights, 'output': output, 'labels': 'camvid', 'network': 'espnet'}
    result = launch(**given, params_file=own)
    assert result.returncode == 0, result.stdout
    metadata = read_model_file(output).metadata
    assert metadata.preprocessing.size_hw == (64, 96)
    assert metadata.precision == 'fp16'
    assert f'wrote {output}' in result.stdout


def test_launch_fails_with_the_node(launch, tmp_path):
    result = launch(checkpoint=tmp_path / 'none.pth', output=tmp_path / 'model.onnx')
    assert result.returncode == 1, result.stdout
    assert 'none.pth' in result.stdout
    assert 'the conversion failed with status 1' in result.stdout


def test_launch_wants_a_checkpoint(launch, tmp_path):
    result = launch(output=tmp_path / 'model.onnx')
    assert result.returncode == 1
    assert "'checkpoint'" in result.stdout


@pytest.fixture
def no_gpu(monkeypatch):
    """Hide what GPUs there are."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')


def test_launch_of_a_model_file_builds_its_engine(no_gpu, launch):
    """Here as far as asking for a GPU; no output is wanted, and no torch imported."""
    result = launch(checkpoint='swiftnet_mnv2_camvid', engine='true')
    assert result.returncode == 1, result.stdout
    assert 'there is no NVIDIA GPU that this process can use' in result.stdout
