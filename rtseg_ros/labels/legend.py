# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The legend of a segmentation: which colour is which class, no name cut."""

import cv2
import numpy as np

from rtseg_ros.labels.label_set import LabelSet

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LOWEST_ROW, _HIGHEST_ROW = 20, 32  # pixels, of a picture up to 800 high
_INK = (30, 30, 30)


def legend(
    label_set: LabelSet,
    *,
    height: int,
    palette_bgr: np.ndarray | None = None,
    zoom: float | None = None,
) -> np.ndarray:
    """Draw a swatch and the name of every class, in as many columns as the height asks for.

    Args:
        label_set: The classes.
        height: Of the picture, in pixels.
        palette_bgr: (256, 3) uint8; that of the label set if None.
        zoom: Of the names, 1 for what suits a picture up to 800 high; by the height if None.

    Returns:
        (height, W, 3) uint8 BGR on white, as wide as the names need.
    """
    palette = label_set.palette_bgr() if palette_bgr is None else palette_bgr
    zoom = max(height / 800, 1.0) if zoom is None else zoom
    row = int(np.clip(height // label_set.num_classes, _LOWEST_ROW * zoom, _HIGHEST_ROW * zoom))
    rows = max(height // row, 1)
    columns = []
    for first in range(0, label_set.num_classes, rows):
        ids = range(first, min(first + rows, label_set.num_classes))
        columns.append(_column(label_set, ids, palette, height, min(row, height)))
    return np.hstack(columns)


def _column(
    label_set: LabelSet, ids: range, palette_bgr: np.ndarray, height: int, row: int
) -> np.ndarray:
    scale = row / 42
    thickness = max(round(row / 24), 1)
    names = [label_set.names[index] for index in ids]
    widths = [cv2.getTextSize(name, _FONT, scale, thickness)[0][0] for name in names]
    swatch, gap = round(row * 1.2), row // 3
    picture = np.full((height, swatch + 3 * gap + max(widths), 3), 255, np.uint8)
    for position, (index, name) in enumerate(zip(ids, names, strict=True)):
        top, bottom = position * row, (position + 1) * row
        color = tuple(int(channel) for channel in palette_bgr[index])
        corner = (gap + swatch - 1, max(bottom - max(row // 8, 1), top + 1))
        cv2.rectangle(picture, (gap, top + row // 8), corner, color, -1)
        cv2.putText(
            picture, name, (swatch + 2 * gap, bottom - round(row * 0.3)),
            _FONT, scale, _INK, thickness, cv2.LINE_AA,
        )  # fmt: skip
    return picture
