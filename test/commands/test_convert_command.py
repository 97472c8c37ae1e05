# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg convert`` as a user types it."""

from dataclasses import fields
import json

import numpy as np
import pytest

pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')

import torch

from rtseg_ros.cli import main
import rtseg_ros.conversion.network_draft as module
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.networks import create_network
from rtseg_ros.runtime.model_file import read_model_file


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """An untrained ESPNet."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'espnet.pth'
    torch.save({'state_dict': create_network('espnet', 12).state_dict(), 'epoch': 1}, path)
    return path


OPTIONS = (
    '--network', 'espnet', '--labels', 'camvid', '--size-hw', '64', '96', '--channel-order', 'rgb',
    '--mean', '110', '120', '90', '--std', '60', '50', '70',
)  # fmt: skip


@pytest.mark.export
def test_convert(weights, tmp_path, capsys):
    output = tmp_path / 'model.onnx'
    figures = tmp_path / 'figures.json'
    words = ['convert', str(weights), '-o', str(output), *OPTIONS, '--json', str(figures)]
    assert main(words) == 0
    said = capsys.readouterr().out
    for line in ('reading the checkpoint', 'exporting', 'comparing with torch 4/4', 'writing'):
        assert f'{line}\n' in said
    assert "key 'state_dict'" in said
    assert 'output 11 of 0 to 11 means unlabelled' in said
    assert f'wrote {output} and model.report.md' in said
    preprocessing = read_model_file(output).metadata.preprocessing
    assert preprocessing.size_hw == (64, 96)
    assert preprocessing.channel_order == 'rgb'
    assert preprocessing.mean == (110.0, 120.0, 90.0)
    assert preprocessing.std == (60.0, 50.0, 70.0)
    content = json.loads(figures.read_text())
    assert content['parity']['passed']
    assert content['sha256'] == read_model_file(output).sha256
    assert main(['models', '--describe', str(output)]) == 0
    assert 'espnet' in capsys.readouterr().out


def test_errors_are_one_line_and_1(weights, tmp_path, capsys):
    output = str(tmp_path / 'model.onnx')
    assert main(['convert', str(weights), '-o', output, '--labels', 'camvid']) == 1
    said = capsys.readouterr().err
    assert said.startswith('rtseg convert: ')
    assert 'try --network espnet' in said
    assert len(said.splitlines()) == 1
    (tmp_path / 'page.pth').write_bytes(b'<html>')
    assert main(['convert', str(tmp_path / 'page.pth'), '-o', output]) == 1
    assert 'is a web page' in capsys.readouterr().err
    assert not (tmp_path / 'model.onnx').exists()


@pytest.mark.export
def test_a_missed_tolerance_is_3(weights, tmp_path, capsys, monkeypatch):
    right = module.onnxruntime_inference

    def wrong(content):
        infer = right(content)

        def shifted(image):
            logits, labels = infer(image)
            return logits, (labels + 1).astype(np.uint8)

        return shifted

    monkeypatch.setattr(module, 'onnxruntime_inference', wrong)
    output = tmp_path / 'model.onnx'
    words = ['convert', str(weights), '-o', str(output), *OPTIONS]
    assert main(words) == 3
    said = capsys.readouterr().err
    assert 'these classes moved' in said
    assert '--keep-anyway' in said
    assert not output.exists()
    assert main([*words, '--keep-anyway']) == 0
    assert 'tolerance 0.999 MISSED' in capsys.readouterr().out
    assert output.exists()


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['x.pth', '-o', 'm.onnx', '--precision', 'fp8'],
        ['x.pth', '-o', 'm.onnx', '--size-hw', '64'],
        ['x.pth', '-o', 'm.onnx', '--tolerance', '2'],
        ['x.pth', '-o', 'm.onnx', '--verify-frames', '0'],
    ],
)
def test_wrong_usage_is_2(words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['convert', *words])
    assert exit_.value.code == 2
    assert 'usage: rtseg convert' in capsys.readouterr().err


def test_help_shows_every_setting(capsys):
    with pytest.raises(SystemExit):
        main(['convert', '--help'])
    said = capsys.readouterr().out
    for item in fields(ConversionSettings):
        name = item.name if item.name == 'checkpoint' else f'--{item.name.replace("_", "-")}'
        assert name in said
