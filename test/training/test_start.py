# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starting a run from the weights of another."""

import pytest
import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.labels import CAMVID, CITYSCAPES, LabelSet
from rtseg_ros.networks import create_network
from rtseg_ros.training.start import counterparts, start_from


def test_everything_is_taken_from_a_run_with_the_same_classes():
    old, new = create_network('esnet', 5), create_network('esnet', 5)
    assert start_from(new, old.state_dict()) == []
    for name, value in new.state_dict().items():
        assert torch.equal(value, old.state_dict()[name])


def test_other_classes_keep_a_fresh_head_only():
    old, new = create_network('esnet', 20), create_network('esnet', 5)
    fresh = start_from(new, old.state_dict())
    assert fresh
    for name, value in new.state_dict().items():
        if name in fresh:
            assert value.shape != old.state_dict()[name].shape
        else:
            assert torch.equal(value, old.state_dict()[name])


def test_another_network_is_refused_and_nothing_changes():
    network = create_network('esnet', 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(TrainingError, match='same network'):
        start_from(network, create_network('lednet', 5).state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_counterparts_of_camvid_in_cityscapes():
    names = [CITYSCAPES.names[i] for i in counterparts(CITYSCAPES, CAMVID)]
    assert names == [
        'sky', 'building', 'pole', 'road', 'sidewalk', 'vegetation', 'traffic light', 'fence',
        'car', 'person', 'rider',
    ]  # fmt: skip


def test_counterparts_by_name():
    black = (0, 0, 0)
    trained = LabelSet('old', ('road', 'grass', 'person'), (black,) * 3)
    wanted = LabelSet('new', ('person', 'kerb', 'road'), (black,) * 3)
    assert counterparts(trained, wanted) == [2, None, 0]


@pytest.mark.parametrize('name', ['esnet', 'espnetv2', 'swiftnet_mnv2'])
def test_known_classes_take_their_channels_along(name):
    """The network that starts so gives the trained one's logits for the classes that it knows."""
    torch.manual_seed(0)
    old, new = create_network(name, 20).eval(), create_network(name, 11).eval()
    classes = counterparts(CITYSCAPES, CAMVID)
    assert start_from(new, old.state_dict(), classes) == []
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(new(image), old(image)[:, classes], atol=1e-4)


def test_unknown_classes_stay_fresh():
    old, new = create_network('linknet', 20), create_network('linknet', 3)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    assert start_from(new, old.state_dict(), [7, None, 2]) == []
    after = new.state_dict()
    changed = [name for name in after if after[name].shape != old.state_dict()[name].shape]
    assert changed
    for name in changed:
        dim = list(after[name].shape).index(3)
        own, was, trained = (w[name].movedim(dim, 0) for w in (after, before, old.state_dict()))
        assert torch.equal(own[1], was[1])
        assert torch.equal(own[0], trained[7])
        assert torch.equal(own[2], trained[2])
