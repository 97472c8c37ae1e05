# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Another light: colours, gamma, the shadow of something, dusk."""

import cv2
import numpy as np

from rtseg_ros.training.augmentation.chance import by_chance
from rtseg_ros.training.recipe import Recipe


def in_another_light(frame: np.ndarray, *, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Apply what the recipe asks for, each to half of the crops.

    Args:
        frame: (h, w, 3) uint8 BGR.
        recipe: Gives the strengths, 0..1; what is 0 takes nothing from ``rng``.
        rng: Source of all randomness.
    """
    changes = (
        (change_gamma, recipe.gamma),
        (cast_shadow, recipe.shadow),
        (turn_to_dusk, recipe.dusk),
    )
    return by_chance(frame, changes, rng)


def jitter_colors(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation, gamma and white balance by up to ``strength``."""
    gains = rng.uniform(1 - strength, 1 + strength) * rng.uniform(
        1 - strength / 4, 1 + strength / 4, 3
    )
    contrast, saturation = rng.uniform(1 - strength, 1 + strength, 2)
    gamma = np.exp(rng.uniform(-strength, strength))
    ramp = (np.arange(256) / 255.0) ** gamma
    table = ((ramp[:, None] * gains - 0.5) * contrast + 0.5) * 255  # (256, 3)
    table = np.clip(table, 0, 255).astype(np.uint8)[None]
    frame = cv2.LUT(frame, table)
    gray = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(frame, saturation, gray, 1 - saturation, 0)


def change_gamma(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Raise the values to a power between exp(-strength) and exp(strength)."""
    power = np.exp(rng.uniform(-strength, strength))
    table = np.round((np.arange(256) / 255.0) ** power * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table))


def cast_shadow(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Darken a random quadrangle with soft edges by up to ``strength``."""
    height, width = frame.shape[:2]
    corners = rng.uniform(-0.2, 1.2, (4, 2)) * (width, height)
    hull = cv2.convexHull(corners.astype(np.int32))
    mask = cv2.fillConvexPoly(np.zeros((height, width), np.float32), hull, 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.01 * (height + width))
    light = 1 - strength * rng.uniform(0.3, 1) * mask
    return np.round(frame * light[:, :, None]).astype(np.uint8)


def turn_to_dusk(frame: np.ndarray, *, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Darken towards the ground, less towards the sky, and take red and contrast away."""
    amount = strength * rng.uniform(0.3, 1)
    down = np.linspace(0.5, 1.0, frame.shape[0])[:, None, None]
    gains = 1 - amount * down * np.array([0.6, 0.7, 0.8])  # blue stays longest
    flat = frame.mean() * (0.2 * amount)
    return np.round((frame * (1 - 0.2 * amount) + flat) * gains).clip(0, 255).astype(np.uint8)
