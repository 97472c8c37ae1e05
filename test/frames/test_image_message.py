# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every encoding by hand-worked pixels; broken messages by what they say."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_message import (
    ENCODINGS,
    frame_from_compressed,
    frame_from_image,
    names_no_order,
    pixels_from_image,
)


def image(data, encoding, *, width, height, step, big_endian=0):
    return SimpleNamespace(
        data=bytes(data),
        encoding=encoding,
        width=width,
        height=height,
        step=step,
        is_bigendian=big_endian,
    )


def packed(array, encoding, *, padding=0, big_endian=0):
    height, width = array.shape[:2]
    rows = array.reshape(height, -1)
    data = b''.join(row.tobytes() + b'\x55' * padding for row in rows)
    step = len(data) // height
    return image(data, encoding, width=width, height=height, step=step, big_endian=big_endian)


# A frame of one colour, blue 10, green 120, red 250, in every packed encoding.
PIXEL = {
    'bgr': (10, 120, 250),
    'rgb': (250, 120, 10),
    'bgra': (10, 120, 250, 99),
    'rgba': (250, 120, 10, 99),
}


@pytest.mark.parametrize('padding', [0, 1, 6])
@pytest.mark.parametrize('name', PIXEL)
def test_packed_8_bit(name, padding):
    pixels = np.tile(np.array(PIXEL[name], np.uint8), (3, 5, 1))
    frame = frame_from_image(packed(pixels, f'{name}8', padding=padding))
    assert frame.shape == (3, 5, 3)
    assert (frame == (10, 120, 250)).all()


@pytest.mark.parametrize('big_endian', [0, 1])
@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('name', PIXEL)
def test_packed_16_bit(name, padding, big_endian):
    """257 times the 8-bit value comes back as that value; so does up to 128 more."""
    pixels = np.tile(np.array(PIXEL[name], np.uint16) * 257, (3, 5, 1))
    pixels[1] += 128
    order = '>u2' if big_endian else '<u2'
    message = packed(pixels.astype(order), f'{name}16', padding=padding, big_endian=big_endian)
    assert (frame_from_image(message) == (10, 120, 250)).all()


def test_mono():
    values = np.array([[0, 7], [200, 255]])
    expected = np.repeat(values[..., None], 3, axis=2)
    small = frame_from_image(packed(values.astype(np.uint8), 'mono8'))
    np.testing.assert_array_equal(small, expected)
    large = frame_from_image(packed((values * 257).astype('>u2'), 'mono16', big_endian=1))
    np.testing.assert_array_equal(large, expected)


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer(pattern, bits):
    """The mosaic of one colour is that colour again, away from the border."""
    values = {'b': 10, 'g': 120, 'r': 250}
    tile = np.array([values[c] for c in pattern], np.uint16).reshape(2, 2)
    mosaic = np.tile(tile, (4, 5)) * (257 if bits == 16 else 1)
    mosaic = mosaic.astype(np.uint8 if bits == 8 else '<u2')
    frame = frame_from_image(packed(mosaic, f'bayer_{pattern}{bits}', padding=2))
    assert frame.shape == (8, 10, 3)
    assert (frame[2:-2, 2:-2] == (10, 120, 250)).all()


# BT.601, studio range: Y 81, U 90, V 240 is pure red; Y 145, U 54, V 34 pure green.
@pytest.mark.parametrize(
    ('yuv', 'bgr'), [((81, 90, 240), (0, 0, 255)), ((145, 54, 34), (0, 255, 0))]
)
@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('uyvy', 'UYVY'), ('yuv422', 'UYVY'), ('yuyv', 'YUYV'), ('yuv422_yuy2', 'YUYV')],
)
def test_yuv_422(encoding, order, yuv, bgr):
    values = dict(zip('YUV', yuv, strict=True))
    row = [values[letter] for letter in order] * 3
    pixels = np.array([row, row], np.uint8).reshape(2, 6, 2)
    frame = frame_from_image(packed(pixels, encoding, padding=4))
    assert frame.shape == (2, 6, 3)
    np.testing.assert_allclose(frame, np.broadcast_to(bgr, frame.shape), atol=2)


@pytest.mark.parametrize(('encoding', 'chroma'), [('nv12', 'UV'), ('nv21', 'VU')])
def test_yuv_420(encoding, chroma):
    values = {'U': 90, 'V': 240}
    rows = [[81] * 6] * 4 + [[values[c] for c in chroma] * 3] * 2
    data = b''.join(bytes(row) + b'\0\0' for row in rows)
    frame = frame_from_image(image(data, encoding, width=6, height=4, step=8))
    assert frame.shape == (4, 6, 3)
    np.testing.assert_allclose(frame, np.broadcast_to((0, 0, 255), frame.shape), atol=2)


def test_bgr8_is_not_copied():
    data = np.arange(60, dtype=np.uint8)
    message = image(b'', 'bgr8', width=5, height=4, step=15)
    message.data = data
    assert np.shares_memory(frame_from_image(message), data)


