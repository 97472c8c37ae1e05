# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Remembers that a camera's images lost their colours on the way."""

import time

from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.frames.image_message import guessed_order, names_no_order
from rtseg_ros.frames.media.compressed_format import lost_colour

LASTS_S = 5.0  # so long after the last grey image is it still said


class ColourWatch:
    """Written by the thread that decodes, read by the one that reports."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen = ('', float('-inf'))
        self._guessed = ''  # the latest encoding that was told

    def note(self, message: object, *, generic_order: str) -> str:
        """Take an image that was decoded; only compressed ones can have lost anything.

        Returns:
            What was guessed of its colours, where that was not told yet.
        """
        if isinstance(message, CompressedImage):
            text = lost_colour(message.format, message.data)
            if text:
                self._seen = (text, time.monotonic())
        elif isinstance(message, Image) and message.encoding != self._guessed:
            self._guessed = message.encoding
            if names_no_order(message.encoding):
                return guessed_order(message.encoding, generic_order)
        return ''

    def remark(self) -> str:
        """Say what was lost in the last seconds; empty if nothing was."""
        text, moment_s = self._seen
        return text if time.monotonic() - moment_s < LASTS_S else ''
