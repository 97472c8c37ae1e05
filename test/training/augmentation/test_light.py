# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Changes of light: how far they go, and that strength means what it says."""

from dataclasses import replace

import numpy as np
import pytest

from rtseg_ros.training.augmentation.light import (
    cast_shadow,
    change_gamma,
    in_another_light,
    turn_to_dusk,
)
from rtseg_ros.training.recipe import Recipe

PLAIN = Recipe(source='test', epochs=1, batch_size=1, crop_hw=(24, 32), learning_rate=1.0)
GRAY = np.full((40, 60, 3), 128, np.uint8)


def drawn(change, seed, strength=1.0):
    return change(GRAY, strength=strength, rng=np.random.default_rng(seed))


def test_gamma_keeps_black_and_white_and_goes_both_ways():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    middles = []
    for seed in range(20):
        changed = change_gamma(ramp, strength=1.0, rng=np.random.default_rng(seed))
        assert changed[0, 0, 0] == 0
        assert changed[0, 255, 0] == 255
        assert (np.diff(changed[0, :, 0].astype(int)) >= 0).all()
        middles.append(int(changed[0, 128, 0]))
    # 255 * (128 / 255) ** e and ** 1/e
    assert 39 <= min(middles) < 110
    assert 140 < max(middles) <= 198


def test_shadow_darkens_a_part_only():
    parts = 0
    for seed in range(20):
        shaded = drawn(cast_shadow, seed, strength=0.5)
        assert shaded.max() <= 128
        assert shaded.min() >= 64
        parts += shaded.min() < 125 < shaded.max()
    assert parts > 10


def test_dusk_is_darker_at_the_ground_and_bluer():
    for seed in range(5):
        dark = drawn(turn_to_dusk, seed).astype(float)
        assert dark[-1].mean() < dark[0].mean() < 128
        assert dark[-1, :, 0].mean() > dark[-1, :, 2].mean()


@pytest.mark.parametrize('change', [change_gamma, cast_shadow, turn_to_dusk])
def test_little_strength_changes_little(change):
    for seed in range(5):
        assert np.abs(drawn(change, seed, strength=0.01).astype(int) - 128).max() <= 2


def test_half_of_the_crops_are_changed_and_none_where_it_is_off():
    recipe = replace(PLAIN, gamma=0.5)
    changed = sum(
        not np.array_equal(
            in_another_light(GRAY, recipe=recipe, rng=np.random.default_rng(seed)), GRAY
        )
        for seed in range(60)
    )
    assert 15 < changed < 45
    assert in_another_light(GRAY, recipe=PLAIN, rng=np.random.default_rng(0)) is GRAY