def good(encoding='bgr8'):
    return image(bytes(60), encoding, width=5, height=4, step=15)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'encoding': 'rgb9'}, "'rgb9' is not supported; nearest known: rgb8; accepted: bgr8"),
        ({'encoding': ''}, "'' is not supported"),
        ({'width': 0}, 'empty'),
        ({'height': 0}, 'empty'),
        ({'step': 14}, 'step 14 is below the 15 bytes'),
        ({'step': 0}, 'step 0'),
        ({'data': bytes(59)}, 'hold 59 bytes, fewer than step . height = 60'),
        ({'data': b''}, 'hold 0 bytes'),
        ({'height': 2**32 - 1}, 'too large'),
        ({'width': 10**4, 'height': 10**4, 'step': 3 * 10**4}, '100 megapixels'),
        ({'encoding': 'uyvy', 'step': 10}, 'use even'),
        ({'encoding': 'nv12', 'width': 4, 'height': 3}, 'use even'),
    ],
)
def test_broken_messages(change, words):
    message = good()
    vars(message).update(change)
    with pytest.raises(FrameError, match=words):
        frame_from_image(message)


def test_longer_data_than_needed_are_fine():
    message = good()
    message.data = bytes(100)
    assert frame_from_image(message).shape == (4, 5, 3)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_encoding_takes_what_it_asks_for(encoding):
    step = 8 if encoding in ('i420', 'yv12') else 64
    message = image(bytes(step * 12), encoding, width=8, height=4, step=step)
    assert frame_from_image(message).shape == (4, 8, 3)


def compressed(pixels, suffix, *options):
    data = cv2.imencode(suffix, pixels, options)[1].tobytes()
    return SimpleNamespace(data=data, format=suffix[1:])


PICTURE = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 256, (6, 8, 3)), 8, 0), 8, 1)
PICTURE = PICTURE.astype(np.uint8)


def test_png_is_exact():
    np.testing.assert_array_equal(frame_from_compressed(compressed(PICTURE, '.png')), PICTURE)


@pytest.mark.parametrize('options', [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_jpeg_is_close_and_may_be_padded(options):
    message = compressed(PICTURE, '.jpg', cv2.IMWRITE_JPEG_QUALITY, 98, *options)
    message.data += b'\0' * 100
    difference = np.abs(frame_from_compressed(message).astype(int) - PICTURE)
    assert difference.mean() < 8
    assert frame_from_compressed(message).shape == PICTURE.shape


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.99])
def test_cut_off_images_are_refused(suffix, share):
    message = compressed(PICTURE, suffix)
    message.data = message.data[: int(len(message.data) * share)]
    with pytest.raises(FrameError):
        frame_from_compressed(message)


def test_other_formats_are_refused():
    with pytest.raises(FrameError, match='accepted: JPEG and PNG'):
        frame_from_compressed(compressed(PICTURE, '.bmp'))


def test_header_that_claims_too_much_is_refused_before_decoding():
    message = compressed(PICTURE, '.jpg')
    at = message.data.index(b'\xff\xc0') + 5
    message.data = message.data[:at] + b'\xff\xff\xff\xff' + message.data[at + 4 :]
    with pytest.raises(FrameError, match='4295 megapixels'):
        frame_from_compressed(message)
    message = compressed(PICTURE, '.png')
    message.data = message.data[:16] + b'\0\0\x60\0' * 2 + message.data[24:]
    with pytest.raises(FrameError, match='604 megapixels'):
        frame_from_compressed(message)


@pytest.mark.parametrize(
    ('spelling', 'like'),
    [
        ('8UC3', 'bgr8'), ('8UC4', 'bgra8'), ('8UC1', 'mono8'), ('16UC1', 'mono16'),
        ('16UC3', 'bgr16'), ('16UC4', 'bgra16'), ('RGB8', 'rgb8'), ('YUYV', 'yuyv'),
        ('UYVY', 'uyvy'), ('yuy2', 'yuyv'), ('rgb24', 'rgb8'), ('Y16', 'mono16'),
    ],
)  # fmt: skip
def test_other_spellings_of_the_same_bytes(spelling, like):
    data = np.random.default_rng(1).integers(0, 256, 4 * 6 * 8, np.uint8)
    frames = [
        frame_from_image(image(data, name, width=6, height=4, step=48))
        for name in (spelling, like)
    ]
    np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize(('encoding', 'planes'), [('I420', 'UV'), ('i420', 'UV'), ('yv12', 'VU')])
def test_planar_yuv(encoding, planes):
    values = {'U': 90, 'V': 240}
    data = bytes([81] * 24) + b''.join(bytes([values[plane]] * 6) for plane in planes)
    frame = frame_from_image(image(data, encoding, width=6, height=4, step=6))
    np.testing.assert_allclose(frame, np.broadcast_to((0, 0, 255), (4, 6, 3)), atol=2)
    with pytest.raises(FrameError, match='padded rows; expected 6'):
        frame_from_image(image(data * 2, encoding, width=6, height=4, step=8))


