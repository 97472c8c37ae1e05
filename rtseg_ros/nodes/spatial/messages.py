# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Between depth, clouds and arrays: sensor_msgs/Image, CompressedImage and PointCloud2."""

from array import array
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.nodes.messages import camera_info_of_frame, frame_from_message
from rtseg_ros.spatial.camera_model import camera_model_from_info
from rtseg_ros.spatial.depth import depth_from_compressed, depth_from_image
from rtseg_ros.spatial.point_layout import FIELDS, POINT_STEP
from rtseg_ros.spatial.points import PointMaker, PointOptions

_FLOAT32 = 7


def depth_from_message(message: Image | CompressedImage) -> np.ndarray:
    """Read a depth image, as ``rtseg_ros.spatial.depth`` does.

    Raises:
        FrameError: If it is none, or damaged.
    """
    if hasattr(message, 'format'):
        return depth_from_compressed(message.format, message.data)
    return depth_from_image(message)


def xyz_from_cloud(message: PointCloud2) -> np.ndarray:
    """Read the places of an organised cloud.

    Returns:
        (H, W, 3) float32.

    Raises:
        FrameError: If it is not organised, has no x, y, z of FLOAT32, or too few bytes.
    """
    height, width = message.height, message.width
    if height < 2 or width < 2:
        raise FrameError(
            f'the cloud is {width} x {height}, which is not organised: it needs a point for every '
            'pixel, in rows; take the one that the depth camera makes, before any filter'
        )
    offsets = {field.name: (field.offset, field.datatype) for field in message.fields}
    for name in ('x', 'y', 'z'):
        if offsets.get(name, (0, 0))[1] != _FLOAT32:
            raise FrameError(
                f"the cloud has no field '{name}' of FLOAT32; it has "
                f'{", ".join(offsets) or "none"}'
            )
    data = np.frombuffer(message.data, np.uint8)
    last = max(offsets[name][0] for name in ('x', 'y', 'z')) + 4
    if (
        message.point_step < last
        or message.row_step < message.point_step * width
        or data.size < message.row_step * height
    ):
        raise FrameError(
            f'the cloud of {width} x {height} points has a point_step of {message.point_step}, a '
            f'row_step of {message.row_step} and {data.size} bytes, which do not fit'
        )
    rows = data[: message.row_step * height].reshape(height, message.row_step)
    points = rows[:, : message.point_step * width].reshape(height, width, message.point_step)
    kind = '>f4' if message.is_bigendian else '<f4'
    result = np.empty((height, width, 3), np.float32)
    for axis, name in enumerate(('x', 'y', 'z')):
        start = offsets[name][0]
        result[..., axis] = np.ascontiguousarray(points[..., start : start + 4]).view(kind)[..., 0]
    return result


class CloudMessage:
    """One PointCloud2 whose bytes are written anew for each mask.

    Attributes:
        message: To be published, or read, before the next one is made.
        points: (h, w, 20) uint8, the bytes of the message.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        """Make room.

        Args:
            shape: Rows and columns of points.
        """
        height, width = shape
        self.message = PointCloud2(
            height=height,
            width=width,
            fields=[
                PointField(name=name, offset=offset, datatype=kind, count=1)
                for name, offset, kind in FIELDS
            ],
            is_bigendian=False,
            point_step=POINT_STEP,
            row_step=width * POINT_STEP,
            is_dense=False,
        )
        # Bytes would be checked one by one; some versions copy even an array.
        self.message.data = array('B', bytes(height * width * POINT_STEP))
        self.points = np.frombuffer(self.message.data, np.uint8).reshape(height, width, POINT_STEP)


def points_from_depth(
    depth: Image | CompressedImage,
    mask: Image,
    camera_info: CameraInfo,
    *,
    confidence: Image | None = None,
    image: Image | CompressedImage | None = None,
    palette_bgr: np.ndarray | None = None,
    options: PointOptions | None = None,
) -> PointCloud2:
    """Return what ``~/points`` carries, from the messages that it is made of, e.g. of a bag.

    The mask has the size of the image, as with ``output_size: source``; depth is aligned with it.

    Args:
        depth: Of the image's stamp.
        mask: Message of ``~/mask``.
        camera_info: Of the mask: ``~/camera_info``, or the camera's.
        confidence: Message of ``~/confidence``; without it 255 everywhere.
        image: For ``points_color: camera``.
        palette_bgr: (256, 3) uint8 colours by class, for ``points_color: class``.
        options: Which points are made.

    Raises:
        FrameError: If they do not belong together, or cannot be read.
        CalibrationError: If the camera is not calibrated.
    """
    if (image is None) == (palette_bgr is None):
        raise FrameError('the points take their colours of an image or of a palette; give one')
    labels = pixels_from_image(mask)
    size_hw = (labels.shape[0], labels.shape[1])
    camera = camera_model_from_info(camera_info_of_frame(camera_info, size_hw))
    maker = PointMaker(camera, options or PointOptions())
    cloud = CloudMessage(maker.shape)
    colors: Any = palette_bgr if image is None else frame_from_message(image)
    maker.from_depth(
        depth_from_message(depth),
        labels,
        confidence=None if confidence is None else pixels_from_image(confidence),
        colors_bgr=colors,
        out=cloud.points,
    )
    stamp, frame_id = mask.header.stamp, mask.header.frame_id
    cloud.message.header = Header(frame_id=frame_id)
    cloud.message.header.stamp.sec, cloud.message.header.stamp.nanosec = stamp.sec, stamp.nanosec
    return cloud.message
