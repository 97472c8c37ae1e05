"""From image messages to arrays, without ROS: nodes and bags decode with the same lines."""

from typing import Any, Protocol

import cv2
import numpy as np

from rtseg_ros.errors import FrameError


class ImageLike(Protocol):
    """The fields of sensor_msgs/Image, whichever library made the object."""

    height: int
    width: int
    encoding: str
    step: int
    data: Any


class CompressedImageLike(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


# Encoding -> channels, and OpenCV's conversion to BGR (None: already BGR).
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    'bgr8': (3, None),
    'rgb8': (3, cv2.COLOR_RGB2BGR),
    'bgra8': (4, cv2.COLOR_BGRA2BGR),
    'rgba8': (4, cv2.COLOR_RGBA2BGR),
    'mono8': (1, cv2.COLOR_GRAY2BGR),
}


def frame_from_image(message: ImageLike) -> np.ndarray:
    """Return the pixels of an image message.

    Args:
        message: bgr8, rgb8, bgra8, rgba8 or mono8; rows may be padded (``step``).

    Returns:
        (H, W, 3) uint8 BGR. Read-only and without a copy for unpadded bgr8; the message owns
        the memory then.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    pixels = pixels_from_image(message)
    code = _ENCODINGS[message.encoding][1]
    return pixels if code is None else cv2.cvtColor(pixels, code)


def pixels_from_image(message: ImageLike) -> np.ndarray:
    """Return the message's own pixels: (H, W, C) uint8, (H, W) for one channel; no copy.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    if message.encoding not in _ENCODINGS:
        raise FrameError(
            f"encoding '{message.encoding}' is not supported; accepted: {', '.join(_ENCODINGS)}"
        )
    channels = _ENCODINGS[message.encoding][0]
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise FrameError(f'the image is empty: width {width}, height {height}')
    if step < width * channels:
        raise FrameError(
            f'step {step} is below width * channels = {width * channels} of {message.encoding}'
        )
    data = np.frombuffer(message.data, np.uint8)
    if data.size < step * height:
        raise FrameError(
            f'data hold {data.size} bytes, fewer than step * height = {step * height}'
        )
    rows = data[: step * height].reshape(height, step)[:, : width * channels]
    return rows.reshape(height, width, channels) if channels > 1 else rows


def frame_from_compressed(message: CompressedImageLike) -> np.ndarray:
    """Decode a JPEG or PNG message to (H, W, 3) uint8 BGR, newly allocated.

    Raises:
        FrameError: If the data are not such an image.
    """
    # A camera's geometry is that of its pixels, so an EXIF rotation must not turn them.
    return _decoded(message, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def labels_from_compressed(message: CompressedImageLike) -> np.ndarray:
    """Decode a PNG label image to (H, W) uint8, newly allocated.

    Raises:
        FrameError: If the data are not one 8-bit channel, or were compressed with loss.
    """
    data = bytes(memoryview(message.data)[:8])
    if data != b'\x89PNG\r\n\x1a\n':
        raise FrameError(
            f"compressed labels have format '{message.format}' and start with {data!r}; only "
            'PNG keeps class ids (JPEG changes them)'
        )
    labels = _decoded(message, cv2.IMREAD_UNCHANGED)
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise FrameError(f'labels are {labels.dtype} {labels.shape}; expected uint8 (H, W)')
    return labels


def _decoded(message: CompressedImageLike, mode: int) -> np.ndarray:
    data = np.frombuffer(message.data, np.uint8)
    try:
        pixels = cv2.imdecode(data, mode) if data.size else None
    except cv2.error:  # e.g. a header that claims more pixels than OpenCV allows
        pixels = None
    if pixels is None:
        raise FrameError(
            f"compressed image of {data.size} bytes, format '{message.format}', cannot be "
            'decoded; accepted: JPEG and PNG'
        )
    return pixels
