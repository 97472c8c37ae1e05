# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Points over real DDS: they lie where their pixels say, and never hold a mask back."""

import re

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from made_depth import (
    BENT,
    HEIGHT_M,
    SIZE_HW,
    WALL_M,
    K,
    cloud_message,
    compressed_depth_message,
    depth_m,
    depth_message,
    frame,
    info_message,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.harness.lifecycle_client import LifecycleError
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.spatial.messages import points_from_depth
from rtseg_ros.spatial.camera_model import camera_model_from_info

DEFAULTS = {
    'output_size': 'source', 'rectify': 'off', 'points_source': 'depth', 'points_color': 'camera',
    'points_stride': 1, 'points_classes': [''], 'points_tolerance_ms': 10.0, 'points_queue': 10,
    'points_maximum_m': 100.0, 'roi': [0, 0, 0, 0], 'resize': 'stretch', 'rotation': 0,
}  # fmt: skip


class Places:
    """Sends images with calibration and depth, and listens to points."""

    def __init__(self, robot):
        self.robot = robot
        self.clouds = []
        node = robot.node
        self.info = node.create_publisher(CameraInfo, 'camera_info', 10)
        self.depth = node.create_publisher(Image, 'depth', 10)
        self.packed = node.create_publisher(CompressedImage, 'depth/compressedDepth', 10)
        self.cloud_in = node.create_publisher(PointCloud2, 'cloud_in', 10)
        self._listener = None
        self._timer = None
        self._topics = (self.info, self.depth, self.packed, self.cloud_in)

    def start(self, *, info=None, **parameters):
        self.robot.unconfigure()
        self.stop()
        for name, value in (DEFAULTS | parameters).items():
            assert self.robot.set_parameter(name, value) == ''
        self._listener = self.robot.listen(
            PointCloud2, f'{self.robot.managed}/points', self.clouds
        )
        if info is not None:  # needed for any mask at all
            header = self.robot.header()
            self._timer = self.robot.node.create_timer(
                0.05, lambda: self.info.publish(info_message(header, **info))
            )
        self.robot.start()
        needed = {'cloud_in': self.cloud_in, 'compressed_depth': self.packed}.get(
            parameters.get('points_source'), self.depth
        )
        self.robot.until(needed.get_subscription_count, what='the node subscribes to depth')
        self.robot.until(self.info.get_subscription_count, what='the node subscribes to info')

    def stop(self):
        if self._listener is not None:
            self.robot.node.destroy_subscription(self._listener)
            self._listener = None
        if self._timer is not None:
            self.robot.node.destroy_timer(self._timer)
            self._timer = None

    def destroy(self):
        self.stop()
        for topic in self._topics:
            self.robot.node.destroy_publisher(topic)

    def mask(self, *, send, info=None, pixels=None, header=None):
        """Send one image with calibration and what ``send`` publishes; return (image, mask)."""
        header = header or self.robot.header()
        image = image_from_array(frame() if pixels is None else pixels, 'bgr8', header=header)
        self.info.publish(info_message(header) if info is None else info(header))
        self.robot.spin(0.1)
        send(header)
        return image, self.robot.answer(image)

    def points(self, **options):
        image, mask = self.mask(**options)
        cloud = self.robot.until(
            lambda: next((c for c in self.clouds if c.header == image.header), None),
            what='the points',
        )
        return image, mask, cloud

    def reason(self, bin_name):
        """Wait until something ended in a bin, and return why."""

        def ended():
            values = self.robot.next_diagnostics()
            return int(values.get(f'points_{bin_name}', 0)) and values['points_reason']

        return self.robot.until(ended, what=f'points in {bin_name}')


@pytest.fixture
def places(bench, tiny_model):
    bench.unconfigure()
    assert bench.set_parameter('model', str(tiny_model)) == ''
    places = Places(bench)
    yield places
    bench.unconfigure()
    places.destroy()
    for name, value in DEFAULTS.items():
        assert bench.set_parameter(name, value) == ''


def array(cloud):
    data = np.frombuffer(bytes(cloud.data), np.uint8)
    return data.reshape(cloud.height, cloud.width, cloud.point_step)


def xyz(cloud):
    return array(cloud).view(np.float32)[..., :3]


def test_points_are_those_of_the_function_byte_for_byte(places):
    places.start()
    sent = []

    def send(header):
        sent.append(depth_message(header))
        places.depth.publish(sent[-1])

    certain = []
    listener = places.robot.listen(Image, f'{places.robot.managed}/confidence', certain)
    places.robot.spin(1.0)
    image, mask, cloud = places.points(send=send)
    assert (cloud.height, cloud.width, cloud.point_step) == (*SIZE_HW, 20)
    assert (cloud.row_step, cloud.is_dense, cloud.is_bigendian) == (160 * 20, False, False)
    assert [f.name for f in cloud.fields] == ['x', 'y', 'z', 'rgb', 'label', 'confidence']
    assert cloud.header == image.header == mask.header
    confidence = places.robot.until(
        lambda: next((c for c in certain if c.header == image.header), None), what='confidence'
    )
    places.robot.node.destroy_subscription(listener)
    made = points_from_depth(
        sent[0], mask, info_message(image.header), image=image, confidence=confidence
    )
    assert made == cloud
    places_xyz, labels = xyz(cloud), pixels_from_image(mask)
    v, u = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    x, y, z = np.moveaxis(places_xyz.astype(np.float64), -1, 0)
    assert np.abs(x / z * K[0] + K[2] - u).max() < 1e-3
    assert np.abs(y / z * K[4] + K[5] - v).max() < 1e-3
    assert np.array_equal(array(cloud)[..., 16], labels)
    assert np.array_equal(array(cloud)[..., 12:15], frame())
    floor = labels == 2
    assert np.abs(y[floor & (depth_m() < WALL_M)] - HEIGHT_M).max() < 2e-3  # depth is in whole mm


@pytest.mark.parametrize('source', ['compressed_depth', 'cloud_in'])
def test_other_sources_say_the_same(places, source):
    places.start(points_source=source, points_stride=2, points_color='class')

    def send(header):
        if source == 'cloud_in':
            places.cloud_in.publish(cloud_message(header))
        else:
            places.packed.publish(compressed_depth_message(header))

    _, mask, cloud = places.points(send=send)
    assert (cloud.height, cloud.width) == (60, 80)
    assert np.allclose(xyz(cloud)[..., 2], depth_m()[::2, ::2], atol=6e-4)
    assert np.array_equal(array(cloud)[..., 16], pixels_from_image(mask)[::2, ::2])


def test_classes_and_range_leave_places_with_nan(places):
    places.start(points_classes=['green'], points_maximum_m=5.0)
    _, mask, cloud = places.points(
        send=lambda header: places.depth.publish(depth_message(header, depth_m()))
    )
    wanted = (pixels_from_image(mask) == 2) & (depth_m() <= 5)
    assert 0.05 < wanted.mean() < 0.5
    assert np.array_equal(~np.isnan(xyz(cloud)).any(axis=-1), wanted)
    assert not cloud.is_dense


def test_late_depth_waits_for_its_mask_and_masks_for_nothing(places):
    places.start(points_queue=3)
    header = places.robot.header()
    image, _ = places.mask(send=lambda header: None, header=header)
    assert not any(cloud.header == header for cloud in places.clouds)
    places.depth.publish(depth_message(header))  # after the mask
    places.robot.until(
        lambda: any(c.header == image.header for c in places.clouds), what='late points'
    )
    for _ in range(5):
        places.mask(send=lambda header: None)
    reason = places.reason('no_depth')
    assert re.search('the nearest one is [0-9]000.0 ms before the image, and 10 ms', reason)
    assert int(places.robot.diagnostics['points_published']) == 1
    places.robot.until_message('no points: no depth for this image')


def bad_depth(header, kind):
    message = depth_message(header)
    if kind == 'size':
        return depth_message(header, np.ones((60, 80), np.uint16))
    if kind == 'encoding':
        message.encoding = 'rgb8'
    if kind == 'bytes':
        message.data = message.data[:-2]
    if kind == 'frame':
        message.header = type(header)(stamp=header.stamp, frame_id='depth_optical')
    return message


@pytest.mark.parametrize(
    ('kind', 'words'),
    [
        ('size', 'depth is 80 x 60, and the image 160 x 120'),
        ('encoding', "depth has the encoding 'rgb8'; accepted: 16UC1"),
        ('bytes', 'at least 38400 are needed'),
        ('frame', "depth is of frame 'depth_optical' and the image of 'camera_optical'"),
    ],
)
def test_depth_that_cannot_be_used_is_said_and_the_mask_goes_on(places, kind, words):
    places.start()
    failed = places.robot.next_diagnostics()['failed']  # of all tests that used this node
    _, mask = places.mask(send=lambda header: places.depth.publish(bad_depth(header, kind)))
    assert mask.height == 120
    assert words in places.reason('refused')
    assert places.robot.diagnostics['failed'] == failed


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': [0.0] * 9}, 'the camera is not calibrated'),
        ({'k': [float('nan')] * 9}, 'expected 9 finite numbers'),
        ({'width': 640, 'height': 480}, 'belongs to another camera or another mode'),
    ],
)
def test_calibrations_that_cannot_be_used(places, changes, words):
    places.start()
    places.mask(
        send=lambda header: places.depth.publish(depth_message(header)),
        info=lambda header: info_message(header, **changes),
    )
    assert words in places.reason('no_calibration')


