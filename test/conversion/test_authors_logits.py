"""Logits of the authors' own code, run once outside this repository with weights by a rule.

``authors/*.json`` hold the names and shapes of that code's weights and some of its logits; none of
the published files was ever loaded.
"""

import json
from pathlib import Path

import pytest
from ruled_weights import ruled_image, ruled_weights
import torch

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.networks.network import parameter_count

AUTHORS = Path(__file__).parent / 'authors'
# File, network, and how the authors' training saves weights beside a key of its own.
CASES = [
    ('ddrnet23_slim', 'ddrnet23_slim', 'model.', 'loss.criterion.weight'),
    ('pidnet_s', 'pidnet_s', 'model.', 'sem_loss.criterion.weight'),
]


@pytest.mark.parametrize(('file', 'name', 'prefix', 'beside'), CASES)
@pytest.mark.parametrize('wrapped', [True, False])
def test_their_weights_give_their_logits(file, name, prefix, beside, wrapped, tmp_path):
    theirs = json.loads((AUTHORS / f'{file}.json').read_text())
    weights = ruled_weights(theirs['keys'])
    content = dict(weights)
    if wrapped:
        content = {f'{prefix}{key}': value for key, value in weights.items()}
        content[beside] = torch.ones(19)
    path = tmp_path / 'published.pt'
    torch.save(content, path)
    network, found = load_weights(read_checkpoint(path), name, outputs=(19, 20))
    assert found.layout.network == name
    assert found.layout.title != 'rtseg_ros'
    image = ruled_image(tuple(theirs['size_hw']))
    with torch.no_grad():
        coarse = theirs['shape'][2:] != theirs['size_hw']
        logits = network.coarse_logits(image) if coarse else network(image)
    assert list(logits.shape) == theirs['shape']
    expected = torch.tensor(theirs['logits'])
    picked = logits.flatten()[theirs['places']]
    assert expected.std() > 0.05
    assert (picked - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ('file', 'heads', 'with_heads', 'without'),
    [
        ('ddrnet23_slim', ('seghead_extra.',), 5_734_342, 5_695_987),
        ('pidnet_s', ('seghead_p.', 'seghead_d.'), 7_720_935, 7_625_715),
    ],
)
def test_heads_of_training_are_dropped(file, heads, with_heads, without, network):
    """All else is there by the authors' own names; counts by the authors' code."""
    theirs = json.loads((AUTHORS / f'{file}.json').read_text())['keys']
    own = {key: list(value.shape) for key, value in network(file, 19).state_dict().items()}
    own = {key: shape for key, shape in own.items() if not key.endswith('num_batches_tracked')}
    assert own == {key: shape for key, shape in theirs.items() if not key.startswith(heads)}
    learned = [shape for key, shape in theirs.items() if not key.endswith(('_mean', '_var'))]
    assert sum(torch.Size(shape).numel() for shape in learned) == with_heads
    assert parameter_count(network(file, 19)) == without


def test_weights_that_are_changed_give_others(tmp_path):
    """The comparison can fail: one weight that is off is seen."""
    theirs = json.loads((AUTHORS / 'pidnet_s.json').read_text())
    weights = ruled_weights(theirs['keys'])
    weights['layer4_d.0.conv2.weight'] = weights['layer4_d.0.conv2.weight'] * 1.5
    path = tmp_path / 'published.pt'
    torch.save(weights, path)
    network, _ = load_weights(read_checkpoint(path), 'pidnet_s', outputs=(19,))
    with torch.no_grad():
        logits = network.coarse_logits(ruled_image(tuple(theirs['size_hw'])))
    expected = torch.tensor(theirs['logits'])
    difference = (logits.flatten()[theirs['places']] - expected).abs().max()
    assert difference > 1e-3 * expected.abs().max()
