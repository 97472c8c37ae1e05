# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Between sensor_msgs and arrays, without touching single bytes in Python."""

from array import array
from functools import lru_cache
import re
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError
from rtseg_ros.frames import image_message
from rtseg_ros.frames.image_message import frame_from_compressed
from rtseg_ros.frames.label_image import png_from_labels
from rtseg_ros.runtime.geometry import Layout

# As compressed_image_transport writes it; its subscriber looks for 'mono8' and 'compressed'.
PNG_MASK = 'mono8; png compressed '
_GENERIC = re.compile(r'\d+[USF]C\d+')


def frame_from_message(
    message: Image | CompressedImage, *, generic_order: str = 'bgr'
) -> np.ndarray:
    """Return the pixels of a message, raw or compressed.

    As ``frames.image_message.frame_from_image``, which bags are read with, too; encodings that it
    does not know go through cv_bridge where that is installed.

    Args:
        message: Of one of its encodings, or of one that cv_bridge makes bgr8 of.
        generic_order: What 8UC3 and its like hold, as there.

    Returns:
        (H, W, 3) uint8 BGR. Read-only and without a copy for unpadded bgr8; the message owns
        the memory then.

    Raises:
        FrameError: If the encoding is unknown or the data do not fit the header.
    """
    if isinstance(message, CompressedImage):
        return frame_from_compressed(message)
    if image_message.known_encoding(message.encoding):
        return image_message.frame_from_image(message, generic_order=generic_order)
    bridge, absence = _cv_bridge()
    # cv_bridge makes no bgr8 of generic types, whose channels have no meaning for it.
    if bridge is None or _GENERIC.fullmatch(message.encoding):
        more = '' if _GENERIC.fullmatch(message.encoding) else (
            f', and what cv_bridge can make bgr8 of, where it is installed ({absence})'
        )  # fmt: skip
        raise FrameError(image_message.why_unsupported(message.encoding) + more)
    try:
        frame = bridge.imgmsg_to_cv2(message, 'bgr8')
    except Exception as error:  # cv_bridge, OpenCV and NumPy each raise their own
        raise FrameError(
            f"cv_bridge cannot make bgr8 of encoding '{message.encoding}': {error}"
        ) from error
    return np.asarray(frame, np.uint8)


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
    data.frombytes(np.ascontiguousarray(pixels).data.cast('B'))
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=len(data) // height,
        data=data,
    )


def compressed_from_labels(labels: np.ndarray, *, header: Header) -> CompressedImage:
    """Make the message that image_transport's compressed plugin makes of a mono8 mask as PNG.

    Args:
        labels: (H, W) uint8.
        header: Copied by reference.
    """
    data = array('B')
    data.frombytes(png_from_labels(labels).data)
    return CompressedImage(header=header, format=PNG_MASK, data=data)


def fits(info: CameraInfo, size_hw: tuple[int, int]) -> bool:
    """Return whether a CameraInfo describes images of a size, to within a binned pixel."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return (
        abs(width / max(info.binning_x, 1) - size_hw[1]) < 1
        and abs(height / max(info.binning_y, 1) - size_hw[0]) < 1
    )


def camera_info_of_mask(info: CameraInfo, layout: Layout, *, header: Header) -> CameraInfo:
    """Describe the camera that would have taken an image of the mask's geometry.

    Binning and region of interest of the camera are worked into K and P, and reset, so that K
    and P hold for the mask's pixels as they are. D and R do not depend on the pixel grid.

    Args:
        info: The camera's, at the frame's size.
        layout: How the mask lies on the frame.
        header: The mask's.
    """
    return _camera_info_at(info, layout.source_from_mask(), layout.mask_hw, header)


def camera_info_of_frame(info: CameraInfo, size_hw: tuple[int, int]) -> CameraInfo:
    """Work binning and region of interest into K and P, so that they hold for frames as they are.

    Args:
        info: The camera's.
        size_hw: Of its frames.
    """
    return _camera_info_at(info, (1.0, 0.0, 1.0, 0.0), size_hw, info.header)


def rectified_info(info: CameraInfo) -> CameraInfo:
    """Describe the camera of a rectified image: K is that of P, and nothing is bent or turned."""
    p = np.array(info.p).reshape(3, 4)
    k = p[:, :3] if p.any() else np.array(info.k).reshape(3, 3)
    if not p.any():
        p = np.hstack([k, np.zeros((3, 1))])
    return CameraInfo(
        header=info.header,
        height=info.height,
        width=info.width,
        distortion_model=info.distortion_model,
        d=[0.0] * len(info.d),
        k=k.ravel(),
        r=np.eye(3).ravel(),
        p=p.ravel(),
        binning_x=info.binning_x,
        binning_y=info.binning_y,
        roi=RegionOfInterest(
            x_offset=info.roi.x_offset,
            y_offset=info.roi.y_offset,
            width=info.roi.width,
            height=info.roi.height,
        ),
    )


def _camera_info_at(
    info: CameraInfo,
    source_from_mask: tuple[float, float, float, float],
    size_hw: tuple[int, int],
    header: Header,
) -> CameraInfo:
    scale_x, offset_x, scale_y, offset_y = source_from_mask
    # Frame pixel = (full pixel - roi) / binning (REP 104's reading of CameraInfo).
    binning_x, binning_y = max(info.binning_x, 1), max(info.binning_y, 1)
    k, p = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)
    for matrix in (k, p):
        matrix[0, 2] -= info.roi.x_offset
        matrix[1, 2] -= info.roi.y_offset
        matrix[0] /= binning_x
        matrix[1] /= binning_y
        # Mask pixel = (frame pixel - offset) / scale.
        matrix[0, 2] -= offset_x
        matrix[1, 2] -= offset_y
        matrix[0] /= scale_x
        matrix[1] /= scale_y
    return CameraInfo(
        header=header,
        height=size_hw[0],
        width=size_hw[1],
        distortion_model=info.distortion_model,
        d=info.d,
        k=k.ravel(),
        r=info.r,
        p=p.ravel(),
        roi=RegionOfInterest(do_rectify=info.roi.do_rectify),
    )


@lru_cache(maxsize=1)
def _cv_bridge() -> tuple[Any, str]:
    try:
        from cv_bridge import CvBridge
    except Exception as error:  # with NumPy 2 it fails in more ways than ImportError
        return None, f'{type(error).__name__}: {error}'
    return CvBridge(), ''
