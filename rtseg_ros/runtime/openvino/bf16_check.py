# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a model loses nothing in bfloat16, seen where it is certain of what it says."""

from typing import Any

import numpy as np

from rtseg_ros.runtime.model_file import ModelFile

# Drawn images are not what a network was trained on: where it guesses, any rounding tips it, and
# that says nothing of real frames. What it is certain of must stay.
CERTAIN = 0.8
FEWEST_CERTAIN = 0.01
NUM_IMAGES = 4


def labels_kept(model: ModelFile, full: Any, half: Any) -> float:
    """Return the share of certain labels of drawn images that bfloat16 keeps, 0..1.

    Args:
        model: What was compiled.
        full: The ``openvino.CompiledModel`` in float32.
        half: The same in bfloat16.
    """
    kept = total = 0
    for image in drawn_images(model):
        ours, theirs = full(image)[0], half(image)[0]
        same, counted = compared(ours, theirs, model.metadata.temperature)
        kept, total = kept + same, total + counted
    return kept / total


def compared(full: np.ndarray, half: np.ndarray, temperature: float) -> tuple[int, int]:
    """Return how many of the labels that are certain in float32 bfloat16 keeps, and their number.

    All labels count where hardly any is certain, as in a network that was not trained.

    Args:
        full: (N, K, h, w) float32 logits, or integer labels of any shape, which all count.
        half: The same from bfloat16.
        temperature: By which logits are divided to give probabilities.
    """
    if full.dtype.kind != 'f':
        return int((full == half).sum()), full.size
    same = full.argmax(axis=1) == half.argmax(axis=1)
    best = full.max(axis=1, keepdims=True)
    probability = 1 / np.exp((full - best) / temperature).sum(axis=1)
    certain = probability >= CERTAIN
    if certain.mean() < FEWEST_CERTAIN:
        return int(same.sum()), same.size
    return int(same[certain].sum()), int(certain.sum())


def drawn_images(model: ModelFile, count: int = NUM_IMAGES) -> list[np.ndarray]:
    """Draw images with edges, areas and gradients, as many inputs of the model.

    Noise would say little: a network answers it with hardly any certainty.
    """
    rng = np.random.default_rng(0)
    _, *shape = model.input.shape
    height, width = model.size_hw
    y, x = np.mgrid[:height, :width].astype(np.float32)
    images = []
    for _ in range(count):
        image = np.zeros((height, width, 3), np.float32)
        for _ in range(12):
            inside = np.abs(y - rng.uniform(0, height)) * rng.uniform(0.2, 2) + np.abs(
                x - rng.uniform(0, width)
            ) * rng.uniform(0.2, 2) < rng.uniform(0.1, 0.5) * min(height, width)
            ramp = (y / height * rng.uniform(-60, 60))[..., None]
            image = np.where(inside[..., None], rng.uniform(0, 255, 3) + ramp, image)
        frame = np.clip(image, 0, 255)
        if model.input.dtype == 'uint8':
            images.append(frame.astype(np.uint8)[None])
        else:
            images.append(np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32))
        assert images[-1].shape[1:] == tuple(shape)
    return images
