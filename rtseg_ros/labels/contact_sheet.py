# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames beside their overlays on one sheet, with one legend."""

from math import log

import cv2
import numpy as np

from rtseg_ros.labels.label_set import LabelSet
from rtseg_ros.labels.legend import legend

_CELL_HW = (400, 480)  # the most that one picture takes
_SHAPE = 1.6  # width to height that a screen has, more or less


def contact_sheet(
    rows: list[tuple[np.ndarray, np.ndarray]],
    labels: LabelSet,
    *,
    palette_bgr: np.ndarray | None = None,
) -> np.ndarray:
    """Arrange (frame, overlay) pairs so that no place stays empty, the legend at the right.

    Args:
        rows: Pairs of (H, W, 3) uint8 BGR, all of one shape.
        labels: The classes.
        palette_bgr: Colours of the overlays, (256, 3); those of the label set if None.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    height, width = rows[0][0].shape[:2]
    scale = min(_CELL_HW[0] / height, _CELL_HW[1] / width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    cells = [
        np.hstack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pair])
        for pair in rows
    ]
    across = _across(len(cells), 2 * size[0] / size[1])
    grid = np.vstack(
        [np.hstack(cells[first : first + across]) for first in range(0, len(cells), across)]
    )
    return np.hstack([grid, legend(labels, height=len(grid), palette_bgr=palette_bgr, zoom=1.0)])


def _across(count: int, shape: float) -> int:
    """Return how many pairs stand beside each other: rows are full, and the sheet fits a screen.

    Args:
        count: Of the pairs.
        shape: Width to height of one.
    """
    fitting = [across for across in range(1, count + 1) if count % across == 0]
    return min(fitting, key=lambda across: abs(log(shape * across**2 / count / _SHAPE)))
