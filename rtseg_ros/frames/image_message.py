"""From image messages to arrays, without ROS: nodes and bags decode with the same lines."""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_header import compressed_size_hw


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
_ENCODINGS = {
    **{f'{name}8': _Encoding(*value) for name, value in _PACKED.items()},
    **{f'{name}16': _Encoding(*value, bytes_each=2) for name, value in _PACKED.items()},
    'uyvy': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, columns=2),
    'yuv422': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, columns=2),
    'yuyv': _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, columns=2),
    'yuv422_yuy2': _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, columns=2),
    'nv12': _Encoding(1, cv2.COLOR_YUV2BGR_NV12, half_rows=3, columns=2),
    'nv21': _Encoding(1, cv2.COLOR_YUV2BGR_NV21, half_rows=3, columns=2),
}
ENCODINGS = tuple(_ENCODINGS)
# A header can claim any size; beyond this the memory of a robot is at risk.
LARGEST_PIXELS = 2**26


def frame_from_image(message: ImageLike) -> np.ndarray:
    """Return the pixels of an image message.

    Args:
        message: One of ``ENCODINGS``; rows may be padded (``step``). 16-bit values are scaled
            to 8 bits, 65535 to 255.

    Returns:
        (H, W, 3) uint8 BGR. Read-only and without a copy for unpadded bgr8; the message owns
        the memory then.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    pixels = pixels_from_image(message)
    code = _ENCODINGS[message.encoding].code
    if code is not None:
        pixels = cv2.cvtColor(pixels, code)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    return pixels


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
        encoding = _ENCODINGS.get(message.encoding)
    else:
        encoding = _Encoding(layout[0], None, bytes_each=layout[1].itemsize)
    if encoding is None:
        raise FrameError(
            f"encoding '{message.encoding}' is not supported; accepted: {', '.join(_ENCODINGS)}"
        )
    height, width, step = message.height, message.width, message.step
    _check_size(height, width)
    if width % encoding.columns or (height * encoding.half_rows) % 2:
        raise FrameError(f'{width}x{height} is not possible with {message.encoding}; use even')
    row = width * encoding.channels * encoding.bytes_each
    if step < row:
        raise FrameError(
            f'step {step} is below the {row} bytes of a row of {width} pixels in '
            f'{message.encoding}'
        )
    data = np.frombuffer(message.data, np.uint8)
    rows = height * encoding.half_rows // 2
    if data.size < step * rows:
        raise FrameError(f'data hold {data.size} bytes, fewer than step * height = {step * rows}')
    pixels = data[: step * rows].reshape(rows, step)[:, :row]
    if encoding.bytes_each > 1:
        # NumPy before 1.23 (Ubuntu 22.04) gives padded rows, which have gaps, no other view.
        pixels = np.ascontiguousarray(pixels)
        kind = np.dtype(np.uint16) if layout is None else layout[1]
        pixels = pixels.view(kind.newbyteorder('>' if message.is_bigendian else '<')).astype(kind)
    if encoding.channels == 1:
        return pixels
    return pixels.reshape(rows, width, encoding.channels)


def frame_from_compressed(message: CompressedImageLike) -> np.ndarray:
    """Decode a JPEG or PNG message to (H, W, 3) uint8 BGR, newly allocated.

    Raises:
        FrameError: If the data are not such an image, or a part of it is missing.
    """
    # A camera's geometry is that of its pixels, so an EXIF rotation must not turn them.
    return _decoded(message, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def compressed_pixels(message: CompressedImageLike) -> np.ndarray:
    """Decode a JPEG or PNG message to the pixels it holds: one channel or more, 8 or 16 bits.

    Raises:
        FrameError: If the data are not such an image, or a part of it is missing.
    """
    return _decoded(message, cv2.IMREAD_UNCHANGED)


def _decoded(message: CompressedImageLike, mode: int) -> np.ndarray:
    data = np.frombuffer(message.data, np.uint8)
    _check_size(*compressed_size_hw(data.tobytes()))
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


def _check_size(height: int, width: int) -> None:
    if height == 0 or width == 0:
        raise FrameError(f'the image is empty: width {width}, height {height}')
    if height * width > LARGEST_PIXELS:
        raise FrameError(
            f'the image is too large: {width}x{height} = {height * width / 1e6:.0f} megapixels; '
            f'accepted: up to {LARGEST_PIXELS / 1e6:.0f}'
        )