def test_a_cloud_without_rows_is_refused(places):
    places.start(points_source='cloud_in')

    def send(header):
        message = cloud_message(header)
        message.width, message.height = message.width * message.height, 1
        message.row_step = 16 * message.width
        places.cloud_in.publish(message)

    places.mask(send=send)
    assert 'which is not organised' in places.reason('refused')


def test_masks_of_the_size_of_the_cloud(places):
    places.robot.unconfigure()
    assert places.robot.set_parameter('output_size', 'cloud') == ''
    with pytest.raises(LifecycleError):
        places.robot.lifecycle.change('configure')
    assert "set points_source to 'cloud_in'" in places.robot.process.text()
    places.stop()
    for name, value in (DEFAULTS | {'output_size': 'cloud', 'points_source': 'cloud_in'}).items():
        assert places.robot.set_parameter(name, value) == ''
    places.robot.lifecycle.change('configure')
    places.robot.lifecycle.change('activate')
    places.robot.until(places.robot.camera.get_subscription_count, what='image is subscribed to')
    places.robot.until(places.cloud_in.get_subscription_count, what='cloud_in is subscribed to')

    def rejected():
        header = places.robot.header()
        places.robot.camera.publish(image_from_array(frame(), 'bgr8', header=header))
        values = places.robot.next_diagnostics()
        return "output_size is 'cloud', and no cloud has come" in values['last_error']

    places.robot.until(rejected, what='frames without a cloud are rejected')
    header = places.robot.header()
    places.cloud_in.publish(cloud_message(header, step=2))
    places.robot.spin(0.5)
    mask = places.robot.answer(image_from_array(frame(), 'bgr8', header=header))
    assert (mask.height, mask.width, mask.step) == (60, 80, 80)


