# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ground grid in made worlds: a painted floor seen by a camera that stands on it."""

import math

import numpy as np
import pytest

from rtseg_ros.errors import SettingError
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.ground import GridExtent, GroundGrid, pose_from_angles

K = (250.0, 0.0, 159.5, 0.0, 250.0, 119.5, 0.0, 0.0, 1.0)
EYE = tuple(np.eye(3).ravel())
PLAIN = CameraModel((240, 320), K, '', (), EYE, K)
BENT = CameraModel((240, 320), K, 'plumb_bob', (-0.2, 0.05, 0.0, 0.0, 0.0), EYE, K)
FISH = CameraModel((240, 320), K, 'equidistant', (-0.01, 0.002, 0.0, 0.0), EYE, K)
EXTENT = GridExtent(resolution_m=0.1, x_min_m=0, x_max_m=8, y_min_m=-4, y_max_m=4)
ROAD, GRASS = 3, 5


def painted(camera, pose):
    """Render the floor: road where |y| < 1 or x > 5, else grass; unlabelled above the horizon."""
    height, width = camera.size_hw
    v, u = np.mgrid[:height, :width]
    rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1).astype(float))
    directions = np.column_stack([rays, np.ones(len(rays))]) @ pose[:3, :3].T
    with np.errstate(divide='ignore', invalid='ignore'):
        scale = -pose[2, 3] / directions[:, 2]
        places = pose[:3, 3] + directions * scale[:, None]
    labels = np.full(len(rays), 255, np.uint8)
    ground = directions[:, 2] < 0
    is_road = (np.abs(places[:, 1]) < 1) | (places[:, 0] > 5)
    labels[ground] = np.where(is_road[ground], ROAD, GRASS)
    return labels.reshape(height, width)


@pytest.mark.parametrize('camera', [PLAIN, BENT, FISH], ids=['pinhole', 'plumb_bob', 'fisheye'])
@pytest.mark.parametrize('angles', [(0, 0.25, 0), (0.1, 0.3, 0.2), (-0.05, 0.1, -0.3)])
def test_cells_are_what_is_painted_on_the_floor(camera, angles):
    pose = pose_from_angles(0.2, 0.1, 1.1, *angles)
    grid = GroundGrid(camera, pose, EXTENT)
    cells = grid.grid(painted(camera, pose), driveable=[ROAD])
    x = 0.05 + 0.1 * np.arange(80)
    y = -3.95 + 0.1 * np.arange(80)
    expected = np.where((np.abs(y)[:, None] < 1) | (x[None] > 5), 0, 100)
    # A pixel far away covers more than a cell: leave out one pixel's depth around the borders.
    depth_of_pixel = (x**2 + 1) / (250 * 1.1) * 1.5
    clear = (np.abs(np.abs(y)[:, None] - 1) > depth_of_pixel[None]) & (
        np.abs(x - 5) > depth_of_pixel
    )[None]
    seen = grid.seen & clear
    assert seen.sum() > 500
    assert np.array_equal(cells[seen], expected[seen])
    assert (cells[~grid.seen] == -1).all()


def test_level_camera_by_hand():
    """1 m high, looking level: the floor at x is f / x pixels below the middle."""
    labels = np.full((240, 320), 255, np.uint8)
    labels[round(119.5 + 250 / 4.05) :] = ROAD  # the ground up to about 4 m
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, 1, 0, 0, 0), EXTENT)
    middle = grid.grid(labels, driveable=[ROAD])[40]
    assert (middle[22:40] == 0).all()
    assert (middle[42:] == -1).all()
    assert (middle[:20] == -1).all()  # the image ends 2.1 m ahead


def test_left_is_left():
    labels = np.full((240, 320), GRASS, np.uint8)
    labels[:, :160] = ROAD
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, 1, 0, 0.2, 0), EXTENT)
    cells = grid.grid(labels, driveable=[ROAD])
    assert (cells[41:][grid.seen[41:]] == 0).all()  # y > 0
    assert (cells[:39][grid.seen[:39]] == 100).all()


def test_uncertain_and_unlabelled_are_unknown():
    labels = np.full((240, 320), ROAD, np.uint8)
    labels[:, :100] = 255
    confidence = np.full((240, 320), 200, np.uint8)
    confidence[:, 200:] = 100
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, 1, 0, 0.3, 0), EXTENT)
    cells = grid.grid(labels, driveable=[ROAD], confidence=confidence, min_confidence=0.5)
    assert set(np.unique(cells)) == {-1, 0}
    without = grid.grid(labels, driveable=[ROAD])
    assert (without == 0).sum() > (cells == 0).sum()


def test_looking_up_sees_no_ground():
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, 1, 0, -math.pi / 2, 0), EXTENT)
    assert not grid.seen.any()


def test_a_camera_below_the_ground_sees_none():
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, -1, 0, -0.3, 0), EXTENT)
    assert not grid.seen.any()


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ({'resolution_m': 0.0}, 'finite metres'),
        ({'x_max_m': float('nan')}, 'finite metres'),
        ({'x_min_m': 5, 'x_max_m': 5}, 'must be the larger one'),
        ({'resolution_m': 1e-3}, 'coarser resolution'),
    ],
)
def test_extents_that_cannot_be_meant(values, said):
    with pytest.raises(SettingError, match=said):
        GridExtent(**values)


def test_a_mask_of_another_size_is_refused():
    grid = GroundGrid(PLAIN, pose_from_angles(0, 0, 1, 0, 0, 0), EXTENT)
    with pytest.raises(SettingError, match='mask is 10 x 10 and camera_info is of 320 x 240'):
        grid.grid(np.zeros((10, 10), np.uint8), driveable=[0])
