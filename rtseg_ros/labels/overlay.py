"""The picture of a segmentation for people: class colours over the frame."""

import cv2
import numpy as np


def overlay_from_labels(
    frame: np.ndarray, labels: np.ndarray, *, palette_bgr: np.ndarray, alpha: float = 0.5
) -> np.ndarray:
    """Blend class colours over a frame; unlabelled pixels (black in the palette) stay dark.

    Args:
        frame: (H, W, 3) uint8 BGR.
        labels: (H, W) uint8.
        palette_bgr: (256, 3) uint8, from ``LabelSet.palette_bgr``.
        alpha: Weight of the colours, 0..1.

    Returns:
        (H, W, 3) uint8 BGR, newly allocated.
    """
    colors = colors_from_labels(labels, palette_bgr)
    return cv2.addWeighted(colors, alpha, frame, 1 - alpha, 0)


def colors_from_labels(labels: np.ndarray, palette_bgr: np.ndarray) -> np.ndarray:
    """Return the class colours of (H, W) uint8 labels: (H, W, 3) uint8 BGR, newly allocated."""
    return cv2.LUT(cv2.merge((labels, labels, labels)), palette_bgr[None])
