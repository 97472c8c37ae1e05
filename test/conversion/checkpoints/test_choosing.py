# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which weights are taken out of a training checkpoint, and what is said of it."""

import argparse
from collections import defaultdict
import datetime
from pathlib import Path
import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import CheckpointError


def weights(value=1.0, prefix=''):
    return {f'{prefix}a.weight': torch.full((2, 3), value), f'{prefix}a.bias': torch.ones(2)}


RAW, AVERAGE = weights(1.0), weights(2.0)
MMENGINE = {'steps': torch.tensor(9), **weights(1.0, 'module.')}


@pytest.fixture
def read(tmp_path):
    def save_and_read(content, *arguments, **options):
        path = tmp_path / 'weights.pth'
        torch.save(content, path)
        return read_checkpoint(path, *arguments, **options)

    return save_and_read


@pytest.mark.parametrize(
    ('content', 'container', 'said'),
    [
        # B1: timm
        ({'state_dict': RAW, 'state_dict_ema': AVERAGE}, 'state_dict_ema', "not 'state_dict'"),
        # B2 and B3: mmengine swaps the two, and counts in the one that is left
        ({'state_dict': AVERAGE, 'ema_state_dict': MMENGINE}, 'state_dict', 'mmengine.* swaps'),
        # the same key without the counter is another program's, whose average it is
        ({'state_dict': RAW, 'ema_state_dict': AVERAGE}, 'ema_state_dict', "not 'state_dict'"),
        ({'model': RAW, 'model_ema': AVERAGE}, 'model_ema', "not 'model'; --weights-key"),
        ({'params': RAW, 'params_ema': AVERAGE}, 'params_ema', "not 'params'"),
        ({'net_g': RAW, 'net_g_ema': AVERAGE}, 'net_g_ema', "not 'net_g'"),
        ({'model': RAW, 'ema': {'module': AVERAGE, 'updates': 3}}, 'ema.module', "not 'model'"),
        ({'model': RAW, 'ema': {'shadow': AVERAGE, 'decay': 0.9}}, 'ema.shadow', "not 'model'"),
    ],
)
def test_averages_come_first_and_are_said(content, container, said, read):
    checkpoint = read(content)
    assert checkpoint.container == container
    assert checkpoint.weights['a.weight'][0, 0] == 2.0
    assert any(re.search(said, note) for note in checkpoint.notes), checkpoint.notes
    if container in ('state_dict_ema', 'params_ema'):
        other = container.removesuffix('_ema')
        assert read(content, other).weights['a.weight'][0, 0] == 1.0


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        # B4
        ('best_miou', np.float64(0.7)),
        ('epoch', np.int64(3)),
        ('confusion', np.eye(3)),
        ('rng', np.random.get_state()),
        ('python_rng', random.getstate()),
        # B5
        ('args', argparse.Namespace(lr=0.1, output=Path('out'))),
        ('hyper', defaultdict(list, a=[1])),
        ('when', datetime.datetime(2026, 1, 2)),
        ('steps', range(5)),
        ('kinds', {frozenset([1]), 'x'}),
        ('numbers', bytearray(b'abc')),
        ('optimizer', {'state': {0: {'exp_avg': torch.ones(2)}}, 'param_groups': [{'lr': 1.0}]}),
    ],
)
@pytest.mark.parametrize('zipped', [True, False])
def test_anything_may_lie_beside_the_weights(key, value, zipped, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({key: value, 'model': RAW}, path, _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(path)
    assert all(torch.equal(checkpoint.weights[name], RAW[name]) for name in RAW)
    assert checkpoint.container == 'model'


def test_an_average_in_an_object_is_passed_over_and_said(read):
    """B5: YOLO and timm pickle the whole averaged module."""
    checkpoint = read({'ema': nn.Linear(3, 2), 'model': RAW})
    assert checkpoint.container == 'model'
    (note,) = checkpoint.notes
    assert note == "'ema' holds a torch.nn.modules.linear.Linear object and was passed over"


@pytest.mark.parametrize('empty', [{'decay': 0.999, 'num_updates': 7}, {}, [torch.ones(2)], None])
def test_an_average_without_weights_is_passed_over(empty, read):
    """B8."""
    checkpoint = read({'ema': empty, 'model': RAW})
    assert checkpoint.container == 'model'
    assert checkpoint.weights['a.weight'][0, 0] == 1.0
    if empty is not None:
        assert checkpoint.notes == ("'ema' holds no weights by key and was passed over",)


@pytest.mark.parametrize('key', ['segmenter', 'network_weights', 'net_state_dict', 'generator'])
def test_the_only_weights_are_taken_and_it_is_said(key, read):
    """B10."""
    checkpoint = read({'epoch': 3, key: RAW, 'optimizer': {'momentum': torch.ones(2)}})
    assert checkpoint.container == key
    assert checkpoint.notes == (f"'{key}' holds the only weights",)


def test_two_kinds_of_weights_are_not_guessed_at(read):
    with pytest.raises(CheckpointError, match='keys generator, critic.*--weights-key'):
        read({'generator': RAW, 'critic': RAW})


def test_a_nested_key_can_be_named(read):
    checkpoint = read({'runs': {'best': RAW, 'last': AVERAGE}}, 'runs.last')
    assert checkpoint.weights['a.weight'][0, 0] == 2.0
    with pytest.raises(CheckpointError, match="no weights under 'runs.first'"):
        read({'runs': {'best': RAW, 'last': AVERAGE}}, 'runs.first')
