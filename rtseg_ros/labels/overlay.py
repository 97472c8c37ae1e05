"""Pictures of a segmentation for people: coloured overlay and legend."""

import cv2
import numpy as np

from rtseg_ros.labels.label_set import LabelSet


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
    colors = cv2.LUT(cv2.merge((labels, labels, labels)), palette_bgr[None])
    return cv2.addWeighted(colors, alpha, frame, 1 - alpha, 0)


def legend(label_set: LabelSet, *, size_hw: tuple[int, int]) -> np.ndarray:
    """Draw one coloured row per class with its name: size_hw + (3,) uint8 BGR, white ground."""
    height, width = size_hw
    picture = np.full((height, width, 3), 255, np.uint8)
    row = height / label_set.num_classes
    scale = min(row / 32, width / 300)
    for index, (name, color) in enumerate(zip(label_set.names, label_set.colors, strict=True)):
        top, bottom = round(index * row), round((index + 1) * row)
        cv2.rectangle(picture, (0, top), (round(row * 1.5), bottom - 2), color[::-1], -1)
        cv2.putText(
            picture, name, (round(row * 1.5) + 6, bottom - round(row * 0.3)),
            cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA,
        )  # fmt: skip
    return picture
