# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages: what the mask's camera is, worked out by projecting points."""

import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.nodes import messages
from rtseg_ros.nodes.messages import (
    camera_info_of_mask,
    fits,
    frame_from_message,
    image_from_array,
)
from rtseg_ros.runtime.geometry import Geometry, layout


def camera(**change):
    values = {
        'width': 112, 'height': 80, 'distortion_model': 'plumb_bob',
        'd': [0.1, 0.2, 0.0, 0.0, 0.0],
        'k': [100.0, 0.0, 55.0, 0.0, 90.0, 41.0, 0.0, 0.0, 1.0],
        'r': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        'p': [95.0, 0.0, 54.0, -19.0, 0.0, 95.0, 40.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    }  # fmt: skip
    return CameraInfo(**values | change)


def project(info, point):
    """Pixel of a point in camera coordinates, by K and by P (4 x 3)."""
    k, p = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)
    by_k, by_p = k @ point, p @ [*point, 1]
    return np.concatenate([by_k[:2] / by_k[2], by_p[:2] / by_p[2]])


@pytest.mark.parametrize('resize', ['stretch', 'letterbox', 'crop'])
@pytest.mark.parametrize('roi', [None, (16, 8, 64, 64)])
@pytest.mark.parametrize('rotation', [0, 90])
@pytest.mark.parametrize('size', ['source', 'region', 'network', (30, 50)])
def test_points_project_to_the_mask_pixel_over_their_frame_pixel(resize, roi, rotation, size):
    plan = layout(Geometry(resize, roi, rotation, size), source_hw=(80, 112), network_hw=(48, 64))
    header = Header(frame_id='optical')
    info = camera_info_of_mask(camera(), plan, header=header)
    assert (info.width, info.height) == (plan.mask_hw[1], plan.mask_hw[0])
    assert info.header.frame_id == 'optical'
    assert list(info.d) == list(camera().d)
    assert (info.roi.width, info.roi.height, info.binning_x) == (0, 0, 0)
    scale_x, offset_x, scale_y, offset_y = plan.source_from_mask()
    for point in ([0.1, -0.2, 2.0], [-0.3, 0.1, 1.0]):
        before, after = project(camera(), point), project(info, point)
        expected = [scale_x * after[0] + offset_x, scale_y * after[1] + offset_y]
        np.testing.assert_allclose(expected, before[:2], atol=1e-9)
        expected = [scale_x * after[2] + offset_x, scale_y * after[3] + offset_y]
        np.testing.assert_allclose(expected, before[2:], atol=1e-9)


def test_whole_frame_leaves_the_camera_as_it_is():
    plan = layout(Geometry(), source_hw=(80, 112), network_hw=(48, 64))
    info = camera_info_of_mask(camera(), plan, header=camera().header)
    np.testing.assert_allclose(info.k, camera().k)
    np.testing.assert_allclose(info.p, camera().p)


def test_binning_and_region_of_the_camera_are_worked_in():
    """Full pixel (60, 40), region from (20, 10), binned by 2: frame pixel (20, 15)."""
    binned = camera(
        binning_x=2, binning_y=2, width=200, height=160,
        roi=RegionOfInterest(x_offset=20, y_offset=10, width=112, height=80),
    )  # fmt: skip
    plan = layout(Geometry(), source_hw=(40, 56), network_hw=(48, 64))
    info = camera_info_of_mask(binned, plan, header=Header())
    point = [(60 - 55) / 100, (40 - 41) / 90, 1.0]
    np.testing.assert_allclose(project(info, point)[:2], [20, 15])
    assert fits(binned, (40, 56))
    assert not fits(binned, (80, 112))


def test_unknown_encoding_goes_through_cv_bridge(monkeypatch):
    class Bridge:
        def imgmsg_to_cv2(self, message, encoding):
            assert encoding == 'bgr8'
            if message.encoding == 'odd':
                raise RuntimeError('no colour')
            return np.full((message.height, message.width, 3), 7, np.uint8)

    odd = Image(width=4, height=3, encoding='yuv9', step=4)
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)  # a robot has one
    monkeypatch.setattr(messages, '_cv_bridge', messages._cv_bridge.__wrapped__)  # not kept
    with pytest.raises(
        FrameError, match=r"'yuv9' is not supported; .*cv_bridge.*where it is inst"
    ):
        frame_from_message(odd)
    monkeypatch.setattr(messages, '_cv_bridge', lambda: (Bridge(), ''))
    assert (frame_from_message(odd) == 7).all()
    with pytest.raises(FrameError, match=r"of encoding 'odd': no colour"):
        frame_from_message(Image(width=4, height=3, encoding='odd', step=16))
    # It makes no bgr8 of generic types, so nobody is sent there.
    with pytest.raises(FrameError, match=r"'32FC1' is not supported") as raised:
        frame_from_message(Image(width=4, height=3, encoding='32FC1', step=16))
    assert 'cv_bridge' not in str(raised.value)


@pytest.mark.parametrize(('shape', 'encoding'), [((3, 5), 'mono8'), ((3, 5, 3), 'bgr8')])
def test_arrays_to_messages_and_back(shape, encoding):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    header = Header(frame_id='x')
    message = image_from_array(pixels[:, ::-1], encoding, header=header)  # not contiguous
    assert (message.height, message.width, message.step) == (
        3,
        5,
        5 * (3 if len(shape) > 2 else 1),
    )
    assert message.header is header
    np.testing.assert_array_equal(pixels_from_image(message), pixels[:, ::-1])
