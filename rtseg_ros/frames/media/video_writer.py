# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Videos on disk: the best that is installed, whole or not at all."""

from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import SettingError
from rtseg_ros.frames.media.codecs import PYAV, SUFFIXES
from rtseg_ros.frames.media.encoders import (
    Encoder,
    GifEncoder,
    OpenCvEncoder,
    PyAvEncoder,
    encoder_name,
)
from rtseg_ros.output_files import waiting_path


class VideoWriter:
    """Writes pictures at their times.

    Attributes:
        path: What is being written; a fallback has another suffix than was asked for.
        written: Pictures so far.
        fallback: What is written in place of what browsers play, and why; empty if they do.
    """

    def __init__(self, path: Path, *, rate_hz: float, codec: str = 'auto') -> None:
        """Choose the codec; the file begins with the first picture.

        Args:
            path: Ends with .mp4 or .webm.
            rate_hz: Nominal frames per second.
            codec: One of CODEC_CHOICES; auto is what the suffix stands for, or else the best that
                OpenCV can write.

        Raises:
            SettingError: If a codec that was asked for is not there or does not fit the suffix.
        """
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise SettingError(f"'{path}': videos are written as {' or '.join(SUFFIXES)}")
        if suffix == '.webm' and codec == 'h264':
            raise SettingError(f"'{path}': a .webm holds vp9 or av1; name it .mp4 for h264")
        self.path = path
        self.written = 0
        self.fallback = ''
        self._codec = SUFFIXES[suffix] if codec == 'auto' else codec
        self._rate_hz = rate_hz
        self._encoder: Encoder | None = None
        self._waiting = waiting_path(path)
        self._size_hw = (0, 0)
        self._first_s = 0.0
        if not encoder_name(self._codec) and (codec != 'auto' or suffix == '.webm'):
            raise SettingError(
                f"no encoder for {self._codec} is installed, so '{path}' cannot be written; {PYAV}"
            )

    def add(self, picture: np.ndarray, time_s: float) -> None:
        """Append (H, W, 3) uint8 BGR, shown from time_s on; the video begins with the first.

        A picture of another size than the first one is resized to it.
        """
        if self._encoder is None:
            self._size_hw = picture.shape[0], picture.shape[1]
            self._encoder = self._open()
            self._first_s = time_s
        if picture.shape[:2] != self._size_hw:
            picture = cv2.resize(
                picture, (self._size_hw[1], self._size_hw[0]), interpolation=cv2.INTER_AREA
            )
        self._encoder.write(picture, time_s - self._first_s)
        self.written += 1

    def close(self) -> Path | None:
        """Finish the file and return its path; None if no picture came."""
        if self._encoder is None:
            return None
        self._encoder.close()
        self._waiting.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing on disk, after an error."""
        self._encoder = None
        self._waiting.unlink(missing_ok=True)

    def _open(self) -> Encoder:
        if encoder_name(self._codec):
            return PyAvEncoder(
                self._waiting, codec=self._codec, rate_hz=self._rate_hz, size_hw=self._size_hw
            )
        encoder = OpenCvEncoder(self._waiting, rate_hz=self._rate_hz, size_hw=self._size_hw)
        if encoder.works:
            self.fallback = (
                f'{self.path.name} is MPEG-4 part 2, which players show and browsers do not; '
                f'for H.264: {PYAV}'
            )
            return encoder
        self.path = self.path.with_suffix('.gif')
        self._waiting = waiting_path(self.path)
        self.fallback = (
            f'{self.path.name} is a small GIF of the first frames, because this OpenCV writes no '
            f'video; for H.264: {PYAV}'
        )
        return GifEncoder(self._waiting, rate_hz=self._rate_hz)
