# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reading checkpoints: every wrapping that is met, and every file that must be refused."""

from collections import OrderedDict
import pickle

import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from torch import nn

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import CheckpointError

WEIGHTS = OrderedDict(
    [('a.weight', torch.arange(6.0).reshape(2, 3)), ('a.bias', torch.tensor([1.0, 2.0]))]
)
OPTIMIZER = {'state': {0: {'step': 1}}, 'param_groups': [{'lr': 0.1, 'params': [0]}]}


def prefixed(prefix):
    return {prefix + key: value for key, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    ('content', 'container'),
    [
        (WEIGHTS, ''),
        (prefixed('module.'), ''),
        ({'state_dict': WEIGHTS, 'epoch': 7, 'optimizer': OPTIMIZER}, 'state_dict'),
        ({'model': prefixed('_orig_mod.module.'), 'optimizer': OPTIMIZER}, 'model'),
        ({'model_state_dict': WEIGHTS, 'loss': torch.tensor(0.5)}, 'model_state_dict'),
        ({'epoch': 1, 'ema': WEIGHTS, 'model': {'a.weight': torch.zeros(2, 3)}}, 'ema'),
        ({'ema': {'module': WEIGHTS, 'updates': 9}, 'model': {}}, 'ema.module'),
        ({'model': {'state_dict': prefixed('net.')}, 'args': None}, 'model.state_dict'),
        ({'n_averaged': torch.tensor(5), **prefixed('module.')}, ''),
    ],
)
@pytest.mark.parametrize('zipped', [True, False])
def test_wrappings(content, container, zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(path)
    assert checkpoint.container == container
    assert list(checkpoint.weights) == list(WEIGHTS)
    assert all(torch.equal(checkpoint.weights[key], WEIGHTS[key]) for key in WEIGHTS)
    assert len(checkpoint.sha256) == 64


def test_safetensors_whatever_its_name(tmp_path):
    path = tmp_path / 'weights.pth'
    save_file(prefixed('module.'), path)
    assert set(read_checkpoint(path).weights) == set(WEIGHTS)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match='broken safetensors.*download it again'):
        read_checkpoint(path)


def test_the_weights_can_be_named(tmp_path):
    path = tmp_path / 'gan.pth'
    torch.save({'generator': WEIGHTS, 'critic': {'b': torch.ones(1)}}, path)
    with pytest.raises(CheckpointError, match='keys generator, critic.*--weights-key'):
        read_checkpoint(path)
    assert list(read_checkpoint(path, 'generator').weights) == list(WEIGHTS)
    with pytest.raises(CheckpointError, match="no weights under 'teacher'"):
        read_checkpoint(path, 'teacher')


@pytest.mark.parametrize('protocol', [2, 4])
def test_a_bare_pickle_is_read_as_safely(protocol, tmp_path):
    path = tmp_path / 'model.pkl'
    path.write_bytes(pickle.dumps({'a.weight': np.ones((2, 2))}, protocol=protocol))
    with pytest.raises(CheckpointError, match=r"'a.weight' is a numpy\S*\._reconstruct object"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(WEIGHTS, protocol=protocol))
    with pytest.raises(CheckpointError, match=r'keeps its numbers in torch.storage._load_from'):
        read_checkpoint(path)


def test_a_whole_model_is_named(tmp_path):
    path = tmp_path / 'model.pth'
    for content in (nn.Conv2d(1, 1, 1), {'model': nn.Conv2d(1, 1, 1), 'epoch': 3}):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match='torch.nn.modules.conv.Conv2d.*state_dict'):
            read_checkpoint(path)


def test_no_weights_at_all(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match='holds a list'):
        read_checkpoint(path)
    torch.save({'epoch': 3}, path)
    with pytest.raises(CheckpointError, match='no weights found.*it has the keys epoch'):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match='No such file'):
        read_checkpoint(tmp_path / 'nowhere.pth')
    with pytest.raises(CheckpointError, match=r'is a folder that has none of model.safetensors'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'is empty'),
        (b'\n<!DOCTYPE html><html><title>Quota exceeded', 'is a web page'),
        (b'<html>{"a"}', 'is a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:00', 'git lfs pull'),
        (b'\x89PNG\r\n\x1a\n' + bytes(50), 'is refused: it is not a file that torch.save writes'),
    ],
)
def test_other_files(content, message, tmp_path):
    path = tmp_path / 'model.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('share', [0.3, 0.7, 0.999])
def test_cut_off(zipped, share, tmp_path):
    path = tmp_path / 'model.pth'
    torch.save({'w': torch.randn(5000)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match='copy or download it again'):
        read_checkpoint(path)


def test_torchscript(tmp_path):
    path = tmp_path / 'model.pt'
    torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 4, 4)).save(str(path))
    with pytest.raises(CheckpointError, match='TorchScript program'):
        read_checkpoint(path)


def test_a_diverged_run(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save({'a': torch.ones(2), 'b': torch.tensor([1.0, float('nan')])}, path)
    with pytest.raises(CheckpointError, match='b holds values that are not finite'):
        read_checkpoint(path)


def test_our_own(own_checkpoint, metadata):
    checkpoint = read_checkpoint(own_checkpoint())
    assert checkpoint.network == 'swiftnet_mnv2'
    assert checkpoint.labels == metadata().labels
    assert checkpoint.preprocessing == metadata().preprocessing
    assert checkpoint.accuracy['miou'] == 0.5
    assert checkpoint.accuracy['iou']['Sky'] == 0.5
    assert checkpoint.accuracy['iou']['Bicyclist'] is None  # JSON has no NaN