@pytest.mark.parametrize('padding', [0, 2])
def test_nv24_has_chroma_for_every_pixel(padding):
    """Red and green side by side, which chroma shared by two columns would mix."""
    luma, chroma = [81, 145, 81], [90, 240, 54, 34, 90, 240]
    rows = [luma + [7] * padding] * 2 + [chroma + [7] * 2 * padding] * 2
    data = b''.join(map(bytes, rows))
    frame = frame_from_image(image(data, 'nv24', width=3, height=2, step=3 + padding))
    expected = np.array([[(0, 0, 255), (0, 255, 0), (0, 0, 255)]] * 2)
    np.testing.assert_allclose(frame, expected, atol=2)


@pytest.mark.parametrize(
    ('spelling', 'nearest'), [('bgr_8', 'bgr8'), ('yuv422p', 'yuv422'), ('bayer_rggb11', 'bayer')]
)
def test_an_unknown_spelling_gets_the_nearest_known(spelling, nearest):
    with pytest.raises(
        FrameError, match=f"'{spelling}' is not supported; nearest known: {nearest}"
    ):
        frame_from_image(image(b'', spelling, width=2, height=2, step=6))


# Two pixels, 0xABC and 0x123, as the GenICam names say.
PACKED_PAIR = {'mono12p': (0xBC, 0x3A, 0x12), 'mono12packed': (0xAB, 0x3C, 0x12)}


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize(('encoding', 'data'), PACKED_PAIR.items())
def test_twelve_packed_bits(encoding, data, padding):
    rows = (bytes(data) * 2 + b'\x55' * padding) * 3
    message = image(rows, encoding, width=4, height=3, step=6 + padding)
    np.testing.assert_array_equal(pixels_from_image(message), [[0xABC, 0x123] * 2] * 3)
    grey = [round(value * 255 / 4095) for value in (0xABC, 0x123)]
    np.testing.assert_array_equal(frame_from_image(message)[..., 0], [grey * 2] * 3)


@pytest.mark.parametrize('bits', [10, 12, 14])
def test_the_full_scale_of_fewer_bits_is_white(bits):
    pixels = np.full((4, 6), 2**bits - 1, np.uint16)
    assert (frame_from_image(packed(pixels, f'mono{bits}')) == 255).all()
    assert (frame_from_image(packed(pixels, f'bayer_rggb{bits}')) == 255).all()


def test_a_packed_mosaic_by_its_genicam_name():
    tile = (np.array([[250, 120], [120, 10]]) * 4095 // 255).astype(np.uint16)  # no overflow
    mosaic = np.tile(tile, (4, 5))
    first, second = mosaic[:, ::2], mosaic[:, 1::2]
    data = np.stack([first & 255, first >> 8 | (second & 15) << 4, second >> 4], -1)
    data = data.astype(np.uint8).reshape(8, 15)
    for name in ('BayerRG12p', 'bayer_rggb12p'):
        frame = frame_from_image(image(data.tobytes(), name, width=10, height=8, step=15))
        np.testing.assert_allclose(frame[2:-2, 2:-2], [[(10, 120, 250)] * 6] * 4, atol=1)


def test_packed_bits_of_an_unknown_order_are_refused():
    message = image(bytes(6 * 2), 'bayer_rggb12', width=4, height=2, step=6)
    with pytest.raises(FrameError, match='bayer_rggb12p or bayer_rggb12packed'):
        frame_from_image(message)
    with pytest.raises(FrameError, match='use even'):
        frame_from_image(image(bytes(9), 'mono12p', width=3, height=2, step=5))


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [3, 4])
def test_generic_colours_are_in_the_order_that_was_said(dtype, channels):
    pixels = np.full((4, 6, channels), (10, 120, 250, 99)[:channels], np.uint8).astype(dtype)
    bits = pixels.itemsize * 8
    message = packed(pixels * (257 if bits == 16 else 1), f'{bits}UC{channels}')
    assert (frame_from_image(message) == (10, 120, 250)).all()
    assert (frame_from_image(message, generic_order='rgb') == (250, 120, 10)).all()


@pytest.mark.parametrize(
    ('encoding', 'guessed'),
    [('8UC3', True), ('16uc4', True), ('8UC1', False), ('bgr8', False), ('32FC3', False)],
)
def test_what_names_no_order(encoding, guessed):
    assert names_no_order(encoding) is guessed


@pytest.mark.parametrize('depth', [8, 16])
def test_a_mosaic_packed_as_png_gets_its_colours(depth):
    tile = np.array([[250, 120], [120, 10]], np.uint16) * (1 if depth == 8 else 257)
    mosaic = np.tile(tile, (4, 5)).astype(np.uint8 if depth == 8 else np.uint16)
    message = SimpleNamespace(
        data=cv2.imencode('.png', mosaic)[1].tobytes(),
        format=f'bayer_rggb{depth}; png compressed bayer_rggb{depth}',
    )
    assert (frame_from_compressed(message)[2:-2, 2:-2] == (10, 120, 250)).all()


@pytest.mark.parametrize(
    ('text', 'what'),
    [('16UC1; compressedDepth png', 'compressed depth'), ('h264', 'a h264 stream'),
     ('hevc', 'a hevc stream')],
)  # fmt: skip
def test_what_is_no_picture_is_named(text, what):
    with pytest.raises(FrameError, match=what):
        frame_from_compressed(SimpleNamespace(data=b'123', format=text))
