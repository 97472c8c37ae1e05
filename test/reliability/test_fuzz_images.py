# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""JPEG, PNG and the images of messages with changed bytes: read, refused, never a crash."""

from types import SimpleNamespace

import cv2
from fuzzing import NUMBERS, damaged
from hypothesis import strategies as st
import numpy as np
import pytest
from random_frames import noise_frame

from rtseg_ros.errors import CalibrationError, FrameError
from rtseg_ros.frames.image_header import compressed_size_hw, is_grey
from rtseg_ros.frames.image_message import (
    ENCODINGS,
    frame_from_compressed,
    frame_from_image,
    guessed_order,
    names_no_order,
)
from rtseg_ros.frames.label_image import ENCODINGS as LABEL_ENCODINGS
from rtseg_ros.frames.label_image import labels_from_message
from rtseg_ros.frames.media.compressed_format import lost_colour
from rtseg_ros.frames.media.still_images import read_image
from rtseg_ros.labels import CAMVID
from rtseg_ros.spatial.camera_model import camera_model_from_info
from rtseg_ros.spatial.depth import depth_from_compressed, depth_from_image

FRAME = noise_frame(0, (24, 32))


def encoded(suffix, pixels, *options):
    done, data = cv2.imencode(suffix, pixels, options)
    assert done
    return data.tobytes()


