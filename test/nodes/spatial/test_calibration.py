# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calibration of a camera: made once, said when changed, in every geometry the same pixels."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from made_depth import BENT, SIZE_HW, info_message
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError
from rtseg_ros.nodes.messages import camera_info_of_mask
from rtseg_ros.nodes.spatial.calibration import Calibration
from rtseg_ros.runtime.geometry import Geometry, layout
from rtseg_ros.spatial.camera_model import camera_model_from_info

HEADER = Header(frame_id='camera_optical')
ROI = (16, 8, 128, 104)


def calibration(*, rectify='output', roi=None, said=None, **changes):
    made = Calibration(
        '/camera_info', rectify=rectify, rectified_images=False, roi=roi,
        log=(said if said is not None else []).append,
    )  # fmt: skip
    made.on_info(info_message(HEADER, **{'d': list(BENT)} | changes))
    return made


@pytest.mark.parametrize('resize', ['stretch', 'letterbox', 'crop'])
@pytest.mark.parametrize('rotation', [0, 90])
@pytest.mark.parametrize('size', ['source', 'region', 'network', (30, 50)])
@pytest.mark.parametrize('rectify', ['output', 'inside'])
def test_a_pixel_goes_there_and_back(resize, rotation, size, rectify):
    """roi, rectify, resize, rotate: the mask's camera is that of ~/camera_info."""
    made = calibration(rectify=rectify, roi=ROI)
    plan = layout(
        Geometry(resize=resize, roi=ROI, rotation=rotation, output_size=size),
        source_hw=SIZE_HW, network_hw=(32, 48),
    )  # fmt: skip
    camera = made.camera_of_mask(plan, 'camera_optical')
    info = camera_info_of_mask(made.info_of_frame(), plan, header=HEADER)
    assert np.allclose(camera.k, camera_model_from_info(info).k)
    assert camera.is_distorted == (rectify == 'inside')
    v, u = np.mgrid[: camera.size_hw[0] : 7, : camera.size_hw[1] : 9]
    pixels = np.stack([u.ravel(), v.ravel()], axis=1).astype(float)
    rays = camera.rays_from_pixels(pixels)
    points = np.column_stack([rays, np.ones(len(rays))]) * 2.5
    assert np.abs(camera.pixels_from_points(points) - pixels).max() < 1e-3
    # The same rays in the whole frame: scale and offset of the layout.
    frame_camera = (
        made.camera(SIZE_HW) if rectify == 'inside' else made.camera(SIZE_HW).rectified()
    )
    scale_x, offset_x, scale_y, offset_y = plan.source_from_mask()
    expected = pixels * (scale_x, scale_y) + (offset_x, offset_y)
    assert np.abs(frame_camera.pixels_from_points(points) - expected).max() < 1e-3


def test_a_region_is_rectified_as_the_whole_is():
    rng = np.random.default_rng(0)
    frame = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    whole, part = calibration().rectified(frame), calibration(roi=ROI).rectified(frame)
    x, y, width, height = ROI
    inner = (slice(y + 20, y + height - 20), slice(x + 20, x + width - 20))
    assert np.abs(whole[inner].astype(int) - part[inner]).max() <= 1
    outside = np.ones(SIZE_HW, bool)
    outside[y : y + height, x : x + width] = False
    assert not part[outside].any()


def test_a_mask_comes_back_into_the_cameras_pixels():
    """A square painted on the rectified image, looked up for each pixel of the camera."""
    made = calibration(rectify='inside')
    plan = layout(Geometry(), source_hw=SIZE_HW, network_hw=(32, 48))
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[40:80, 50:110] = 3
    back = made.back(mask, plan, fill=255)
    camera = made.camera(SIZE_HW)
    v, u = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
    there = camera.rectified().pixels_from_points(np.column_stack([rays, np.ones(len(rays))]))
    column, row = np.floor(there + 0.5).T.astype(int)
    inside = (column >= 0) & (column < 160) & (row >= 0) & (row < 120)
    expected = np.full(len(rays), 255, np.uint8)
    expected[inside] = mask[row[inside], column[inside]]
    assert (back.ravel() == expected).mean() > 0.999
    assert set(np.unique(back)) <= {0, 3, 255}


def test_a_changed_calibration_is_said_once_and_holds():
    said = []
    made = calibration(said=said)
    before = made.camera(SIZE_HW)
    made.on_info(info_message(HEADER, d=list(BENT)))
    assert made.camera(SIZE_HW) is before
    assert said == []
    for _ in range(2):
        made.on_info(info_message(HEADER, d=[value / 2 for value in BENT]))
    assert len(said) == 1
    assert 'the calibration on /camera_info has changed' in said[0]
    assert made.camera(SIZE_HW) != before


@pytest.mark.parametrize(
    ('size_hw', 'frame_id', 'words'),
    [
        ((480, 640), 'camera_optical', 'belongs to another camera or another mode'),
        (SIZE_HW, 'rear_optical', "of frame 'camera_optical' and the image of 'rear_optical'"),
    ],
)
def test_a_calibration_of_another_camera(size_hw, frame_id, words):
    with pytest.raises(CalibrationError, match=words):
        calibration().camera_of_frame(size_hw, frame_id)


def test_rectified_images_are_described_by_p():
    made = Calibration(
        '/camera_info', rectify='off', rectified_images=True, roi=None, log=lambda text: None
    )
    made.on_info(info_message(HEADER, d=list(BENT), k=[50.0, 0, 1, 0, 50.0, 1, 0, 0, 1]))
    camera = made.camera(SIZE_HW)
    assert not camera.is_distorted
    assert camera.k[0, 0] == 200
