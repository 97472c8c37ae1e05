"""Overlay videos on disk."""

from pathlib import Path

import cv2
import numpy as np

GIF_FRAMES = 150
GIF_WIDTH = 400


class OverlayVideo:
    """Writes overlays as they come, at the camera's pace; a missed frame repeats the last one.

    ``overlay.mp4``, or ``overlay.gif`` (the first 150 frames) where OpenCV has no encoder.
    """

    def __init__(self, folder: Path, *, rate_hz: float) -> None:
        self._folder = folder
        self._rate_hz = rate_hz
        self._writer: cv2.VideoWriter | None = None
        self._gif_frames: list[np.ndarray] = []
        self._path = folder / 'overlay.mp4'
        self._partial = folder / 'overlay.partial.mp4'
        self._first_ns = 0
        self._written = 0
        self._last: np.ndarray | None = None

    def add(self, overlay: np.ndarray, stamp_ns: int) -> None:
        """Append (H, W, 3) uint8 BGR, taken at stamp_ns."""
        if self._last is None:
            self._open(overlay)
            self._first_ns = stamp_ns
        position = round((stamp_ns - self._first_ns) / 1e9 * self._rate_hz)
        while self._last is not None and self._written < position:
            self._write(self._last)
        self._write(overlay)
        self._last = overlay

    def close(self) -> Path:
        """Finish the file and return its path."""
        if self._writer is not None:
            self._writer.release()
            self._partial.replace(self._path)
        elif self._gif_frames:
            from PIL import Image

            self._path = self._folder / 'overlay.gif'
            first, *others = [Image.fromarray(frame[:, :, ::-1]) for frame in self._gif_frames]
            first.save(
                self._path, save_all=True, append_images=others, loop=0,
                duration=1000 / self._rate_hz,
            )  # fmt: skip
        return self._path

    def _open(self, overlay: np.ndarray) -> None:
        size = overlay.shape[1], overlay.shape[0]
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self._partial), code, self._rate_hz, size)
        self._writer = writer if writer.isOpened() else None

    def _write(self, overlay: np.ndarray) -> None:
        self._written += 1
        if self._writer is not None:
            self._writer.write(overlay)
        elif len(self._gif_frames) < GIF_FRAMES:
            height, width = overlay.shape[:2]
            size = GIF_WIDTH, round(GIF_WIDTH * height / width)
            self._gif_frames.append(cv2.resize(overlay, size, interpolation=cv2.INTER_AREA))
