# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recipes hold what the papers state."""

import pytest

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks import list_networks
from rtseg_ros.training.recipe import AUGMENTATIONS, RECIPES, default_recipe, recipe_from_dict


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


def test_recipe_of_0_1_0_is_read_as_it_ran():
    old = RECIPES['linknet'].to_dict()
    del old['warmup_steps'], old['clip_norm']  # 0.1.0 had neither
    assert recipe_from_dict(old) == RECIPES['linknet']


def test_recipe_of_another_version_is_refused():
    with pytest.raises(TrainingError, match="'teacher'.*with the version that started it"):
        recipe_from_dict(RECIPES['linknet'].to_dict() | {'teacher': 0.5})


def test_every_augmentation_is_a_setting_and_off_in_every_recipe():
    for recipe in RECIPES.values():
        assert [getattr(recipe, name) for name in AUGMENTATIONS] == [0.0] * len(AUGMENTATIONS)
