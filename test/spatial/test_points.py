# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Points in made worlds: every one lies where its pixel says, with its label."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.depth import depth_from_compressed, depth_from_image, metres
from rtseg_ros.spatial.point_layout import POINT_STEP
from rtseg_ros.spatial.points import PointMaker, PointOptions, points_from_depth

K = (200.0, 0.0, 79.5, 0.0, 210.0, 59.5, 0.0, 0.0, 1.0)
CAMERA = CameraModel((120, 160), K, '', (), tuple(np.eye(3).ravel()), K)
TABLE = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 7)], axis=1).astype(np.uint8)


def world():
    """A floor 1.2 m below the camera and a wall 6 m ahead: depth along z by geometry."""
    v = np.arange(120)[:, None].repeat(160, axis=1)
    down = (v - 59.5) / 210
    with np.errstate(divide='ignore'):
        floor = np.where(down > 0, 1.2 / down, np.inf)
    depth = np.minimum(floor, 6.0).astype(np.float32)
    labels = np.where(floor < 6.0, 3, 1).astype(np.uint8)
    return depth, labels


def fields(cloud):
    floats = cloud.view(np.float32)
    return floats[..., :3], cloud[..., 12:16], cloud[..., 16], cloud[..., 17]


def test_points_lie_where_their_pixels_say():
    depth, labels = world()
    confidence = (labels * 50).astype(np.uint8)
    cloud = points_from_depth(depth, labels, CAMERA, confidence=confidence, colors_bgr=TABLE)
    assert cloud.shape == (120, 160, POINT_STEP)
    xyz, colors, found, sure = fields(cloud)
    back = CAMERA.pixels_from_points(xyz.reshape(-1, 3)).reshape(120, 160, 2)
    v, u = np.mgrid[:120, :160]
    assert np.abs(back[..., 0] - u).max() < 1e-3
    assert np.abs(back[..., 1] - v).max() < 1e-3
    assert np.allclose(xyz[labels == 3][:, 1], 1.2, atol=1e-5)  # the floor is flat
    assert np.allclose(xyz[labels == 1][:, 2], 6.0)  # and the wall upright
    assert np.array_equal(found, labels)
    assert np.array_equal(sure, confidence)
    assert np.array_equal(colors[..., :3], TABLE[labels])
    assert not colors[..., 3].any()


def test_millimetres_and_metres_say_the_same():
    depth, labels = world()
    whole = np.round(depth * 1000).astype(np.uint16)
    cloud = points_from_depth(whole, labels, CAMERA, colors_bgr=TABLE)
    exact = points_from_depth(
        whole.astype(np.float32) * np.float32(0.001), labels, CAMERA, colors_bgr=TABLE
    )
    assert np.array_equal(cloud, exact)


def test_what_is_no_point_keeps_its_place_with_nan():
    depth, labels = world()
    depth[0, 0], depth[0, 1], depth[0, 2], depth[0, 3] = 0, np.nan, np.inf, -1
    depth[1, 0], depth[1, 1] = 0.4, 5.9
    labels[2, 0], labels[2, 1] = 255, 9
    options = PointOptions(minimum_m=0.5, maximum_m=5.8, classes=frozenset({1, 3}))
    labels[1, :2] = 1
    cloud = points_from_depth(depth, labels, CAMERA, colors_bgr=TABLE, options=options)
    xyz, _, found, sure = fields(cloud)
    gone = np.isnan(xyz).all(axis=-1)
    assert gone[0, :4].all()
    assert gone[1, :2].all()
    assert gone[2, :2].all()
    assert np.array_equal(np.isnan(xyz).any(axis=-1), gone)
    assert found[2, 0] == 255
    assert (sure == 255).all()
    near = (depth > 0.5) & (depth < 5.8) & np.isin(labels, (1, 3))
    assert np.array_equal(gone, ~near)


def test_every_nth_pixel():
    depth, labels = world()
    full = points_from_depth(depth, labels, CAMERA, colors_bgr=TABLE)
    sparse = points_from_depth(
        depth, labels, CAMERA, colors_bgr=TABLE, options=PointOptions(stride=4)
    )
    assert np.array_equal(sparse, full[::4, ::4])


def test_colours_of_the_camera():
    depth, labels = world()
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    cloud = points_from_depth(depth, labels, CAMERA, colors_bgr=picture)
    assert np.array_equal(fields(cloud)[1][..., :3], picture)


