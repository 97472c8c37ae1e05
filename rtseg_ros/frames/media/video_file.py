# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A video file: every frame that can be decoded, upright and at its own time."""

from collections.abc import Iterator
from pathlib import Path

import cv2

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.footage import UNKNOWN_RATE_HZ, TimedFrame

# Containers that store how many frames they hold; others are asked for their length.
_COUNTED = ('.mp4', '.m4v', '.mov', '.3gp', '.avi')


class VideoFile:
    """The frames of a video; see ``Footage``."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            FrameError: If OpenCV cannot.
        """
        self.kind = 'video'
        self.name = path
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._capture = cv2.VideoCapture(path)  # turns the frames upright by itself
        if not self._capture.isOpened():
            raise FrameError(
                f"'{path}' is neither a folder, nor an image or a video that OpenCV can open; "
                'a video that was cut while it was recorded may lack its index'
            )
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate_hz = rate_hz if 0 < rate_hz <= 1000 else UNKNOWN_RATE_HZ
        self.total = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        self.notes += _sound(path)

    def __iter__(self) -> Iterator[TimedFrame]:
        """Decode to the end, then say what was missing."""
        count, first_ms, time_s = 0, 0.0, -1 / self.rate_hz
        while True:
            there, frame = self._capture.read()
            if not there:
                break
            now_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            if not count:
                first_ms = now_ms
            before_s, time_s = time_s, (now_ms - first_ms) / 1e3
            if count and time_s <= before_s:  # a container without times, or a damaged one
                time_s = before_s + 1 / self.rate_hz
            yield TimedFrame(f'{count:06}', time_s, frame)
            count += 1
        self._say_what_is_missing(count, time_s)
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _say_what_is_missing(self, count: int, last_s: float) -> None:
        missing = self.total - count
        if missing <= max(1, self.total // 50):
            return
        ends_early = last_s + 2 / self.rate_hz < 0.98 * self.total / self.rate_hz
        if ends_early:
            self.problems.append(
                f"'{self.name}' announces {self.total} frames, but ends after {count}: the file "
                'is cut or damaged'
            )
        elif Path(self.name).suffix.lower() in _COUNTED:
            self.problems.append(
                f"'{self.name}' announces {self.total} frames, {missing} of which cannot be "
                'decoded: the file is damaged'
            )


def _sound(path: str) -> list[str]:
    """Say what becomes of the sound; only PyAV knows whether there is any."""
    try:
        import av
    except ImportError:
        return []
    try:
        with av.open(path) as container:
            return ['its sound is left out'] if container.streams.audio else []
    except (av.FFmpegError, OSError):
        return []
