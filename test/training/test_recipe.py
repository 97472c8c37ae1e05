"""Recipes hold what the papers state."""

import pytest

from rtseg_ros.networks import list_networks
from rtseg_ros.training.recipe import RECIPES, default_recipe


@pytest.mark.parametrize('network', list_networks())
def test_every_network_has_a_recipe(network):
    assert default_recipe(network, 'camvid/train') in RECIPES


@pytest.mark.parametrize(
    ('network', 'dataset', 'expected'),
    [
        ('swiftnet_rn18', 'camvid/train', (448, 448)),
        ('swiftnet_mnv2', 'cityscapes/train', (768, 768)),
        ('unet_vgg16', 'cityscapes/train', (512, 1024)),
        ('linknet_nobypass', 'camvid/train', (576, 768)),
    ],
)
def test_crop_of_the_paper(network, dataset, expected):
    assert RECIPES[default_recipe(network, dataset)].crop_hw == expected
