# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calibrations: projection, rays and rectification against each other and against formulas."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import CalibrationError
from rtseg_ros.spatial.camera_model import camera_model_from_info
from rtseg_ros.spatial.rectify import Rectifier, rectifier

K = (300.0, 0.0, 160.0, 0.0, 310.0, 120.0, 0.0, 0.0, 1.0)
EYE = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
P = (280.0, 0.0, 158.0, 0.0, 0.0, 290.0, 119.0, 0.0, 0.0, 0.0, 1.0, 0.0)
LENSES = {
    '': (),
    'plumb_bob': (-0.25, 0.08, 0.001, -0.0005, -0.01),
    'rational_polynomial': (0.3, 0.02, 0.0004, -0.0003, 0.002, 0.55, 0.06, 0.004),
    'equidistant': (-0.02, 0.005, -0.002, 0.0004),
}


def info(**changes):
    values = {
        'width': 320, 'height': 240, 'distortion_model': 'plumb_bob', 'd': (0.0,) * 5, 'k': K,
        'r': EYE, 'p': P,
    }  # fmt: skip
    return SimpleNamespace(**values | changes)


@pytest.fixture(params=LENSES)
def camera(request):
    return camera_model_from_info(info(distortion_model=request.param, d=LENSES[request.param]))


def test_pinhole_by_hand():
    camera = camera_model_from_info(info())
    pixel = camera.pixels_from_points(np.array([[0.5, -0.2, 2.0]]))
    assert np.allclose(pixel, [[300 * 0.25 + 160, 310 * -0.1 + 120]])


def test_plumb_bob_by_its_formula():
    k1, k2, p1, p2, k3 = LENSES['plumb_bob']
    camera = camera_model_from_info(info(d=LENSES['plumb_bob']))
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    pixel = camera.pixels_from_points(np.array([[x, y, 1.0]]))
    assert np.allclose(pixel, [[300 * bent_x + 160, 310 * bent_y + 120]], atol=1e-9)


def test_equidistant_by_its_formula():
    k1, k2, k3, k4 = LENSES['equidistant']
    camera = camera_model_from_info(info(distortion_model='equidistant', d=LENSES['equidistant']))
    x, y = 0.6, 0.3
    r = np.hypot(x, y)
    theta = np.arctan(r)
    bent = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8) / r
    pixel = camera.pixels_from_points(np.array([[x, y, 1.0]]))
    assert np.allclose(pixel, [[300 * bent * x + 160, 310 * bent * y + 120]], atol=1e-9)


def test_every_pixel_comes_back(camera):
    """From a pixel to its ray and back, within a thousandth of a pixel."""
    v, u = np.mgrid[0:240:4, 0:320:4]
    pixels = np.stack([u.ravel(), v.ravel()], axis=1).astype(float)
    rays = camera.rays_from_pixels(pixels)
    points = np.column_stack([rays, np.ones(len(rays))]) * 3.7
    assert np.abs(camera.pixels_from_points(points) - pixels).max() < 1e-3


def board(camera):
    """Paint a board of squares that stands 2 m ahead, as the camera sees it, without OpenCV."""
    height, width = camera.size_hw
    v, u = np.mgrid[:height, :width]
    rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1).astype(float))
    squares = (np.floor(rays[:, 0] * 5) + np.floor(rays[:, 1] * 5)) % 2
    return (squares.reshape(height, width) * 255).astype(np.uint8)


def test_a_rectified_picture_is_that_of_the_rectified_camera(camera):
    picture = cv2.merge([board(camera)] * 3)
    flat = Rectifier(camera).image(picture)
    expected = board(camera.rectified())
    seen = Rectifier(camera).image(np.full_like(picture, 255))[..., 0] == 255
    # Edges of squares are interpolated: one pixel beside them may differ.
    edges = cv2.dilate(cv2.Canny(expected, 50, 150), np.ones((5, 5), np.uint8)) > 0
    inside = seen & ~edges
    assert inside.mean() > 0.5
    assert np.abs(flat[..., 0].astype(int) - expected)[inside].max() <= 2


def test_a_mask_goes_there_and_back(camera):
    height, width = camera.size_hw
    rectify = Rectifier(camera)
    labels = np.zeros((height, width), np.uint8)
    labels[60:180, 80:240] = 3
    there = rectify.image(cv2.merge([labels] * 3))[..., 0]
    there = np.where(there > 1, 3, 0).astype(np.uint8)
    back = rectify.back(there, fill=255)
    border = cv2.dilate(cv2.Canny(labels * 80, 50, 150), np.ones((7, 7), np.uint8)) > 0
    known = (back != 255) & ~border
    assert known.mean() > 0.5
    assert np.array_equal(back[known], labels[known])


def test_labels_are_never_mixed():
    camera = camera_model_from_info(info(d=LENSES['plumb_bob']))
    labels = np.zeros((240, 320), np.uint8)
    labels[:, ::2] = 200
    assert set(np.unique(Rectifier(camera).back(labels, fill=255))) <= {0, 200, 255}


def test_maps_are_made_once_for_each_calibration():
    first = camera_model_from_info(info(d=LENSES['plumb_bob']))
    again = camera_model_from_info(info(d=LENSES['plumb_bob']))
    other = camera_model_from_info(info(d=(-0.24, *LENSES['plumb_bob'][1:])))
    assert rectifier(first) is rectifier(again)
    assert rectifier(first) is not rectifier(other)


def test_a_driver_that_leaves_r_and_p_empty():
    camera = camera_model_from_info(info(r=(0.0,) * 9, p=(0.0,) * 12))
    assert np.array_equal(camera.r, np.eye(3))
    assert camera.projection == K


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'k': (0.0,) * 9}, 'focal lengths 0 and 0: the camera is not calibrated'),
        ({'k': (float('nan'), *K[1:])}, 'expected 9 finite numbers'),
        ({'k': K[:8]}, 'expected 9 finite numbers'),
        ({'width': 0}, 'image is 0 x 240'),
        ({'distortion_model': 'magic', 'd': (0.1,) * 5}, "model 'magic'; known are plumb_bob"),
        ({'d': (0.1, 0.2, 0.3)}, '3 coefficients for plumb_bob; it takes 4 or 5'),
        ({'d': (float('inf'), 0.0, 0.0, 0.0, 0.0)}, 'not finite'),
        ({'p': (-1.0, *P[1:])}, 'rectified focal lengths -1 and 290'),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, said):
    with pytest.raises(CalibrationError, match=said):
        camera_model_from_info(info(**changes))


def test_an_image_of_another_camera_is_refused():
    camera = camera_model_from_info(info())
    with pytest.raises(CalibrationError, match='image is 640 x 480 and camera_info is of 320 x'):
        Rectifier(camera).image(np.zeros((480, 640, 3), np.uint8))
