"""Frames beside their overlays on one sheet, with one legend."""

import cv2
import numpy as np

from rtseg_ros.labels.label_set import LabelSet
from rtseg_ros.labels.overlay import legend


def contact_sheet(rows: list[tuple[np.ndarray, np.ndarray]], labels: LabelSet) -> np.ndarray:
    """Arrange (frame, overlay) pairs, two to a row, with one legend at the right."""
    height, width = rows[0][0].shape[:2]
    scaled = (480, round(480 * height / width))
    cells = [np.hstack([cv2.resize(picture, scaled) for picture in pair]) for pair in rows]
    while len(cells) % 2:
        cells.append(np.full_like(cells[0], 255))
    grid = np.vstack([np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)])
    return np.hstack([grid, legend(labels, size_hw=(grid.shape[0], 260))])
