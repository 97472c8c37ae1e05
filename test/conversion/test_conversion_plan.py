# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg convert --engine``: the plan is there before the robot starts."""

import json
import subprocess
import sys

import pytest
from tiny_model import write_model

from rtseg_ros.cli import main
from rtseg_ros.conversion import plan
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions


@pytest.fixture
def path(tmp_path):
    return write_model(tmp_path / 'tiny.onnx')


@pytest.fixture
def cache(tmp_path):
    """Words that choose a cache of the test's own."""
    return ['--tensorrt-cache-folder', str(tmp_path / 'cache')]


def test_the_node_finds_the_plan_ready(trt, path, cache, tmp_path, capsys):
    figures = tmp_path / 'figures.json'
    assert main(['convert', str(path), '--engine', '--json', str(figures), *cache]) == 0
    said = capsys.readouterr().out
    assert 'building the TensorRT plan 100/100\n' in said
    assert 'TensorRT plan of tiny.onnx for Fake Orin: built in 0 s as fp32; in ' in said
    written = json.loads(figures.read_text())['engine']
    assert written['precision_as_built'] == 'fp32'
    assert written['fresh'] is True
    trt.calls.clear()
    options = TensorRtOptions(cache_folder=str(tmp_path / 'cache'))
    TensorRtEngine(read_model_file(path), options).close()
    assert 'build_serialized_network' not in trt.calls
    assert main(['convert', str(path), '--engine', *cache]) == 0
    assert 'was there already, built in 0 s' in capsys.readouterr().out
    assert 'build_serialized_network' not in trt.calls


def test_options_are_those_of_the_node(trt10, path, cache, capsys):
    trt10.dla_cores, trt10.dla_layers = 1, {'conv'}
    words = ['--tensorrt-dla-core', '0', '--tensorrt-precision', 'fp16']
    assert main(['convert', str(path), '--engine', *words, *cache]) == 0
    assert trt10.built_with['dla'] == 0
    assert '1 of 7 layers fit the DLA' in capsys.readouterr().out


@pytest.mark.export
def test_from_a_checkpoint(trt10, tmp_path, cache, capsys):
    torch = pytest.importorskip('torch', reason='the converter needs torch')
    from rtseg_ros.networks import create_network

    weights, output = tmp_path / 'espnet.pth', tmp_path / 'model.onnx'
    torch.manual_seed(0)
    torch.save(create_network('espnet', 12).state_dict(), weights)
    told = ('--network', 'espnet', '--labels', 'camvid', '--preset', 'imagenet')
    words = [str(weights), '-o', str(output), *told, '--size-hw', '64', '96', '--engine']
    assert main(['convert', *words, *cache]) == 0
    said = capsys.readouterr().out
    assert f'wrote {output}' in said
    assert 'TensorRT plan of model.onnx' in said
    assert list((tmp_path / 'cache').glob('model-*.plan'))


def test_a_bar_grows_on_a_terminal(trt10, path, cache, capsys, monkeypatch):
    monkeypatch.setattr('sys.stderr.isatty', lambda: True, raising=False)
    monkeypatch.setattr('rtseg_ros.progress.Bar.mininterval', 0, raising=False)
    assert main(['convert', str(path), '--engine', *cache]) == 0
    frames = [f for f in capsys.readouterr().err.split('\r') if f.startswith('building')]
    percents = [int(frame.split('%')[0].split()[-1]) for frame in frames if '%' in frame]
    assert percents == sorted(percents)
    assert percents[-1] == 100


@pytest.mark.parametrize('what', ['model', 'checkpoint'])
def test_without_a_gpu_it_ends_before_the_work(trt10, gpu, path, tmp_path, capsys, what):
    gpu.fake_devices(0, 0)
    words = {'model': [str(path)], 'checkpoint': ['x.pth', '-o', str(tmp_path / 'm.onnx')]}[what]
    assert main(['convert', *words, '--engine']) == 1
    said = capsys.readouterr()
    assert 'rtseg convert: there is no NVIDIA GPU' in said.err
    assert said.out == ''


def test_a_build_that_fails_is_1_with_the_reason(trt10, path, cache, capsys):
    trt10.faults['build_serialized_network'] = None
    assert main(['convert', str(path), '--engine', *cache]) == 1
    assert 'fake fault in build_serialized_network' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ([], 'a model file already; set engine'),
        (['--engine', '--labels', 'camvid', '-o', 'm.onnx'], 'output, labels cannot be chosen'),
        (['--engine', '--tensorrt-device', '1'], 'device is 1; there are 1'),
    ],
)
def test_contradictions(trt10, path, capsys, words, said):
    assert main(['convert', str(path), *words]) == 1
    assert said in capsys.readouterr().err


def test_thousands_of_steps_are_a_hundred_lines(path, monkeypatch):
    """Each may be a message on /diagnostics."""
    told = []

    def build(model, options, *, progress):
        for step in range(5000):
            progress(step / 5000, 'phase')
        raise InterruptedError

    monkeypatch.setattr(plan, 'build_plan', build)
    with pytest.raises(InterruptedError):
        plan.build_model_plan(
            path, TensorRtOptions(), lambda stage, done, total: told.append((done, total))
        )
    assert told == [(percent, 100) for percent in range(100)]


@pytest.mark.process
def test_a_robot_needs_no_torch_for_it():
    code = (
        'import sys, rtseg_ros.commands.convert\n'
        "heavy = {'torch', 'onnx', 'onnxruntime', 'rclpy'} & set(sys.modules)\n"
        'sys.exit(str(heavy) if heavy else 0)'
    )
    subprocess.run([sys.executable, '-c', code], check=True)
