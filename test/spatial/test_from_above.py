# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Points from above lie where a ruler says; made depth is that of a flat ground."""

import numpy as np

from rtseg_ros.spatial.from_above import (
    AHEAD_M,
    ASIDE_M,
    MADE_HEIGHT_M,
    PIXELS_PER_M,
    made_camera,
    made_depth,
    picture_from_above,
)
from rtseg_ros.spatial.points import points_from_depth

PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[1], PALETTE[2] = (255, 0, 0), (0, 255, 0)


def test_made_depth_is_a_flat_ground():
    camera = made_camera((240, 320))
    depth = made_depth(camera)
    assert np.isnan(depth[:120]).all()
    labels = np.ones((240, 320), np.uint8)
    points = points_from_depth(depth, labels, camera, colors_bgr=PALETTE).view(np.float32)
    assert np.allclose(points[120:, :, 1], MADE_HEIGHT_M, atol=1e-4)


def test_left_is_left_and_far_is_up():
    camera = made_camera((240, 320))
    labels = np.ones((240, 320), np.uint8)
    labels[:, 160:] = 2
    points = points_from_depth(made_depth(camera), labels, camera, colors_bgr=PALETTE)
    picture = picture_from_above(points, caption='made')
    height, width = picture.shape[:2]
    assert (height, width) == (AHEAD_M * PIXELS_PER_M, 2 * ASIDE_M * PIXELS_PER_M)
    at = height - round(6.5 * PIXELS_PER_M)  # 6.5 m ahead: 3.25 m to each side are seen
    middle = width // 2
    # Between the lines of the grid.
    assert picture[at, middle - 30].tolist() == [255, 0, 0]
    assert picture[at, middle + 30].tolist() == [0, 255, 0]
    assert picture[at, middle + round(3.6 * PIXELS_PER_M)].tolist() == [32, 32, 32]
