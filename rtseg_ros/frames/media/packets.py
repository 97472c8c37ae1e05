# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Packets of a video stream, as ffmpeg_image_transport publishes them, decoded by PyAV."""

import re
from typing import Any

import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.codecs import PYAV

PACKET = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
DEFINITION = """std_msgs/Header header
int32 width
int32 height
string encoding
uint64 pts
uint8 flags
bool is_bigendian
uint8[] data
"""
# What encoders and codecs are called by drivers, and PyAV's name for what decodes them.
_DECODERS = {
    r'264|avc': 'h264', r'265|hevc': 'hevc', 'av1': 'libdav1d', 'vp8': 'vp8', 'vp9': 'vp9',
    'mjpe?g': 'mjpeg', 'mpeg4|xvid': 'mpeg4', 'ffv1': 'ffv1',
}  # fmt: skip


class PacketDecoder:
    """Decodes one stream; takes every packet, in the order in which they were sent."""

    def __init__(self) -> None:
        """Open nothing; the first packet says which codec it is."""
        self._name = ''
        self._context: Any = None
        self._count = 0

    def frame(self, message: Any) -> np.ndarray:
        """Return the picture of a packet, (H, W, 3) uint8 BGR.

        Args:
            message: With the fields of an FFMPEGPacket.

        Raises:
            FrameError: If PyAV is not installed, the codec is not known, or the packet cannot be
                decoded, as one without the key frame before it.
        """
        name = decoder_name(message.encoding)
        try:
            import av
        except ImportError as error:
            raise FrameError(
                f'a packet of a {name} stream (ffmpeg_image_transport); PyAV decodes it: {PYAV}'
            ) from error
        if name != self._name:
            self._name, self._context = name, _open(av, name)
        packet = av.Packet(bytes(message.data))
        self._count += 1
        packet.pts = self._count
        try:
            pictures = self._context.decode(packet)
        except av.FFmpegError as error:
            raise FrameError(
                f'a packet of {len(message.data)} bytes of the {name} stream cannot be decoded: '
                f'{error}; it is damaged, or the key frame before it is missing'
            ) from error
        for picture in pictures:
            if picture.pts == self._count and not picture.is_corrupt:
                return np.ascontiguousarray(picture.to_ndarray(format='bgr24'))
        raise FrameError(
            f'a packet of the {name} stream gives no picture yet: the key frame before it is '
            'missing, or the encoder reorders pictures (tune zerolatency, no B-frames)'
        )


def decoder_name(encoding: str) -> str:
    """Return PyAV's decoder for an encoding, e.g. of ``hevc;yuv420p;bgr8;bgr8`` or ``libx264``.

    Raises:
        FrameError: If no codec is known by that name.
    """
    codec = encoding.partition(';')[0].strip().lower()
    for pattern, name in _DECODERS.items():
        if re.search(pattern, codec):
            return name
    raise FrameError(
        f"a packet of ffmpeg_image_transport with encoding '{encoding}', whose codec is not "
        'known; accepted: h264, hevc, av1, vp8, vp9, mjpeg, mpeg4, ffv1'
    )


def _open(av: Any, name: str) -> Any:
    try:
        context = av.CodecContext.create(name, 'r')
    except av.FFmpegError as error:
        raise FrameError(f'PyAV has no decoder {name}: {error}') from error
    # More threads would hold as many pictures back.
    context.thread_count = 1
    context.options = {'flags': 'low_delay'}
    return context
