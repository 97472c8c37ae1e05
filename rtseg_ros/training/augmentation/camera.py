# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Another camera: blur, noise of the sensor, JPEG."""

import cv2
import numpy as np

from rtseg_ros.training.augmentation.chance import by_chance
from rtseg_ros.training.recipe import Recipe


def through_another_camera(
    frame: np.ndarray, *, recipe: Recipe, rng: np.random.Generator
) -> np.ndarray:
    """Apply what the recipe asks for, each to half of the crops, in a camera's order.

    Args:
        frame: (h, w, 3) uint8 BGR.
        recipe: Gives the strengths, 0..1; what is 0 takes nothing from ``rng``.
        rng: Source of all randomness.
    """
    changes = (
        (blur, recipe.blur),
        (add_noise, recipe.noise),
        (compress, recipe.jpeg),
    )
    return by_chance(frame, changes, rng)


def blur(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur by a Gaussian of up to 2 pixels, or along the way of a moving camera, up to 9."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.1 + 1.9 * strength * rng.random()))
    length = 1 + 2 * round(4 * strength * rng.random())
    kernel = np.zeros((length, length), np.float32)
    middle = length // 2
    reach = np.array([np.cos(angle := rng.uniform(0, np.pi)), np.sin(angle)]) * middle
    start, end = (np.round(middle + sign * reach).astype(int) for sign in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum()))


def add_noise(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise with a standard deviation of up to 25 of 255."""
    noise = rng.normal(0, 25 * strength * rng.random(), frame.shape)
    return np.round(frame + noise).clip(0, 255).astype(np.uint8)


def compress(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Store as JPEG of a quality down to 95 - 85 strength, and read again."""
    quality = round(95 - 85 * strength * rng.random())
    _, stored = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))