DEPTH = encoded('.png', FRAME[..., 0].astype(np.uint16) * 200)
PICTURES = [
    encoded('.jpg', FRAME, cv2.IMWRITE_JPEG_QUALITY, 30),
    encoded('.jpg', FRAME[..., 0]),
    encoded('.jpg', FRAME, cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    encoded('.png', FRAME),
    encoded('.png', FRAME[..., 0] // 100),
    encoded('.png', np.dstack([FRAME, FRAME[..., :1]])),
    DEPTH,
]
FORMATS = st.sampled_from(
    ['jpeg', 'png', '', 'bgr8; jpeg compressed bgr8', 'bayer_rggb8; jpeg compressed bgr8',
     'bayer_rggb8; png compressed bayer_rggb8', 'bayer_rggb16; png compressed bayer_rggb16',
     'mono16; png compressed ', 'rgb8; compressed', ';;;', 'h264', '16UC1; compressedDepth png',
     '32FC1; compressedDepth png', '16UC1; compressedDepth rvl', 'compressed' * 1000]
)  # fmt: skip


def test_header_of_a_jpeg_or_png(fuzz):
    def read(data):
        is_grey(data)
        height, width = compressed_size_hw(data)
        assert height >= 0
        assert width >= 0

    fuzz(damaged(PICTURES), read, FrameError)


def test_compressed_image(fuzz):
    def read(pair):
        text, data = pair
        message = SimpleNamespace(format=text, data=np.frombuffer(data, np.uint8))
        lost_colour(text, message.data)
        frame = frame_from_compressed(message)
        assert (frame.ndim, frame.shape[2], frame.dtype) == (3, 3, np.uint8)

    fuzz(st.tuples(FORMATS, damaged(PICTURES)), read, FrameError)


def test_compressed_labels(fuzz):
    def read(triple):
        text, data, palette = triple
        message = SimpleNamespace(format=text, data=np.frombuffer(data, np.uint8))
        ids = labels_from_message(message, compressed=True, palette=palette)
        assert (ids.ndim, ids.dtype) == (2, np.uint8)

    palettes = st.sampled_from([None, CAMVID])
    fuzz(st.tuples(FORMATS, damaged(PICTURES), palettes), read, FrameError)


def test_compressed_depth(fuzz):
    seeds = [bytes(12) + DEPTH, b'\0\0\0\0\0\0\x80\x3f\0\0\x20\x41' + DEPTH]

    def read(pair):
        depth = depth_from_compressed(*pair)
        assert depth.ndim == 2

    formats = st.sampled_from(['16UC1; compressedDepth png', '32FC1; compressedDepth png'])
    fuzz(st.tuples(st.one_of(formats, FORMATS), damaged(seeds)), read, FrameError)


def test_photo(fuzz, tmp_path):
    path = tmp_path / 'photo'
    # EXIF that turns the picture: APP1, big-endian TIFF, one tag, orientation 6.
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0'
    jpeg = PICTURES[0]
    turned = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    others = [encoded(suffix, FRAME) for suffix in ('.bmp', '.tiff', '.webp', '.ppm')]

    def read(data):
        path.write_bytes(data)
        frame, _ = read_image(path)
        assert (frame.shape[2], frame.dtype) == (3, np.uint8)

    fuzz(damaged([turned, *PICTURES, *others]), read, FrameError)


SIDES = st.one_of(st.integers(0, 40), st.sampled_from([n for n in NUMBERS if n < 2**32]))


@st.composite
def images(draw, encodings):
    """Messages with fields that fit each other, and some that do not."""
    encoding = draw(st.sampled_from(encodings))
    height, width = draw(SIDES), draw(SIDES)
    step = draw(st.one_of(st.just(width * draw(st.sampled_from([1, 2, 3, 4, 6, 8]))), SIDES))
    size = min(step * height * draw(st.sampled_from([1, 1, 2, 3])), 20_000)
    size = max(size + draw(st.sampled_from([0, 0, 0, -1, 1])), 0)
    return SimpleNamespace(
        encoding=encoding, height=height, width=width, step=step,
        is_bigendian=draw(st.sampled_from([0, 1, 255])),
        data=(draw(st.binary(min_size=1, max_size=40)) * size)[:size],
    )  # fmt: skip


NAMES = [
    *ENCODINGS,
    '32FC1',
    '16SC1',
    '32SC1',
    '',
    '8UC2',
    'BGR8 ',
    'bayer_rg12p',
    '\0',
    'x' * 9999,
]


def test_image(fuzz):
    def read(message):
        frame = frame_from_image(message, generic_order='rgb')
        assert frame.shape == (message.height, message.width, 3)
        assert frame.dtype == np.uint8
        if names_no_order(message.encoding):
            assert guessed_order(message.encoding, 'rgb')

    fuzz(images(NAMES), read, FrameError)


def test_label_image(fuzz):
    def read(message):
        ids = labels_from_message(message, compressed=False)
        assert ids.shape == (message.height, message.width)

    fuzz(images([*LABEL_ENCODINGS, *NAMES]), read, FrameError)


def test_depth_image(fuzz):
    def read(message):
        assert depth_from_image(message).shape == (message.height, message.width)

    fuzz(images(['16UC1', '32FC1', 'mono16', 'x']), read, FrameError)


REALS = st.one_of(
    st.floats(-1e4, 1e4),
    st.sampled_from([0.0, 1.0, 500.0, 1e-320, 1e308, -1e308, np.nan, np.inf, -np.inf]),
)


@st.composite
def camera_infos(draw):
    """Calibrations, most of them with one thing wrong."""
    matrix = [500.0, 0.0, 16.0, 0.0, 500.0, 12.0, 0.0, 0.0, 1.0]
    rotation, projection = [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0], [*matrix[:3], 0.0, *matrix[3:6], 0.0]
    values = {
        'k': matrix, 'r': rotation, 'p': [*projection, 0.0, 0.0, 1.0, 0.0],
        'd': [0.1] * draw(st.sampled_from([0, 4, 5, 8, 12, 14])),
    }  # fmt: skip
    values = {name: list(value) for name, value in values.items()}
    for name in draw(st.lists(st.sampled_from(sorted(values)), max_size=3)):
        if values[name]:
            values[name][draw(st.integers(0, len(values[name]) - 1))] = draw(REALS)
    models = ['plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', '', 'x']
    sizes = st.one_of(st.just(24), SIDES)
    return SimpleNamespace(
        width=draw(sizes), height=draw(sizes), distortion_model=draw(st.sampled_from(models)),
        **values,
    )  # fmt: skip


def test_camera_info(fuzz):
    """What is accepted gives directions of pixels and a rectified camera."""

    def read(info):
        camera = camera_model_from_info(info)
        if camera.size_hw[0] * camera.size_hw[1] <= 4096:
            pixels = camera.rectified()
            assert pixels.size_hw == camera.size_hw
        camera.on_grid((2.0, 0.5, 2.0, 0.5), (12, 16))

    fuzz(camera_infos(), read, CalibrationError)


def test_cloud(fuzz):
    pytest.importorskip('sensor_msgs', reason='ROS 2 is not installed')
    from rtseg_ros.nodes.spatial.messages import xyz_from_cloud

    numbers = st.one_of(st.integers(0, 40), st.sampled_from([n for n in NUMBERS if n < 2**32]))

    @st.composite
    def clouds(draw):
        fields = [
            SimpleNamespace(name=name, offset=4 * i, datatype=7) for i, name in enumerate('xyz')
        ]
        message = SimpleNamespace(
            height=4, width=5, point_step=16, row_step=80, is_bigendian=draw(st.booleans()),
            data=bytes(320), fields=fields,
        )  # fmt: skip
        for name in draw(
            st.lists(st.sampled_from(['height', 'width', 'point_step', 'row_step']), max_size=2)
        ):
            setattr(message, name, draw(numbers))
        if draw(st.booleans()):
            field = draw(st.sampled_from(fields))
            setattr(field, draw(st.sampled_from(['offset', 'datatype'])), draw(numbers))
        message.data = message.data[: draw(st.sampled_from([320, 320, 319, 0]))]
        return message

    def read(message):
        assert xyz_from_cloud(message).shape == (message.height, message.width, 3)

    fuzz(clouds(), read, FrameError)
