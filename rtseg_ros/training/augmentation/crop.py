# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Random scale, crop and flip, reproducible from a seed; then light and camera."""

from collections.abc import Sequence

import cv2
import numpy as np

from rtseg_ros.training.augmentation.camera import through_another_camera
from rtseg_ros.training.augmentation.light import in_another_light, jitter_colors
from rtseg_ros.training.recipe import Recipe


def augment(
    frame: np.ndarray,
    labels: np.ndarray,
    *,
    recipe: Recipe,
    ignore_id: int,
    fill_bgr: tuple[float, float, float],
    rng: np.random.Generator,
    rare_ids: Sequence[int] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one training crop.

    What a recipe leaves out takes nothing from ``rng``: its crops are those of earlier versions.

    Args:
        frame: (H, W, 3) uint8 BGR.
        labels: (H, W) uint8.
        recipe: Gives crop size, scale range, flip, jitter and the rest.
        ignore_id: Label of pixels outside the frame.
        fill_bgr: Colour of pixels outside the frame, 0..255.
        rng: Source of all randomness.
        rare_ids: Classes that a crop can be centred on.

    Returns:
        Crop (h, w, 3) uint8 BGR and its labels (h, w) uint8.
    """
    crop_h, crop_w = recipe.crop_hw
    scale = rng.uniform(*recipe.scale_range)
    height, width = frame.shape[:2]
    # One warp does scale, crop and flip; room is negative where the crop is the larger one.
    room_y, room_x = height * scale - crop_h, width * scale - crop_w
    top = rng.uniform(min(room_y, 0), max(room_y, 0))
    left = rng.uniform(min(room_x, 0), max(room_x, 0))
    if recipe.rare_crops and rng.random() < recipe.rare_crops:
        center = rare_pixel(labels, rare_ids, rng)
        if center is not None:
            top = np.clip(center[0] * scale - crop_h / 2, min(room_y, 0), max(room_y, 0))
            left = np.clip(center[1] * scale - crop_w / 2, min(room_x, 0), max(room_x, 0))
    matrix = np.array([[scale, 0, -left], [0, scale, -top]], np.float64)
    matrix[:, 2] += (scale - 1) / 2  # pixel centres, not corners, keep their place
    if recipe.flip and rng.random() < 0.5:
        matrix[0] = -matrix[0]
        matrix[0, 2] += crop_w - 1
    size = (crop_w, crop_h)
    crop = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR, borderValue=fill_bgr)
    crop_labels = cv2.warpAffine(
        labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=ignore_id
    )
    if recipe.color_jitter:
        crop = jitter_colors(crop, strength=recipe.color_jitter, rng=rng)
    crop = in_another_light(crop, recipe=recipe, rng=rng)
    return through_another_camera(crop, recipe=recipe, rng=rng), crop_labels


def rare_pixel(
    labels: np.ndarray, rare_ids: Sequence[int], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Return row and column of a pixel of one of the classes; None if the frame has none.

    The class is drawn first: a small one is met as often as a large one.
    """
    present = [label for label in rare_ids if (labels == label).any()]
    if not present:
        return None
    rows, columns = np.nonzero(labels == rng.choice(present))
    drawn = int(rng.integers(len(rows)))
    return int(rows[drawn]), int(columns[drawn])
