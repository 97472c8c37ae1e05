# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads the size of a JPEG or PNG before it is decoded, and sees whether its end is there.

Decoders fill what is missing with grey and report success; a mask of that would be wrong.
"""

from collections.abc import Iterator
import struct

from rtseg_ros.errors import FrameError

_PNG = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND\xaeB`\x82'
_PNG_GREY = (0, 4)  # colour types: grey, grey with alpha
_JPEG = b'\xff\xd8'
_JPEG_END = b'\xff\xd9'
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def compressed_size_hw(data: bytes) -> tuple[int, int]:
    """Return the height and width that the header of a JPEG or PNG claims.

    Raises:
        FrameError: If it is neither, or ends too early.
    """
    if data.startswith(_PNG):
        if len(data) < 24 or data.rfind(_PNG_END) < 0:
            raise FrameError(f'the PNG of {len(data)} bytes is cut off; its end is missing')
        width, height = struct.unpack('>II', data[16:24])
        return height, width
    if data.startswith(_JPEG):
        return _jpeg_size_hw(data)
    raise FrameError(
        f'compressed image of {len(data)} bytes starts with {data[:8]!r}; accepted: JPEG and PNG'
    )


def is_grey(data: bytes) -> bool:
    """Return whether the header of a JPEG or PNG says one channel of brightness."""
    if data.startswith(_PNG):
        return len(data) > 25 and data[25] in _PNG_GREY
    for marker, position in _jpeg_segments(data):
        if marker in _FRAME_MARKERS and position + 9 < len(data):
            return data[position + 9] == 1  # number of components
    return False


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the segments that have a length, up to the scan: marker, and where it stands."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
            continue
        if marker in _ALONE:
            position += 2
            continue
        yield marker, position
        if marker == _SCAN:
            return
        (length,) = struct.unpack_from('>H', data, position + 2)
        position += 2 + length


def _jpeg_size_hw(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    for marker, position in _jpeg_segments(data):
        if marker in _FRAME_MARKERS and position + 9 <= len(data):
            height, width = struct.unpack_from('>HH', data, position + 5)
            size = height, width
        # In the scan every FF byte is followed by 00 or a restart, so this is the real end.
        if marker == _SCAN and size is not None and data.find(_JPEG_END, position) >= 0:
            return size
    raise FrameError(f'the JPEG of {len(data)} bytes is cut off or broken; its end is missing')
