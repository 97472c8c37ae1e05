# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Augmentation moves image and labels together."""

from dataclasses import replace

import numpy as np
import pytest

from rtseg_ros.training.augmentation.crop import augment, rare_pixel
from rtseg_ros.training.augmentation.light import jitter_colors
from rtseg_ros.training.recipe import Recipe

PLAIN = Recipe(
    source='test', epochs=1, batch_size=1, crop_hw=(24, 32), learning_rate=1.0, flip=False
)


def draw(recipe: Recipe, seed: int, size_hw=(48, 64)):
    """A frame whose red channel is its own label, so that any misalignment shows."""
    labels = np.kron(
        np.random.default_rng(0).integers(0, 5, (size_hw[0] // 8, size_hw[1] // 8)),
        np.ones((8, 8)),
    ).astype(np.uint8)
    frame = np.repeat(labels[:, :, None] * 50, 3, axis=2)
    return augment(
        frame, labels, recipe=recipe, ignore_id=255, fill_bgr=(255, 255, 255),
        rng=np.random.default_rng(seed),
    )  # fmt: skip


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('scales', [(1.0, 1.0), (2.0, 2.0), (0.5, 2.0)])
def test_labels_follow_the_image(flip, scales):
    for seed in range(20):
        frame, labels = draw(replace(PLAIN, flip=flip, scale_range=scales), seed)
        assert frame.shape == (24, 32, 3)
        inside = labels != 255
        # Interpolation blends across borders only; most pixels keep their exact value.
        exact = frame[:, :, 2][inside] == labels[inside] * 50
        assert exact.mean() > 0.6
        assert abs(frame[:, :, 2][inside].astype(int) - labels[inside] * 50.0).mean() < 15


def test_small_images_are_filled_and_ignored():
    recipe = replace(PLAIN, scale_range=(0.25, 0.25))
    frame, labels = draw(recipe, 1)
    outside = labels == 255
    assert 0.6 < outside.mean() < 0.9  # a 12x16 image in a 24x32 crop covers a quarter
    assert (frame[outside] > 250).all(axis=-1).mean() > 0.9


def test_same_seed_same_crop_other_seed_other_crop():
    recipe = replace(PLAIN, scale_range=(0.5, 2.0), color_jitter=0.3)
    first, again, other = draw(recipe, 1), draw(recipe, 1), draw(recipe, 2)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_flip_mirrors():
    flips = 0
    for seed in range(30):
        plain = augment_once(replace(PLAIN, crop_hw=(48, 64)), seed)
        flipped = augment_once(replace(PLAIN, crop_hw=(48, 64), flip=True), seed)
        if not np.array_equal(plain, flipped):
            assert np.array_equal(plain[:, ::-1], flipped)
            flips += 1
    assert 5 <= flips <= 25


def augment_once(recipe: Recipe, seed: int) -> np.ndarray:
    return draw(recipe, seed)[1]


def test_jitter_of_strength_zero_changes_nothing():
    frame = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert (
        np.abs(
            jitter_colors(frame, strength=0, rng=np.random.default_rng(0)).astype(int) - frame
        ).max()
        <= 1
    )


def test_what_is_off_takes_no_randomness():
    """A run of an earlier version sees the crops that it saw; hashes as of 0.1.0's code."""
    recipe = replace(PLAIN, scale_range=(0.5, 2.0), color_jitter=0.3, flip=True)
    rng = np.random.default_rng(7)
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    augment(
        frame, frame[:, :, 0], recipe=recipe, ignore_id=255, fill_bgr=(0, 0, 0), rng=rng,
        rare_ids=(0, 1),
    )  # fmt: skip
    expected = np.random.default_rng(7)
    expected.random(3 + 1 + 1 + 3 + 2 + 1)  # scale, place, flip; gains, contrast, gamma
    assert rng.random() == expected.random()


def test_crops_are_centred_on_rare_classes():
    labels = np.zeros((48, 64), np.uint8)
    labels[10:12, 50:52] = 3
    recipe = replace(PLAIN, rare_crops=1.0, crop_hw=(16, 16))
    for seed in range(10):
        _, crop = augment(
            np.repeat(labels[:, :, None], 3, axis=2), labels, recipe=recipe, ignore_id=255,
            fill_bgr=(0, 0, 0), rng=np.random.default_rng(seed), rare_ids=(2, 3),
        )  # fmt: skip
        rows, columns = np.nonzero(crop == 3)
        assert 5 <= rows.mean() <= 10
        assert 5 <= columns.mean() <= 10
    assert rare_pixel(labels, (1, 2), np.random.default_rng(0)) is None
