"""Starting a run from the weights of another."""

import pytest
import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks import create_network
from rtseg_ros.training.start import start_from


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
