"""Frames beside their overlays on one sheet, with one legend."""

import cv2
import numpy as np

from rtseg_ros.labels.label_set import LabelSet
from rtseg_ros.labels.legend import legend

_CELL_HW = (400, 480)  # the most that one picture takes


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
    across = 1 if len(cells) % 2 else 2
    grid = np.vstack(
        [np.hstack(cells[first : first + across]) for first in range(0, len(cells), across)]
    )
    return np.hstack([grid, legend(labels, height=len(grid), palette_bgr=palette_bgr)])
