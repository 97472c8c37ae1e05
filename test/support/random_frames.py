# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames of random colours, by their seed: (H, W, 3) uint8 BGR."""

import cv2
import numpy as np


def smooth_frame(seed: int, size_hw: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Patches that run into each other, as networks see them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


def noise_frame(seed: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Every pixel another, so that one that moved is seen."""
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)
