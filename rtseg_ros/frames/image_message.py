# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From image messages to arrays, without ROS: nodes and bags decode with the same lines."""

from dataclasses import dataclass
from difflib import get_close_matches
import re
from typing import Any, Protocol

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.bag_options import GENERIC_ORDERS
from rtseg_ros.frames.image_header import compressed_size_hw
from rtseg_ros.frames.media.compressed_format import parse_format


class ImageLike(Protocol):
    """The fields of sensor_msgs/Image, whichever library made the object."""

    height: int
    width: int
    encoding: str
    is_bigendian: Any
    step: int
    data: Any


class CompressedImageLike(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


@dataclass(frozen=True)
class _Encoding:
    """Layout of an encoding's bytes, and OpenCV's conversion to BGR (None: already BGR)."""

    channels: int
    code: int | None
    bytes_each: int = 1
    # Rows of data per row of the image, in halves: 3 with the half-height chroma below.
    half_rows: int = 2
    # Chroma is shared by so many columns.
    columns: int = 1
    # Planes of half the width lie behind the luma: padded rows would tear them.
    planar: bool = False
    # Of two bytes, how many bits are used.
    bits: int = 16
    # Two pixels of 12 bits in three bytes, one of ``_PACKINGS``.
    packing: str = ''


# OpenCV names a Bayer pattern by its second row, ROS by its first.
_BAYER = {
    'rggb': cv2.COLOR_BayerBG2BGR,
    'bggr': cv2.COLOR_BayerRG2BGR,
    'gbrg': cv2.COLOR_BayerGR2BGR,
    'grbg': cv2.COLOR_BayerGB2BGR,
}
_PACKED = {
    'bgr': (3, None),
    'rgb': (3, cv2.COLOR_RGB2BGR),
    'bgra': (4, cv2.COLOR_BGRA2BGR),
    'rgba': (4, cv2.COLOR_RGBA2BGR),
    'mono': (1, cv2.COLOR_GRAY2BGR),
    **{f'bayer_{pattern}': (1, code) for pattern, code in _BAYER.items()},
}
_ONE_CHANNEL = {name: value for name, value in _PACKED.items() if value[0] == 1}
# Of PFNC, the pixel formats of GenICam: the lowest bits first, and as GigE Vision 1 has it.
_PACKINGS = ('p', 'packed')
_GENICAM = {'rg': 'rggb', 'bg': 'bggr', 'gb': 'gbrg', 'gr': 'grbg'}
_ENCODINGS = {
    **{f'{name}8': _Encoding(*value) for name, value in _PACKED.items()},
    **{f'{name}16': _Encoding(*value, bytes_each=2) for name, value in _PACKED.items()},
    'uyvy': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, columns=2),
    'yuv422': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, columns=2),
    'yuyv': _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, columns=2),
    'yuv422_yuy2': _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, columns=2),
    'nv12': _Encoding(1, cv2.COLOR_YUV2BGR_NV12, half_rows=3, columns=2),
    'nv21': _Encoding(1, cv2.COLOR_YUV2BGR_NV21, half_rows=3, columns=2),
    'nv24': _Encoding(1, None, half_rows=6),
    'i420': _Encoding(1, cv2.COLOR_YUV2BGR_I420, half_rows=3, columns=2, planar=True),
    'yv12': _Encoding(1, cv2.COLOR_YUV2BGR_YV12, half_rows=3, columns=2, planar=True),
    # Generic types name no order: grey, and as OpenCV has colours, blue first.
    **{
        f'{name}{bits}': _Encoding(*value, bytes_each=2, bits=bits)
        for name, value in _ONE_CHANNEL.items()
        for bits in (10, 12, 14)
    },
    **{
        f'{name}12{packing}': _Encoding(*value, columns=2, bits=12, packing=packing)
        for name, value in _ONE_CHANNEL.items()
        for packing in _PACKINGS
    },
    **{f'{bits}UC1': _Encoding(*_PACKED['mono'], bytes_each=bits // 8) for bits in (8, 16)},
    **{f'{bits}UC3': _Encoding(*_PACKED['bgr'], bytes_each=bits // 8) for bits in (8, 16)},
    **{f'{bits}UC4': _Encoding(*_PACKED['bgra'], bytes_each=bits // 8) for bits in (8, 16)},
}
ENCODINGS = tuple(_ENCODINGS)
_BY_LOWER_CASE = {name.lower(): name for name in ENCODINGS}
# Other spellings of the same bytes, in lower case.
_SYNONYMS = {
    'yuv420': 'i420', 'yuy2': 'yuv422_yuy2', 'yuv422_uyvy': 'uyvy', 'gray8': 'mono8',
    'grey': 'mono8', 'y8': 'mono8', 'y16': 'mono16', 'bgr24': 'bgr8', 'rgb24': 'rgb8',
    **{
        f'bayer{short}{depth}': f'bayer_{pattern}{depth}'
        for short, pattern in _GENICAM.items()
        for depth in ('8', '10', '12', '14', '16', *(f'12{packing}' for packing in _PACKINGS))
    },
}  # fmt: skip
_GENERIC = re.compile(r'(8|16)UC[34]')
# A header can claim any size; beyond this the memory of a robot is at risk.
LARGEST_PIXELS = 2**26


def frame_from_image(message: ImageLike, *, generic_order: str = 'bgr') -> np.ndarray:
    """Return the pixels of an image message; nodes go through ``nodes.messages``, which adds more.

    Args:
        message: One of ``ENCODINGS``; rows may be padded (``step``). 16-bit values are scaled
            to 8 bits, 65535 to 255.
        generic_order: Of ``GENERIC_ORDERS``: what 8UC3 and its like hold.

    Returns:
        (H, W, 3) uint8 BGR. Read-only and without a copy for unpadded bgr8; the message owns
        the memory then.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    pixels = pixels_from_image(message)
    name = known_encoding(message.encoding)
    if name == 'nv24':
        return _bgr_from_nv24(pixels)
    code, bits = _ENCODINGS[name].code, _ENCODINGS[name].bits
    if generic_order == 'rgb' and names_no_order(name):
        code = cv2.COLOR_RGBA2BGR if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    if code is not None:
        pixels = cv2.cvtColor(pixels, code)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / (2**bits - 1))
    return pixels


def names_no_order(encoding: str) -> bool:
    """Tell whether an encoding has colours whose order it does not name, so that it is guessed."""
    return _GENERIC.fullmatch(known_encoding(encoding)) is not None


def guessed_order(encoding: str, generic_order: str) -> str:
    """Say in which order the colours of such an encoding are taken."""
    first = 'blue' if generic_order == 'bgr' else 'red'
    other = next(order for order in GENERIC_ORDERS if order != generic_order)
    return (
        f'{encoding} does not name the order of its colours; taken as {generic_order}, {first} '
        f'first. If that is wrong, set generic_order to {other}'
    )


def pixels_from_image(
    message: ImageLike, *, layout: tuple[int, np.dtype] | None = None
) -> np.ndarray:
    """Return the message's own pixels: (H, W, C), (H, W) for one channel.

    uint8 without a copy, or uint16 in this machine's byte order; nv12 and nv21 have half as many
    rows again, for their chroma.

    Args:
        message: One of ``ENCODINGS``, or any with a layout.
        layout: Channels and type of a pixel, where they are known otherwise.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    if layout is None:
        name = known_encoding(message.encoding)
        if not name:
            raise FrameError(why_unsupported(message.encoding))
        encoding = _ENCODINGS[name]
    else:
        encoding = _Encoding(layout[0], None, bytes_each=layout[1].itemsize)
    height, width, step = message.height, message.width, message.step
    check_size(height, width)
    if width % encoding.columns or (height * encoding.half_rows) % 2:
        raise FrameError(f'{width}x{height} is not possible with {message.encoding}; use even')
    row = width * encoding.channels * encoding.bytes_each
    if encoding.packing:
        row = width * 3 // 2
    if encoding.bits < 16 and not encoding.packing and width * 3 // 2 <= step < row:
        raise FrameError(
            f'step {step} of {width} pixels says that {message.encoding} is packed, whose order '
            f'differs between drivers; accepted: two bytes for each pixel, or the name of '
            f'GenICam, {message.encoding}p or {message.encoding}packed'
        )
    if step < row:
        raise FrameError(
            f'step {step} is below the {row} bytes of a row of {width} pixels in '
            f'{message.encoding}'
        )
    if encoding.planar and step != row:
        raise FrameError(
            f'step {step} with {message.encoding}, whose planes cannot have padded rows; '
            f'expected {row}'
        )
    data = np.frombuffer(message.data, np.uint8)
    rows = height * encoding.half_rows // 2
    if data.size < step * rows:
        raise FrameError(f'data hold {data.size} bytes, fewer than step * height = {step * rows}')
    if encoding.half_rows == 6:  # a chroma row is twice as long
        luma = data[: step * height].reshape(height, step)[:, :row]
        chroma = data[step * height : step * rows].reshape(height, 2 * step)[:, : 2 * row]
        return np.concatenate([luma, chroma.reshape(2 * height, row)])
    pixels = data[: step * rows].reshape(rows, step)[:, :row]
    if encoding.packing:
        return _unpacked(pixels, encoding.packing)
    if encoding.bytes_each > 1:
        # NumPy before 1.23 (Ubuntu 22.04) gives padded rows, which have gaps, no other view.
        pixels = np.ascontiguousarray(pixels)
        kind = np.dtype(np.uint16) if layout is None else layout[1]
        pixels = pixels.view(kind.newbyteorder('>' if message.is_bigendian else '<')).astype(kind)
    if encoding.channels == 1:
        return pixels
    return pixels.reshape(rows, width, encoding.channels)


def known_encoding(name: str) -> str:
    """Return which of ``ENCODINGS`` a spelling means; empty if none."""
    if name in _ENCODINGS:
        return name
    lower = name.strip().lower()
    return _BY_LOWER_CASE.get(lower) or _SYNONYMS.get(lower, '')


def why_unsupported(name: str) -> str:
    """Say that an encoding is not known, and which known one is spelled most like it."""
    near = get_close_matches(name.lower(), [*_BY_LOWER_CASE, *_SYNONYMS], 1)
    hint = f'; nearest known: {known_encoding(near[0])}' if near else ''
    plain = ', '.join(name for name in ENCODINGS if _ENCODINGS[name].bits == 16)
    return (
        f"encoding '{name}' is not supported{hint}; accepted: {plain}; mono and bayer_* of 10, "
        '12 and 14 bits in two bytes (mono12), and of 12 bits packed (mono12p, mono12packed)'
    )


def _unpacked(rows: np.ndarray, packing: str) -> np.ndarray:
    """Return (H, W) uint16 of 12 bits from (H, W / 2 * 3) bytes."""
    first, middle, last = (rows[:, at::3].astype(np.uint16) for at in range(3))
    pixels = np.empty((rows.shape[0], rows.shape[1] // 3 * 2), np.uint16)
    if packing == 'p':
        pixels[:, ::2] = first | (middle & 15) << 8
        pixels[:, 1::2] = middle >> 4 | last << 4
    else:
        pixels[:, ::2] = first << 4 | middle & 15
        pixels[:, 1::2] = last << 4 | middle >> 4
    return pixels


def _bgr_from_nv24(pixels: np.ndarray) -> np.ndarray:
    """Convert (3 H, W): luma, then as many pairs of chroma; by the same matrix as yuyv."""
    height, width = pixels.shape[0] // 3, pixels.shape[1]
    chroma = pixels[height:].reshape(height, width, 2)
    doubled = np.empty((height, width, 4), np.uint8)  # every pixel twice, as YUYV
    doubled[..., 0] = doubled[..., 2] = pixels[:height]
    doubled[..., 1::2] = chroma
    bgr = cv2.cvtColor(doubled.reshape(height, 2 * width, 2), cv2.COLOR_YUV2BGR_YUY2)
    return np.ascontiguousarray(bgr[:, ::2])


def frame_from_compressed(message: CompressedImageLike) -> np.ndarray:
    """Decode a JPEG or PNG message to (H, W, 3) uint8 BGR, newly allocated.

    Raises:
        FrameError: If the data are not such an image, or a part of it is missing.
    """
    named = unreadable_transport(message.format)
    if named:
        raise FrameError(f"format '{message.format}' is {named}")
    # A mosaic that was packed as it is: its colours are still there.
    code = _BAYER.get(parse_format(message.format).mosaic)
    if code is not None:
        mosaic = _decoded(message, cv2.IMREAD_UNCHANGED)
        if mosaic.ndim == 2:
            frame = cv2.cvtColor(mosaic, code)
            deep = frame.dtype == np.uint16
            return cv2.convertScaleAbs(frame, alpha=255 / 65535) if deep else frame
    # A camera's geometry is that of its pixels, so an EXIF rotation must not turn them.
    return _decoded(message, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def unreadable_transport(text: str) -> str:
    """Return what a format is that is no picture of its own; empty for pictures."""
    if 'compresseddepth' in text.lower():
        return 'compressed depth: distances, not colours; subscribe to the colour camera'
    codec = re.search(r'h\.?26[45]|hevc|av1|vp[89]', text.lower())
    if codec:
        return (
            f'a packet of a {codec[0]} stream, which is no image without those before it; '
            'republish it as raw or JPEG (image_transport republish)'
        )
    return ''


def compressed_pixels(message: CompressedImageLike) -> np.ndarray:
    """Decode a JPEG or PNG message to the pixels it holds: one channel or more, 8 or 16 bits.

    Raises:
        FrameError: If the data are not such an image, or a part of it is missing.
    """
    return _decoded(message, cv2.IMREAD_UNCHANGED)


def _decoded(message: CompressedImageLike, mode: int) -> np.ndarray:
    data = np.frombuffer(message.data, np.uint8)
    check_size(*compressed_size_hw(data.tobytes()))
    try:
        pixels = cv2.imdecode(data, mode)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise FrameError(
            f"compressed image of {data.size} bytes, format '{message.format}', cannot be "
            'decoded; accepted: JPEG and PNG'
        )
    return pixels


def check_size(height: int, width: int) -> None:
    """Refuse an image without pixels, or with more than a robot can have meant.

    Raises:
        FrameError: If it is one.
    """
    if height == 0 or width == 0:
        raise FrameError(f'the image is empty: width {width}, height {height}')
    if height * width > LARGEST_PIXELS:
        raise FrameError(
            f'the image is too large: {width}x{height} = {height * width / 1e6:.0f} megapixels; '
            f'accepted: up to {LARGEST_PIXELS / 1e6:.0f}'
        )
