"""Between sensor_msgs/Image and arrays, without touching single bytes in Python."""

from array import array

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError

# Encoding -> channels, and OpenCV's conversion to BGR (None: already BGR).
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    'bgr8': (3, None),
    'rgb8': (3, cv2.COLOR_RGB2BGR),
    'bgra8': (4, cv2.COLOR_BGRA2BGR),
    'rgba8': (4, cv2.COLOR_RGBA2BGR),
    'mono8': (1, cv2.COLOR_GRAY2BGR),
}


def frame_from_image(message: Image) -> np.ndarray:
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


def pixels_from_image(message: Image) -> np.ndarray:
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


def image_from_array(pixels: np.ndarray, encoding: str, *, header: Header) -> Image:
    """Make an image message.

    Args:
        pixels: (H, W) uint8 for mono8 or (H, W, 3) uint8 for bgr8.
        encoding: ``mono8`` or ``bgr8``.
        header: Copied by reference, so an output carries its input's stamp and frame.

    Returns:
        Message with step == width * channels; it owns a copy of the pixels.
    """
    height, width = pixels.shape[:2]
    data = array('B')
    # Assigning bytes to msg.data checks every byte in Python; an array('B') is taken as it is.
    data.frombytes(memoryview(np.ascontiguousarray(pixels)).cast('B'))
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=len(data) // height,
        data=data,
    )
