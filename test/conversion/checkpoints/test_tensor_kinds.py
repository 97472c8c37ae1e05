# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tensors that are no weights are told as what they are, with what to do."""

import pytest
from safetensors.torch import save_file
import torch

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.errors import CheckpointError

PLAIN = {'a.weight': torch.ones(2, 3)}


def quantised():
    return torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    ('make', 'message'),
    [
        # B11
        (quantised, 'b.weight is a quantised tensor; give the checkpoint from before the quant'),
        (lambda: torch.empty(2, device='meta'), 'b.weight is a meta tensor; they have a shape'),
        (lambda: torch.eye(3).to_sparse(), 'b.weight is a sparse tensor; save them dense'),
        (lambda: torch.eye(3).to_sparse_csr(), 'b.weight is a sparse tensor; save them dense'),
        (lambda: torch.ones(2).to(torch.float8_e4m3fn), 'b.weight is float8_e4m3fn: quantised'),
        (lambda: torch.nested.nested_tensor([torch.ones(2)]), 'b.weight is a nested tensor'),
        # B12
        (lambda: torch.ones(2, dtype=torch.int8), 'b.weight is int8: quantised.*--precision int8'),
        (lambda: torch.ones(2, dtype=torch.complex64), 'b.weight is complex64: no network here'),
        # B13
        (lambda: torch.full((2,), 1e300, dtype=torch.float64), r'up to 1e\+300, more than'),
        (lambda: torch.full((2,), float('inf')), 'not finite; the training run diverged'),
    ],
)
@pytest.mark.parametrize('zipped', [True, False])
def test_what_it_is(make, message, zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({**PLAIN, 'b.weight': make()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path)
    assert list(read_checkpoint(path, ignore_keys='b.*').weights) == ['a.weight']


@pytest.mark.parametrize('dtype', [torch.int8, torch.float8_e5m2])
def test_the_same_in_safetensors(dtype, tmp_path):
    path = tmp_path / 'model.safetensors'
    save_file({**PLAIN, 'b.weight': torch.ones(2).to(dtype)}, path)
    with pytest.raises(CheckpointError, match='b.weight is .*quantised weights'):
        read_checkpoint(path)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.bool])
def test_whole_numbers_are_not_cast_into_weights(dtype, network, tmp_path):
    """B12: as a mask or counter they are read, as weights refused."""
    path = tmp_path / 'weights.pth'
    weights = dict(network('espnet').state_dict())
    torch.save(weights | {'br.weight': weights['br.weight'].to(dtype)}, path)
    checkpoint = read_checkpoint(path)
    with pytest.raises(CheckpointError, match=f'br.weight is {str(dtype)[6:]}.*quantised'):
        load_weights(checkpoint, 'espnet', outputs=(11,))


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('zipped', [True, False])
def test_other_floats_are_weights(dtype, zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    value = torch.arange(6.0).reshape(2, 3).to(dtype)
    torch.save({'a': value}, path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(read_checkpoint(path).weights['a'], value)


@pytest.mark.parametrize('zipped', [True, False])
def test_views_strides_and_parameters(zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    base = torch.arange(24.0).reshape(4, 6)
    content = {
        'whole': base,
        'row': base[2],
        'column': base[:, 3],
        'turned': base.T,
        'scalar': torch.tensor(3.5),
        'empty': torch.empty(0, 5),
        'parameter': torch.nn.Parameter(base[1:3, ::2]),
        'repeated': torch.ones(1).expand(7),
        'channels_last': torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last),
    }  # fmt: skip
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    weights = read_checkpoint(path).weights
    assert all(torch.equal(weights[key], value) for key, value in content.items())
