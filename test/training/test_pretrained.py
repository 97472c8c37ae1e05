# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finding ImageNet weights: offline, from the cache, or a clear refusal."""

import pytest
import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks import list_networks
from rtseg_ros.networks.zoo import network_facts
from rtseg_ros.training.pretrained import pretrained_encoder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Make torch.hub look in an empty folder."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    return tmp_path / 'checkpoints'


@pytest.mark.parametrize('network', ['linknet', 'swiftnet_rn18', 'unet_resnet18'])
def test_every_resnet18_takes_the_cached_file(cache, network):
    file = cache / 'resnet18-f37072fd.pth'
    file.touch()
    assert pretrained_encoder(network) == file


@pytest.mark.parametrize(
    'network',
    [name for name in list_networks() if network_facts(name).encoder in (None, 'shufflenet')],
)
def test_no_published_weights_is_said(network):
    with pytest.raises(TrainingError, match='--encoder-weights'):
        pretrained_encoder(network)


def test_a_failed_download_is_said(cache, monkeypatch):
    def fail(*_, **__):
        raise OSError('no network')

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    with pytest.raises(TrainingError, match='no network'):
        pretrained_encoder('linknet')
    assert not list(cache.iterdir())
