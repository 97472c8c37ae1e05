# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Depth images to metres, as depth cameras and depth_image_transport publish them (REP-118)."""

import struct
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_header import compressed_size_hw
from rtseg_ros.frames.image_message import ImageLike, check_size

_TYPES = {'16UC1': np.uint16, 'mono16': np.uint16, '32FC1': np.float32}
_HEADER = struct.Struct('<iff')  # enum and two parameters of compressed_depth_image_transport


def depth_from_image(message: ImageLike) -> np.ndarray:
    """Read sensor_msgs/Image.

    Args:
        message: 16UC1 (or mono16) in mm, or 32FC1 in m; either byte order, padded rows too.

    Returns:
        (H, W) uint16 in mm or float32 in m; a view of the message where nothing is in the way.

    Raises:
        FrameError: If it is no depth image or has too few bytes.
    """
    if message.encoding not in _TYPES:
        raise FrameError(
            f"depth has the encoding '{message.encoding}'; accepted: 16UC1 (mm) and 32FC1 (m)"
        )
    kind = np.dtype(_TYPES[message.encoding]).newbyteorder('>' if message.is_bigendian else '<')
    height, width = message.height, message.width
    step = message.step or width * kind.itemsize
    data = np.frombuffer(message.data, np.uint8)
    if step < width * kind.itemsize or data.size < step * height or not height or not width:
        raise FrameError(
            f'depth is {width} x {height} {message.encoding} with a step of {step} and '
            f'{data.size} bytes; at least {width * kind.itemsize * height} are needed'
        )
    rows = data[: step * height].reshape(height, step)[:, : width * kind.itemsize]
    if step != width * kind.itemsize:
        rows = np.ascontiguousarray(rows)
    return rows.view(kind).astype(kind.newbyteorder('='), copy=False)


def depth_from_compressed(format_text: str, data: Any) -> np.ndarray:
    """Read what ``<topic>/compressedDepth`` carries.

    Args:
        format_text: Field ``format``, e.g. ``16UC1; compressedDepth png``.
        data: Bytes: 12 of a header, then PNG.

    Returns:
        (H, W) uint16 in mm, or float32 in m with NaN where there is none.

    Raises:
        FrameError: If it is compressed otherwise (RVL), or damaged.
    """
    encoding, _, rest = (part.strip() for part in format_text.partition(';'))
    words = rest.split()
    if 'compressedDepth' not in words:
        raise FrameError(
            f"depth has the format '{format_text}'; accepted: '16UC1; compressedDepth png' and "
            "'32FC1; compressedDepth png'"
        )
    if 'rvl' in [word.lower() for word in words]:
        raise FrameError(
            "depth is compressed with RVL, which is not read here; set the publisher's parameter "
            "'<topic>.compressedDepth.format' to png"
        )
    if encoding not in _TYPES:
        raise FrameError(f"compressed depth has the encoding '{encoding}'; accepted: 16UC1, 32FC1")
    content = np.frombuffer(data, np.uint8)
    if content.size <= _HEADER.size:
        raise FrameError(f'compressed depth has {content.size} bytes, which is no picture')
    try:
        size_hw = compressed_size_hw(content[_HEADER.size :].tobytes())
    except FrameError as error:
        raise FrameError(f'compressed depth is not a PNG of 16-bit grey: {error}') from error
    check_size(*size_hw)
    try:
        raw = cv2.imdecode(content[_HEADER.size :], cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise FrameError(f'compressed depth is a damaged PNG: {error}') from error
    if raw is None or raw.dtype != np.uint16 or raw.ndim != 2:
        raise FrameError('compressed depth is not a PNG of 16-bit grey')
    if encoding != '32FC1':
        return raw
    # Quantised inverse depth: raw = A / depth + B.
    _, a, b = _HEADER.unpack(content[: _HEADER.size].tobytes())
    with np.errstate(divide='ignore', invalid='ignore'):
        depth = np.float32(a) / (raw.astype(np.float32) - np.float32(b))
    depth[raw == 0] = np.nan
    return depth


def metres(depth: np.ndarray, *, minimum_m: float, maximum_m: float) -> np.ndarray:
    """Return depth in metres, NaN where there is none or it is out of range.

    Args:
        depth: (H, W) uint16 in mm, 0 for none, or float32 in m, 0, NaN or infinite for none.
        minimum_m: Nearest depth that counts.
        maximum_m: Farthest depth that counts.

    Returns:
        Newly allocated (H, W) float32.
    """
    values = depth.astype(np.float32)
    if depth.dtype == np.uint16:
        values *= np.float32(0.001)
    with np.errstate(invalid='ignore'):
        outside = ~((values >= max(minimum_m, 1e-6)) & (values <= maximum_m))
    values[outside] = np.nan
    return values
