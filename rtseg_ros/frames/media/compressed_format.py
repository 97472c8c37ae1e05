# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the format of a CompressedImage says of the image that was compressed."""

from dataclasses import dataclass
import re
from typing import Any

from rtseg_ros.frames.image_header import is_grey

LOST = 'the images are grey although'  # how what lost_colour says begins
_COLOUR = re.compile(r'(bgr|rgb|bayer_|yuv|yuy|uyv|nv\d|i420|yv12|(8|16)uc[34])', re.IGNORECASE)
_BAYER = re.compile(r'bayer_(rggb|bggr|gbrg|grbg)', re.IGNORECASE)


@dataclass(frozen=True)
class CompressedFormat:
    """The parts of ``bgr8; jpeg compressed bgr8``, as image_transport writes it.

    Attributes:
        source: Encoding of the camera's image; empty where the format does not say, as ``jpeg``.
        target: Encoding that it was brought to before it was compressed; may be empty.
    """

    source: str
    target: str

    @property
    def mosaic(self) -> str:
        """Pattern of a Bayer mosaic that was compressed as it is, e.g. ``rggb``; else empty."""
        pattern = _BAYER.match(self.target or self.source)
        return pattern[1].lower() if pattern else ''


def parse_format(text: str) -> CompressedFormat:
    """Read a format; one of another kind has empty parts."""
    source, separator, rest = text.partition(';')
    _, compressed, target = rest.partition('compressed')
    if not separator or not compressed:
        return CompressedFormat('', '')
    return CompressedFormat(source.strip(), target.strip())


def lost_colour(text: str, data: Any) -> str:
    """Say that a camera's colours were thrown away by what compressed its images; else empty.

    Args:
        text: The format.
        data: Bytes of the JPEG or PNG, of any type; only looked at where the format asks for it.
    """
    parts = parse_format(text)
    if not _COLOUR.match(parts.source) or parts.mosaic or _COLOUR.match(parts.target):
        return ''
    if not is_grey(bytes(data)):
        return ''
    return (
        f"{LOST} the camera's are {parts.source}: compressing threw the "
        f"colours away (format '{text.strip()}'); publish bgr8 or rgb8 before image_transport, "
        'or subscribe to the raw images'
    )
