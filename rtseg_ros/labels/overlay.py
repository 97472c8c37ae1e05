# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture of a segmentation for people: class colours over the frame."""

import cv2
import numpy as np

_PIXELS_A_LINE = 800  # so many pixels of a picture's longer side to one of a line's width


def overlay_from_labels(
    frame: np.ndarray,
    labels: np.ndarray,
    *,
    palette_bgr: np.ndarray,
    alpha: float = 0.5,
    outlines: bool = False,
) -> np.ndarray:
    """Blend class colours over a frame; unlabelled pixels (black in the palette) stay dark.

    Args:
        frame: (H, W, 3) uint8 BGR.
        labels: (H, W) uint8.
        palette_bgr: (256, 3) uint8, from ``LabelSet.palette_bgr``.
        alpha: Weight of the colours, 0..1.
        outlines: Draw thin white lines where classes meet.

    Returns:
        (H, W, 3) uint8 BGR, newly allocated.
    """
    colors = colors_from_labels(labels, palette_bgr)
    overlay = cv2.addWeighted(colors, alpha, frame, 1 - alpha, 0)
    if outlines:
        lines = _borders(labels)
        cv2.bitwise_or(overlay, cv2.merge((lines, lines, lines)), dst=overlay)
    return overlay


def colors_from_labels(labels: np.ndarray, palette_bgr: np.ndarray) -> np.ndarray:
    """Return the class colours of (H, W) uint8 labels: (H, W, 3) uint8 BGR, newly allocated."""
    return cv2.LUT(cv2.merge((labels, labels, labels)), palette_bgr[None])


def _borders(labels: np.ndarray) -> np.ndarray:
    """Return 255 where classes meet, else 0: a line of one pixel, of more in large pictures."""
    lines = np.zeros_like(labels)
    lines[:, 1:] = cv2.compare(labels[:, 1:], labels[:, :-1], cv2.CMP_NE)
    lines[1:] |= cv2.compare(labels[1:], labels[:-1], cv2.CMP_NE)
    width = round(max(labels.shape) / _PIXELS_A_LINE)
    return lines if width < 2 else cv2.dilate(lines, np.ones((width, width), np.uint8))
