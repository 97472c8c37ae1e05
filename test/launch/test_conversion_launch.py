# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""conversion.launch.py with the real launch, where it can be imported."""

from functools import partial

import pytest

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')
pytest.importorskip('launch_ros', reason='launch_ros is not installed (it is no wheel)')

import torch

from rtseg_ros.networks import create_network
from rtseg_ros.runtime.model_file import read_model_file


@pytest.fixture
def launch(launch_installed):
    return partial(launch_installed, 'conversion.launch.py')


def test_launch_converts_and_ends(launch, tmp_path):
    weights, output = tmp_path / 'espnet.pth', tmp_path / 'model.onnx'
    torch.manual_seed(0)
    torch.save(create_network('espnet', 12).state_dict(), weights)
    own = tmp_path / 'own.yaml'
    own.write_text(
        '/**/conversion:\n  ros__parameters:\n    preset: imagenet\n    size_hw: [64, 96]\n'
        '    network: lednet\n    precision: fp16\n'
        '    keep_anyway: true\n'  # random weights overflow in half precision
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
