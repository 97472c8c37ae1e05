# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Logits of the authors' own code, run once outside this repository with weights by a rule.

``authors.json`` holds a digest of the names and shapes of that code's weights and some of its
logits; none of the published files was ever loaded.
"""

import json
from pathlib import Path

import pytest
from ruled_weights import digest, ruled_image, ruled_weights
import torch

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.errors import CheckpointError
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.network import parameter_count

pytestmark = pytest.mark.zoo

AUTHORS = json.loads((Path(__file__).parent / 'authors.json').read_text())
# What the authors' training puts around the weights: a prefix, and a key beside them.
WRAPPERS = {
    'ddrnet23_slim': ('model.', 'loss.criterion.weight'),
    'pidnet_s': ('model.', 'sem_loss.criterion.weight'),
}


def shapes_of(name):
    with torch.device('meta'):
        weights = create_network(name, 19).state_dict()
    return {k: list(v.shape) for k, v in weights.items() if not k.endswith('num_batches_tracked')}


def picked(network, entry):
    """The logits at the places that were noted, at the size that the authors' code gives."""
    coarse = entry['shape'][2:] != entry['size_hw']
    image = ruled_image(tuple(entry['size_hw']))
    with torch.no_grad():
        logits = network.coarse_logits(image) if coarse else network(image)
    assert list(logits.shape) == entry['shape']
    return logits.flatten()[entry['places']]


@pytest.mark.parametrize('name', AUTHORS)
def test_names_shapes_and_counts_are_theirs(name):
    entry, shapes = AUTHORS[name], shapes_of(name)
    assert (len(shapes), digest(shapes)) == (entry['keys'], entry['digest'])
    with torch.device('meta'):
        assert parameter_count(create_network(name, 19)) == entry['parameters']


@pytest.mark.parametrize('name', AUTHORS)
def test_their_weights_give_their_logits(name, tmp_path):
    """With the heads that only training uses, and in the wrapper of their training."""
    entry = AUTHORS[name]
    weights = ruled_weights(shapes_of(name))
    weights |= {key: torch.ones(shape) for key, shape in entry['heads'].items()}
    path = tmp_path / 'published.pth'
    if name in WRAPPERS:
        prefix, beside = WRAPPERS[name]
        content = {f'{prefix}{key}': value for key, value in weights.items()}
        torch.save(content | {beside: torch.ones(19)}, path)
    else:
        torch.save({'cur_epoch': 3, 'state_dict': weights, 'optimizer': None}, path)
    network, found = load_weights(read_checkpoint(path), name, outputs=(19, 20))
    assert found.layout.network == name
    expected = torch.tensor(entry['logits'])
    assert expected.std() > 0.05
    assert (picked(network, entry) - expected).abs().max() < 1e-4 * expected.abs().max()
    # The comparison can fail: weights that are off are seen.
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.data *= 1 + 0.05 * torch.randn_like(parameter)
    assert (picked(network, entry) - expected).abs().max() > 1e-3 * expected.abs().max()


def test_every_network_of_the_collection_is_there():
    assert {name for name in list_networks() if name.endswith('_zh320')} < set(AUTHORS)
    assert sum(bool(entry['heads']) for entry in AUTHORS.values()) == 3


@pytest.mark.parametrize('name', [name for name in AUTHORS if name.endswith('_zh320')])
def test_the_papers_network_names_the_one_of_the_collection(name, tmp_path):
    """Its linknet.pth is not the paper's LinkNet: said, with the name that fits."""
    entry = AUTHORS[name]
    weights = ruled_weights(shapes_of(name))
    weights |= {key: torch.ones(shape) for key, shape in entry['heads'].items()}
    path = tmp_path / 'published.pth'
    torch.save({'state_dict': weights}, path)
    with pytest.raises(CheckpointError, match=f'try --network {name}'):
        load_weights(read_checkpoint(path), name.removesuffix('_zh320'), outputs=(19, 20))
