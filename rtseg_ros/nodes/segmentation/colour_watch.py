"""Remembers that a camera's images lost their colours on the way."""

import time

from sensor_msgs.msg import CompressedImage

from rtseg_ros.frames.media.compressed_format import lost_colour

LASTS_S = 5.0  # so long after the last grey image is it still said


class ColourWatch:
    """Written by the thread that decodes, read by the one that reports."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen = ('', float('-inf'))

    def note(self, message: object) -> None:
        """Take an image that was decoded; only compressed ones can have lost anything."""
        if isinstance(message, CompressedImage):
            text = lost_colour(message.format, message.data)
            if text:
                self._seen = (text, time.monotonic())

    def remark(self) -> str:
        """Say what was lost in the last seconds; empty if nothing was."""
        text, moment_s = self._seen
        return text if time.monotonic() - moment_s < LASTS_S else ''
