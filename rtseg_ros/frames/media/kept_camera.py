# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera that is opened again after it was lost."""

from collections.abc import Callable, Iterator
import threading

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.footage import TimedFrame
from rtseg_ros.frames.media.live_capture import LiveCapture


class KeptCamera:
    """The frames of a camera, whatever becomes of its cable.

    Attributes:
        name: What to call it; no password stands in it.
        rate_hz: Nominal frames per second.
        connected: Whether it is open.
        lost: How often it was lost.
    """

    def __init__(self, source: str, *, retry_s: float, say: Callable[[str], object]) -> None:
        """Open it; it has to be there the first time.

        Args:
            source: As for ``LiveCapture``.
            retry_s: Seconds between attempts to open it again; 0 to end with the camera.
            say: Gets a sentence when it is lost and when it is back; from the iterating thread.

        Raises:
            FrameError: If it cannot be opened.
        """
        self._source, self._retry_s, self._say = source, retry_s, say
        self._capture = LiveCapture(source)
        self._closed = threading.Event()
        self._skipped_before = 0
        self.name, self.rate_hz = self._capture.name, self._capture.rate_hz
        self.connected, self.lost = True, 0

    @property
    def skipped(self) -> int:
        """Frames that came while the receiver was busy."""
        return self._skipped_before + self._capture.skipped

    def __iter__(self) -> Iterator[TimedFrame]:
        """Give frame after frame until it is closed; names and times begin anew with a camera."""
        while True:
            yield from self._capture
            self._capture.close()
            if self._closed.is_set():
                return
            self.connected = False
            self.lost += 1
            self._say('; '.join(self._capture.problems))
            if not self._retry_s or not self._opened_again():
                return
            self.connected = True
            self._say(f"'{self.name}' is back")

    def _opened_again(self) -> bool:
        """Open the camera as soon as it is there; False if it is closed meanwhile."""
        while not self._closed.wait(self._retry_s):
            try:
                capture = LiveCapture(self._source)
            except FrameError:
                continue
            self._skipped_before += self._capture.skipped
            self._capture = capture
            if self._closed.is_set():  # close() met the old one
                capture.close()
                return False
            return True
        return False

    def close(self) -> None:
        """Let the device go and end the iteration."""
        self._closed.set()
        self._capture.close()
