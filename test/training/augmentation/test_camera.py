# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults of a camera: how far they go, and that strength means what it says."""

from dataclasses import replace

import numpy as np

from rtseg_ros.training.augmentation.camera import (
    add_noise,
    blur,
    compress,
    through_another_camera,
)
from rtseg_ros.training.recipe import Recipe

PLAIN = Recipe(source='test', epochs=1, batch_size=1, crop_hw=(24, 32), learning_rate=1.0)
EDGE = np.full((32, 32, 3), 50, np.uint8)
EDGE[:, 16:] = 200


def test_blur_keeps_the_mean_and_softens_edges():
    steepest = []
    for seed in range(20):
        soft = blur(EDGE, strength=1.0, rng=np.random.default_rng(seed)).astype(int)
        assert abs(soft.mean() - EDGE.mean()) < 2
        steepest.append(np.abs(np.diff(soft[16, :, 0])).max())
    assert min(steepest) < 60
    assert max(steepest) <= 150


def test_noise_is_as_strong_as_said():
    gray = np.full((100, 100, 3), 128, np.uint8)
    deviations = [
        add_noise(gray, strength=0.4, rng=np.random.default_rng(seed)).std() for seed in range(20)
    ]
    assert max(deviations) < 10.5
    assert 3 < np.mean(deviations) < 7  # uniform between 0 and 10


def test_jpeg_loses_more_at_more_strength():
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    def loss(strength):
        return np.mean(
            [
                np.abs(
                    compress(frame, strength=strength, rng=np.random.default_rng(seed)).astype(int)
                    - frame
                ).mean()
                for seed in range(5)
            ]
        )

    assert loss(1.0) > loss(0.2)


def test_none_where_it_is_off():
    assert through_another_camera(EDGE, recipe=PLAIN, rng=np.random.default_rng(0)) is EDGE
    noisy = through_another_camera(
        EDGE, recipe=replace(PLAIN, noise=1.0, blur=1.0, jpeg=1.0), rng=np.random.default_rng(1)
    )
    assert noisy.shape == EDGE.shape
    assert noisy.dtype == np.uint8
