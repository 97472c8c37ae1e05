"""Random scale, crop, flip and colour, reproducible from a seed."""

import cv2
import numpy as np

from rtseg_ros.training.recipe import Recipe


def augment(
    frame: np.ndarray,
    labels: np.ndarray,
    *,
    recipe: Recipe,
    ignore_id: int,
    fill_bgr: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one training crop.

    Args:
        frame: (H, W, 3) uint8 BGR.
        labels: (H, W) uint8.
        recipe: Gives crop size, scale range, flip and jitter.
        ignore_id: Label of pixels outside the frame.
        fill_bgr: Colour of pixels outside the frame, 0..255.
        rng: Source of all randomness.

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
    return crop, crop_labels


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
