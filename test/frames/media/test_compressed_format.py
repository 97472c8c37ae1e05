# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the format of a compressed image says, and when colours are gone."""

import cv2
import numpy as np
import pytest

from rtseg_ros.frames.media.compressed_format import CompressedFormat, lost_colour, parse_format

GREY, COLOUR = np.full((8, 8), 90, np.uint8), np.full((8, 8, 3), 90, np.uint8)


def data(suffix, pixels):
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize(
    ('text', 'source', 'target', 'mosaic'),
    [
        ('bgr8; jpeg compressed bgr8', 'bgr8', 'bgr8', ''),
        ('yuv422_yuy2; jpeg compressed mono8', 'yuv422_yuy2', 'mono8', ''),
        ('bayer_rggb8; png compressed ', 'bayer_rggb8', '', 'rggb'),
        ('bayer_GRBG16;png compressed', 'bayer_GRBG16', '', 'grbg'),
        ('bayer_rggb8; jpeg compressed mono8', 'bayer_rggb8', 'mono8', ''),
        ('bayer_rggb8; png compressed bayer_rggb8', 'bayer_rggb8', 'bayer_rggb8', 'rggb'),
        ('jpeg', '', '', ''),
        ('', '', '', ''),
        ('16UC1; compressedDepth png', '16UC1', 'Depth png', ''),
    ],
)
def test_parts(text, source, target, mosaic):
    assert parse_format(text) == CompressedFormat(source, target)
    assert parse_format(text).mosaic == mosaic


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize(
    ('text', 'pixels', 'lost'),
    [
        ('yuv422_yuy2; jpeg compressed mono8', GREY, True),
        ('nv21; jpeg compressed mono8', GREY, True),
        ('bayer_rggb8; png compressed mono8', GREY, True),
        ('8UC3; jpeg compressed mono8', GREY, True),
        ('rgb8; jpeg compressed ', GREY, True),
        ('yuv422_yuy2; jpeg compressed bgr8', COLOUR, False),
        ('yuv422_yuy2; jpeg compressed ', COLOUR, False),
        ('mono8; jpeg compressed mono8', GREY, False),
        ('8UC1; jpeg compressed ', GREY, False),
        ('bayer_rggb8; png compressed ', GREY, False),
        ('jpeg', GREY, False),
    ],
)
def test_colours_are_gone_only_where_the_camera_had_some(suffix, text, pixels, lost):
    said = lost_colour(text, data(suffix, pixels))
    assert bool(said) == lost
    if lost:
        assert text.partition(';')[0] in said


def test_damaged_bytes_are_not_grey():
    for damaged in (b'', b'\xff\xd8', b'\x89PNG\r\n\x1a\n', b'hello'):
        assert lost_colour('rgb8; jpeg compressed mono8', damaged) == ''
