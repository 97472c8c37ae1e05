# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Depth looked up for masks of other pixels: cut, scaled, rectified, turned."""

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.rectify import DepthOnMask

SIZE_HW = (120, 160)
K = (200.0, 0.0, 79.5, 0.0, 210.0, 59.5, 0.0, 0.0, 1.0)
BENT = (-0.25, 0.08, 0.001, -0.0005, -0.01)
TURN = cv2.Rodrigues(np.array([0.05, -0.08, 0.03]))[0]
EYE = tuple(np.eye(3).ravel().tolist())
UNIT = (1.0, 0.0, 1.0, 0.0)


def camera(rotation=EYE):
    return CameraModel(SIZE_HW, K, 'plumb_bob', BENT, tuple(rotation), K)


def test_a_cut_and_halved_mask_by_hand():
    """Mask pixel (u, v) is image pixel (2 u + 10.5, 2 v + 20.5): the upper half of four."""
    depth = np.arange(120 * 160, dtype=np.uint16).reshape(SIZE_HW)
    affine = (2.0, 10.5, 2.0, 20.5)
    small = camera().on_grid(affine, (30, 40))
    found = DepthOnMask(camera(), small, affine, rectified=False)(depth)
    assert found.shape == (30, 40)
    assert found[3, 5] == depth[27, 21]


def test_nothing_to_be_done_is_the_image_itself():
    depth = np.ones(SIZE_HW, np.float32)
    assert DepthOnMask(camera(), camera(), UNIT, rectified=False)(depth) is depth


@pytest.mark.parametrize('kind', [np.float32, np.uint16])
def test_depth_along_the_axis_of_a_turned_camera(kind):
    """A wall 5 m ahead of the camera as it is: so it is for every point of the rectified one."""
    source = camera(TURN.ravel())
    flat = source.rectified()
    depth = np.full(SIZE_HW, 5 if kind is np.float32 else 5000, kind)
    z = DepthOnMask(source, flat, UNIT, rectified=True)(depth)
    assert z.dtype == np.float32
    v, u = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    rays = flat.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
    points = np.column_stack([rays, np.ones(len(rays))]) * z.reshape(-1, 1)
    there = z.ravel() > 0
    assert 0.7 < there.mean() <= 1
    assert np.abs((points @ TURN)[there, 2] - 5).max() < 1e-5


def test_depth_of_another_size_is_refused():
    with pytest.raises(FrameError, match='depth is 80 x 60, and the image 160 x 120'):
        DepthOnMask(camera(), camera(), UNIT, rectified=False)(np.ones((60, 80), np.uint16))