def test_labels_on_a_cloud_that_is_there():
    depth, labels = world()
    made = points_from_depth(depth, labels, CAMERA, colors_bgr=TABLE)
    xyz = np.ascontiguousarray(fields(made)[0])
    maker = PointMaker(CAMERA, PointOptions())
    assert np.array_equal(maker.from_cloud(xyz, labels, confidence=None, colors_bgr=TABLE), made)


def test_room_is_used_again():
    depth, labels = world()
    maker = PointMaker(CAMERA, PointOptions())
    first = maker.from_depth(depth, labels, confidence=None, colors_bgr=TABLE)
    kept = first.copy()
    first[:] = 1
    again = maker.from_depth(depth, labels, confidence=None, colors_bgr=TABLE, out=first)
    assert again is first
    assert np.array_equal(again, kept)


@pytest.mark.parametrize('name', ['depth', 'labels', 'confidence', 'colors_bgr'])
def test_another_size_is_refused(name):
    depth, labels = world()
    values = {
        'depth': depth, 'labels': labels, 'confidence': labels,
        'colors_bgr': np.zeros((120, 160, 3), np.uint8),
    }  # fmt: skip
    values[name] = values[name][:60]
    with pytest.raises(FrameError, match=r'is 160 x 60 and camera_info is of 160 x 120'):
        PointMaker(CAMERA, PointOptions()).from_depth(**values)


def image(values, encoding, *, big=False, padding=0):
    values = values.astype(values.dtype.newbyteorder('>' if big else '<'))
    rows = values.view(np.uint8).reshape(len(values), -1)
    data = np.pad(rows, ((0, 0), (0, padding)))
    return SimpleNamespace(
        height=values.shape[0], width=values.shape[1], encoding=encoding, is_bigendian=big,
        step=data.shape[1], data=data.tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 8])
def test_depth_images_as_drivers_send_them(big, padding):
    depth, _ = world()
    got = depth_from_image(image(depth, '32FC1', big=big, padding=padding))
    assert np.array_equal(got, depth)
    whole = (depth * 1000).astype(np.uint16)
    assert np.array_equal(depth_from_image(image(whole, '16UC1', big=big, padding=padding)), whole)


def test_compressed_depth():
    depth, _ = world()
    whole = (depth * 1000).astype(np.uint16)
    png = cv2.imencode('.png', whole)[1].tobytes()
    got = depth_from_compressed('16UC1; compressedDepth png', bytes(12) + png)
    assert np.array_equal(got, whole)


def test_compressed_inverse_depth():
    """As compressed_depth_image_transport writes 32FC1: raw = A / depth + B, 0 for none."""
    depth, _ = world()
    maximum, quantization = 10.0, 100.0
    a = quantization * (quantization + 1)
    b = 1 - a / maximum
    raw = np.floor(a / depth + b).astype(np.uint16)
    raw[0, 0] = 0
    header = np.int32(0).tobytes() + np.array([a, b], np.float32).tobytes()
    png = cv2.imencode('.png', raw)[1].tobytes()
    got = depth_from_compressed('32FC1; compressedDepth png', header + png)
    assert np.isnan(got[0, 0])
    # One step of the quantisation.
    step = depth**2 / a
    assert (np.abs(got - depth) <= step * 1.01 + 1e-5).ravel()[1:].all()


@pytest.mark.parametrize(
    ('text', 'data', 'said'),
    [
        ('16UC1; compressedDepth rvl', bytes(40), 'RVL.*png'),
        ('bgr8; jpeg compressed bgr8', bytes(40), "accepted: '16UC1; compressedDepth png'"),
        ('8UC1; compressedDepth png', bytes(40), "encoding '8UC1'"),
        ('16UC1; compressedDepth png', bytes(5), '5 bytes'),
        ('16UC1; compressedDepth png', bytes(40), 'not a PNG'),
    ],
)
def test_compressed_depth_that_cannot_be_read(text, data, said):
    with pytest.raises(FrameError, match=said):
        depth_from_compressed(text, data)


def test_depth_images_that_cannot_be_read():
    depth, _ = world()
    with pytest.raises(FrameError, match="encoding 'bgr8'; accepted: 16UC1"):
        depth_from_image(image(depth, 'bgr8'))
    short = image(depth, '32FC1')
    short.data = short.data[:100]
    with pytest.raises(FrameError, match='100 bytes'):
        depth_from_image(short)


def test_metres_leaves_the_message_alone():
    depth = np.array([[0, 500, 65535]], np.uint16)
    assert np.array_equal(
        metres(depth, minimum_m=0.1, maximum_m=60), np.float32([[np.nan, 0.5, np.nan]]),
        equal_nan=True,
    )  # fmt: skip
    assert depth[0, 0] == 0
