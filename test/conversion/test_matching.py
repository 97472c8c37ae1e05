# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What does not fit is said exactly, and what the file looks like."""

import pytest
import torch

from rtseg_ros.conversion.checkpoint import Checkpoint
from rtseg_ros.conversion.matching import guess, load_weights
from rtseg_ros.errors import CheckpointError
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.espnet import ESPNet


def checkpoint(weights):
    return Checkpoint(path='x.pth', sha256='', container='', weights=weights)


def message(weights, name, outputs):
    with pytest.raises(CheckpointError) as error:
        load_weights(checkpoint(weights), name, outputs=outputs)
    return str(error.value)


def test_a_fitting_file(network):
    weights = network('espnet').state_dict()
    # torch before 0.4.1 wrote no counters of batches.
    old = {k: v for k, v in weights.items() if not k.endswith('num_batches_tracked')}
    assert len(old) < len(weights)
    loaded, found = load_weights(checkpoint(old), 'espnet', outputs=(11, 12))
    assert (found.outputs, found.faults, loaded.training) == (11, 0, False)
    assert torch.equal(loaded.state_dict()['br.weight'], weights['br.weight'])


def test_an_output_more_than_classes(network):
    weights = network('espnet', 12).state_dict()
    assert load_weights(checkpoint(weights), 'espnet', outputs=(11, 12))[1].outputs == 12


@pytest.mark.parametrize('name', ['swiftnet_mnv2', 'espnet', 'lednet', 'linknet'])
def test_a_wrong_class_count_is_told(name, network):
    text = message(network(name, 11).state_dict(), name, (19, 20))
    assert f'holds {name} with 11 outputs; the label set needs 19 or 20' in text


def test_another_revision_with_other_classes_is_told():
    """Its own keys are nearer to the later revision with the wrong number of outputs."""
    weights = ESPNet(12, early_revision=True).state_dict()
    text = message(weights, 'espnet', (19, 20))
    assert 'holds espnet with 12 outputs; the label set needs 19 or 20' in text
    text = message(weights, 'lednet', (11, 12))
    assert 'are those of espnet with 12 outputs (as earlier ESPNet writes them)' in text


def test_a_wrong_network_is_told(network):
    text = message(network('espnet').state_dict(), 'lednet', (11, 12))
    assert 'does not fit lednet' in text
    assert '545' not in text  # counters are no keys worth counting
    missing = sum(
        not key.endswith('num_batches_tracked') for key in network('lednet').state_dict()
    )
    assert f'{missing} missing: trunk.0.conv.weight' in text
    assert 'more; ' in text
    assert 'Its keys are those of espnet with 11 outputs' in text
    assert 'try --network espnet' in text


def test_changed_networks_show_what_changed(network):
    weights = dict(network('swiftnet_mnv2').state_dict())
    weights['encoder.extra.weight'] = torch.zeros(3)
    weights['upsample.1.blend_conv.conv.weight'] = torch.zeros(128, 128, 1, 1)
    del weights['spp.fuse.conv.weight']
    text = message(weights, 'swiftnet_mnv2', (11, 12))
    assert '1 missing: spp.fuse.conv.weight' in text
    assert '1 unexpected: encoder.extra.weight' in text
    assert (
        '1 of another shape: upsample.1.blend_conv.conv.weight is (128, 128, 1, 1) in the file '
        'and (128, 128, 3, 3) in the network'
    ) in text
    assert 'it is a changed swiftnet_mnv2' in text


def test_other_peoples_networks():
    weights = {f'layer{i}.weight': torch.zeros(4, 4) for i in range(9)}
    text = message(weights, 'esnet', (11, 12))
    assert '9 unexpected: layer0.weight' in text
    assert 'resemble none of the networks here' in text


@pytest.mark.zoo
def test_every_network_is_recognised():
    for name in list_networks():
        with torch.device('meta'):
            weights = create_network(name, 11).state_dict()
        found = guess(weights, 11)
        assert found is not None, name
        assert found.faults == 0, name
        # The bypass of LinkNet has no weights: both names fit, and the first is told.
        assert found.layout.network == name.removesuffix('_nobypass')


@pytest.mark.parametrize(
    ('family', 'name'),
    [('espnet', 'espnet_q3'), ('espnet', 'espnet_q5'), ('espnetv2', 'espnetv2_s05'),
     ('espnetv2', 'espnetv2_s10'), ('espnetv2', 'espnetv2_s15')],
)  # fmt: skip
def test_width_and_depth_are_read_from_the_shapes(family, name):
    weights = create_network(name, 20).state_dict()
    prefixed = {f'net.{key}': value for key, value in weights.items()}
    for content in (weights, prefixed | {'sampler.weight': torch.ones(3)}):
        loaded, found = load_weights(checkpoint(content), family, outputs=(19, 20))
        assert (found.layout.network, found.outputs) == (name, 20)
        own = loaded.state_dict()
        assert all(torch.equal(own[key], weights[key]) for key in weights if 'num_b' not in key)
    assert load_weights(checkpoint(weights), name, outputs=(20,))[1].layout.network == name
    # A size that was named is meant.
    other = 'espnet_q5' if name == 'espnet_q3' else 'espnet_q3'
    assert f'try --network {name}' in message(weights, other, (19, 20))
    assert f'holds {name} with 20 outputs' in message(weights, family, (11, 12))


def test_the_class_count_is_found(network):
    found = guess(network('swiftnet_mnv2', 11).state_dict(), 19)
    assert (found.layout.network, found.outputs, found.faults) == ('swiftnet_mnv2', 11, 0)
