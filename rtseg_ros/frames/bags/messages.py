# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages as bags hold them: the types that are read and written, and their CDR bytes."""

from dataclasses import dataclass
import struct
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.packets import DEFINITION, PACKET
from rtseg_ros.frames.stamp import NS_PER_S

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
LABEL_INFO = 'vision_msgs/msg/LabelInfo'

# The messages of interest are the same from Humble to Kilted, so one set of definitions reads
# all bags, also those whose other topics have definitions that cannot be parsed.
TYPES = get_typestore(Stores.ROS2_HUMBLE)
TYPES.register(
    {
        **get_types_from_msg('uint16 class_id\nstring class_name', 'vision_msgs/msg/VisionClass'),
        **get_types_from_msg(
            'std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold',
            LABEL_INFO,
        ),
        **get_types_from_msg(DEFINITION, PACKET),
    }
)


@dataclass(frozen=True)
class RawMessage:
    """A message as it lies in the bag.

    Attributes:
        topic: Its topic.
        message_type: Its type.
        log_time_ns: When it was recorded.
        data: CDR bytes.
    """

    topic: str
    message_type: str
    log_time_ns: int
    data: bytes

    @property
    def stamp(self) -> tuple[int, int]:
        """Seconds and nanoseconds of the header that starts the message, as they stand.

        Raises:
            FrameError: If there are too few bytes for a stamp.
        """
        if len(self.data) < 12:
            raise FrameError(f'a message on {self.topic} has {len(self.data)} bytes: no header')
        return stamp_from_cdr(self.data)

    @property
    def stamp_ns(self) -> int:
        """Stamp of the header that starts the message.

        Raises:
            FrameError: If there are too few bytes for a stamp.
        """
        seconds, nanoseconds = self.stamp
        return seconds * NS_PER_S + nanoseconds

    def decode(self) -> Any:
        """Return the message as an object with the fields of its type.

        Raises:
            FrameError: If the bytes are not such a message.
        """
        try:
            return read_message(self.data, self.message_type)
        except Exception as error:  # the parser fails in many ways on damaged bytes
            raise FrameError(
                f'a message on {self.topic} is not a valid {self.message_type}: {error!r}'
            ) from error


def read_message(data: bytes, message_type: str) -> Any:
    """Return a serialized message as an object with the fields of its type."""
    return TYPES.deserialize_cdr(data, message_type)


def stamp_ns_from_cdr(data: bytes) -> int:
    """Return the stamp of a serialized message of at least 12 bytes that starts with a header."""
    seconds, nanoseconds = stamp_from_cdr(data)
    return seconds * NS_PER_S + nanoseconds


def stamp_from_cdr(data: bytes) -> tuple[int, int]:
    """Return seconds and nanoseconds of such a message as they stand."""
    order = '<' if data[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', data, 4)
    return int(seconds), int(nanoseconds)
