# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A picture of labelled points from above, and made depth for footage that has none."""

import cv2
import numpy as np

from rtseg_ros.spatial.camera_model import CameraModel

PIXELS_PER_M = 24
AHEAD_M, ASIDE_M = 24.0, 12.0
GRID_M = 4
MADE_HEIGHT_M = 1.4
_EYE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def made_camera(size_hw: tuple[int, int]) -> CameraModel:
    """Return a camera that looks level, with a field of view of 53 degrees."""
    height, width = size_hw
    k = (float(width), 0.0, (width - 1) / 2, 0.0, float(width), (height - 1) / 2, 0.0, 0.0, 1.0)
    return CameraModel(size_hw, k, '', (), _EYE, k)


def made_depth(camera: CameraModel) -> np.ndarray:
    """Return the depth of a flat ground, (H, W) float32 in metres, NaN from the horizon up.

    It is made, not measured: whatever stands on the ground lies flat in it.

    Args:
        camera: Looks level, from ``MADE_HEIGHT_M``.
    """
    height, width = camera.size_hw
    down = (np.arange(height) - camera.k[1, 2]) / camera.k[1, 1]
    with np.errstate(divide='ignore'):
        rows = np.where(down > 0, MADE_HEIGHT_M / down, np.nan).astype(np.float32)
    return np.repeat(rows[:, None], width, axis=1)


def picture_from_above(points: np.ndarray, *, caption: str) -> np.ndarray:
    """Draw points by x and z, in their colours; the camera is in the middle of the lower edge.

    Args:
        points: (h, w, 20) uint8 as ``PointMaker`` makes them.
        caption: Written above.

    Returns:
        (H, W, 3) uint8 BGR, with a grid of 4 m.
    """
    height, width = round(AHEAD_M * PIXELS_PER_M), round(2 * ASIDE_M * PIXELS_PER_M)
    picture = np.full((height, width, 3), 32, np.uint8)
    places = points.view(np.float32)
    with np.errstate(invalid='ignore'):
        x, z = places[..., 0], places[..., 2]
        there = (np.abs(x) < ASIDE_M) & (z > 0) & (z < AHEAD_M)
    column = ((x[there] + ASIDE_M) * PIXELS_PER_M).astype(int)
    row = height - 1 - (z[there] * PIXELS_PER_M).astype(int)
    colors = points[..., 12:15][there]
    for down in (0, 1, 2):  # three pixels each, or the far ground has holes
        for aside in (-1, 0, 1):
            picture[
                np.clip(row + down - 1, 0, height - 1), np.clip(column + aside, 0, width - 1)
            ] = colors
    step = GRID_M * PIXELS_PER_M
    for number in range(1, int(AHEAD_M) // GRID_M):
        at = height - number * step
        cv2.line(picture, (0, at), (width, at), (90, 90, 90), 1)
        _write(picture, f'{number * GRID_M} m', (6, at - 4))
    for at in range(0, width, step):
        cv2.line(picture, (at, 0), (at, height), (90, 90, 90), 1)
    _write(picture, caption, (6, 18))
    return picture


def _write(picture: np.ndarray, text: str, at: tuple[int, int]) -> None:
    for color, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, thick, cv2.LINE_AA)
