# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A webcam or a network stream: always its newest frame."""

from collections.abc import Iterator
import os
from pathlib import Path
import threading
import time
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.footage import UNKNOWN_RATE_HZ, TimedFrame

_PATIENCE_S = 10.0  # without a frame


class LiveCapture:
    """Frames of a camera, read by a thread so that none grows old; see ``Footage``.

    Attributes:
        skipped: Frames that came while the receiver was busy.
    """

    def __init__(self, source: str) -> None:
        """Open it.

        Args:
            source: Number of a webcam, its device file, or a URL.

        Raises:
            FrameError: If OpenCV cannot.
        """
        self.kind = 'live'
        self.name = without_password(source)
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.total = 0
        self.skipped = 0
        self._capture = cv2.VideoCapture(_device(source))
        if not self._capture.isOpened():
            raise FrameError(_cannot_open(source, self.name))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate_hz = rate_hz if 0 < rate_hz <= 240 else UNKNOWN_RATE_HZ
        self._news = threading.Condition()
        self._newest: tuple[np.ndarray, float] | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name='camera', daemon=True)

    def __iter__(self) -> Iterator[TimedFrame]:
        """Wait for one frame after the other, until the camera ends."""
        self._thread.start()
        count, first_s = 0, 0.0
        while True:
            with self._news:
                came = self._news.wait_for(
                    lambda: self._newest is not None or self._ended, timeout=_PATIENCE_S
                )
                if self._newest is None:
                    what = 'ended' if came else f'has given no frame for {_PATIENCE_S:.0f} s'
                    self.problems.append(f"'{self.name}' {what} after {count} frames")
                    return
                (frame, taken_s), self._newest = self._newest, None
            first_s = first_s if count else taken_s
            yield TimedFrame(f'{count:06}', taken_s - first_s, frame)
            count += 1

    def close(self) -> None:
        """Let the device go."""
        with self._news:
            self._ended = True
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        self._capture.release()

    def _read(self) -> None:
        while not self._ended:
            there, frame = self._capture.read()
            with self._news:
                if there:
                    self.skipped += self._newest is not None
                    self._newest = frame, time.monotonic()
                else:
                    self._ended = True
                self._news.notify_all()


def is_live(source: str) -> bool:
    """Whether a source is a webcam or a stream rather than a file."""
    if source.isdecimal() and not Path(source).exists():
        return True
    return source.startswith(('/dev/video', '/dev/v4l/')) or '://' in source


def _device(source: str) -> int | str:
    """Return what OpenCV opens: it knows device files by their own name, not by their links."""
    if source.isdecimal():
        return int(source)
    return os.path.realpath(source) if source.startswith('/dev/') else source


def without_password(source: str) -> str:
    """Return a URL without its user and password; anything else as it is."""
    if '://' not in source:
        return source
    parts = urlsplit(source)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2]))


def _cannot_open(source: str, name: str) -> str:
    if '://' in source:
        return f"the stream '{name}' cannot be opened; check address, user and password"
    there = ', '.join(str(path) for path in sorted(Path('/dev').glob('video*'))) or 'none'
    return (
        f"the camera '{name}' cannot be opened; cameras on this machine: {there}. It may be used "
        'by another program, or this user may not read it (sudo usermod -aG video $USER)'
    )