def test_a_class_that_the_model_has_not_fails_to_configure(places):
    places.robot.unconfigure()
    assert places.robot.set_parameter('points_classes', ['gren']) == ''
    with pytest.raises(LifecycleError):
        places.robot.lifecycle.change('configure')
    assert "points_classes: there is no class 'gren'; the model has dark, blue, green" in (
        places.robot.process.text()
    )


@pytest.mark.parametrize('rectify', ['output', 'inside'])
def test_rectified_points_lie_where_their_pixels_say(places, rectify):
    """With a region of interest, a crop and a turned network, in one of the geometries."""
    places.start(
        info={'d': list(BENT)},
        rectify=rectify,
        roi=[16, 8, 128, 104],
        resize='crop',
        rotation=90,
        output_size='region',
    )
    infos = []
    listener = places.robot.listen(CameraInfo, f'{places.robot.managed}/camera_info', infos)
    places.robot.spin(1.0)
    image, mask, cloud = places.points(
        send=lambda header: places.depth.publish(depth_message(header)),
        info=lambda header: info_message(header, d=list(BENT)),
    )
    info = places.robot.until(
        lambda: next((i for i in infos if i.header == image.header), None), what='camera_info'
    )
    places.robot.node.destroy_subscription(listener)
    assert (mask.height, mask.width) == (cloud.height, cloud.width) == (info.height, info.width)
    assert any(info.d) == (rectify == 'inside')
    camera = camera_model_from_info(info)
    points = xyz(cloud).astype(np.float64)
    there = ~np.isnan(points).any(axis=-1)
    assert there.mean() > 0.5
    back = camera.pixels_from_points(points[there])
    v, u = np.mgrid[: cloud.height, : cloud.width]
    assert np.abs(back - np.stack([u[there], v[there]], axis=-1)).max() < 1e-3


def test_a_changed_calibration_is_said(places):
    places.start()
    places.mask(send=lambda header: None)
    places.mask(send=lambda header: None, info=lambda header: info_message(header, d=list(BENT)))
    places.robot.process.wait_for_text('the calibration on /bench/camera_info has changed')
