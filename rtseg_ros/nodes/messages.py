"""Between sensor_msgs/Image and arrays, without touching single bytes in Python."""

from array import array

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.image_message import frame_from_image, pixels_from_image

__all__ = ['frame_from_image', 'image_from_array', 'pixels_from_image']


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
