# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags with the packets of a video stream, as ffmpeg_image_transport records them."""

from fractions import Fraction

import av
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from rtseg_ros.frames.media.packets import DEFINITION, PACKET

TOPIC = '/cam/image_raw/ffmpeg'
ZERO_LATENCY = {'tune': 'zerolatency', 'preset': 'ultrafast', 'crf': '1'}


def packets_of(frames, codec='libx264', options=None):
    """Encode (H, W, 3) uint8 BGR frames; returns (bytes, is a key frame) of each packet."""
    encoder = av.CodecContext.create(codec, 'w')
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt, encoder.framerate, encoder.gop_size = 'yuv420p', 10, 5
    encoder.time_base = Fraction(1, 10)
    encoder.options = ZERO_LATENCY if options is None else options
    found = []
    for number, frame in enumerate([*map(_picture, frames), None]):
        if frame is not None:
            frame.pts = number
        found += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    return found


def _picture(frame):
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='bgr24')


def write_packet_bag(path, packets, *, encoding='h264;yuv420p;bgr8;bgr8', size_hw=(48, 64)):
    """Write packets 100 ms apart, the first at 1 s."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(DEFINITION, PACKET))
    kinds = store.types
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as bag:
        topic = bag.add_connection(TOPIC, PACKET, typestore=store)
        for number, (data, key) in enumerate(packets):
            stamp_ns = 10**9 + number * 10**8
            stamp = kinds['builtin_interfaces/msg/Time'](
                sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
            )
            message = kinds[PACKET](
                header=kinds['std_msgs/msg/Header'](stamp=stamp, frame_id='cam'),
                height=size_hw[0], width=size_hw[1], encoding=encoding, pts=number,
                flags=int(key), is_bigendian=False, data=np.frombuffer(data, np.uint8),
            )  # fmt: skip
            bag.write(topic, stamp_ns, store.serialize_cdr(message, PACKET))
