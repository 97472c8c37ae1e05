# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A small labelled data set whose predictions by the tiny model can be worked out."""

from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.labels import LabelSet

# The classes of the tiny model, see test/conftest.py.
TINY = LabelSet(
    'tiny', ('dark', 'blue', 'green', 'red'), ((40, 40, 40), (0, 0, 255), (0, 255, 0), (255, 0, 0))
)
COLORS_BGR = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)


def street(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame and truth of 64 x 48 pixels: four blocks; later frames have more wrong labels."""
    truth = np.zeros((48, 64), np.uint8)
    truth[:, 32:] = 1
    truth[24:, :32] = 2
    truth[24:, 32:] = 3
    frame = COLORS_BGR[truth]
    truth[: 8 * (index % 5), :16] = 3  # the frame is dark there: misses
    truth[44:, :] = 255
    return frame, truth


def write_dataset(root: Path, count: int = 6) -> Path:
    for folder in ('images', 'labels'):
        (root / 'val' / folder).mkdir(parents=True)
    for index in range(count):
        frame, truth = street(index)
        cv2.imwrite(str(root / 'val' / 'images' / f'S_{index:03}.png'), frame)
        cv2.imwrite(str(root / 'val' / 'labels' / f'S_{index:03}.png'), truth)
    return root
