# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rates worked out by hand."""

from dataclasses import replace
from math import cos, pi, sqrt

import pytest

from rtseg_ros.training.recipe import RECIPES, Recipe
from rtseg_ros.training.schedule import Leg, extended, first_leg, rate_factor

RECIPE = Recipe(
    source='test', epochs=4, batch_size=1, crop_hw=(32, 32), learning_rate=0.3,
    final_learning_rate=0.03,
)  # fmt: skip


def rates(recipe, legs, steps_per_epoch):
    count = legs[-1].until_epoch * steps_per_epoch
    return [
        recipe.learning_rate * rate_factor(recipe, legs, step, steps_per_epoch)
        for step in range(count)
    ]


@pytest.mark.parametrize(
    ('schedule', 'expected'),
    [
        ('cosine', [0.3, 0.03 + 0.27 * (2 + sqrt(2)) / 4, 0.165, 0.03 + 0.27 * (2 - sqrt(2)) / 4]),
        ('poly', [0.03 + 0.27 * share**0.9 for share in (1, 0.75, 0.5, 0.25)]),
        ('constant', [0.3] * 4),
    ],
)
def test_schedules(schedule, expected):
    recipe = replace(RECIPE, schedule=schedule)
    assert rates(recipe, [first_leg(recipe)], 1) == pytest.approx(expected)


def test_rate_rises_to_the_schedule():
    """In a line over the first four of eight steps."""
    recipe = replace(RECIPE, schedule='constant', warmup_steps=4)
    expected = [0.075, 0.15, 0.225, 0.3, 0.3, 0.3, 0.3, 0.3]
    assert rates(recipe, [first_leg(recipe)], 2) == pytest.approx(expected)


def test_each_leg_after_the_first_falls_from_a_third_to_nothing():
    recipe = replace(RECIPE, schedule='constant', warmup_steps=3)
    legs = extended([first_leg(recipe)], replace(recipe, epochs=7))
    legs = extended(legs, replace(recipe, epochs=8))
    assert legs == (Leg(4, 0.3), Leg(7, pytest.approx(0.1)), Leg(8, pytest.approx(0.1)))
    second = [0.05 * (1 + cos(pi * i / 6)) for i in range(6)]
    assert rates(recipe, legs, 2)[8:] == pytest.approx([*second, 0.1, 0.05])


def test_scratch_is_the_recipe_that_was_measured():
    """91 steps an epoch of CamVid: 100 steps of warm-up, then 2e-3 down to 0 in 60 epochs."""
    recipe = RECIPES['scratch']
    found = rates(recipe, [first_leg(recipe)], 91)
    assert max(found) == pytest.approx(2e-3, rel=1e-3)
    assert found.index(max(found)) == 99
    assert found[-1] < 1e-8
