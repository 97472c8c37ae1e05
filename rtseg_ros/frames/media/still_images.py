# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""An image or a folder of them, upright as viewers show them."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.datasets.dataset import IMAGE_SUFFIXES
from rtseg_ros.frames.media.footage import FOLDER_RATE_HZ, TimedFrame

# Cameras of 10, 12 and 14 bits leave the upper bits empty: taken as 16 bits, they look black.
_DARK_BELOW = 2**14


class StillImages:
    """The images of a file or folder, in the order of their names; see ``Footage``."""

    def __init__(
        self, path: Path, *, recursive: bool = False, leave_out: Path | None = None
    ) -> None:
        """Find them.

        Args:
            path: Image file or folder.
            recursive: Look into folders below, too; hidden ones never.
            leave_out: Folder that is not looked into.
        """
        self.kind = 'folder' if path.is_dir() else 'image'
        self.name = str(path)
        self.rate_hz = FOLDER_RATE_HZ
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._root = path if path.is_dir() else path.parent
        self.paths = _images(path, recursive, leave_out) if path.is_dir() else [path]
        self.total = len(self.paths)

    def __iter__(self) -> Iterator[TimedFrame]:
        """Read the images one after the other."""
        for index, path in enumerate(self.paths):
            try:
                frame, note = read_image(path)
            except FrameError as error:
                self.problems.append(str(error))
                continue
            if note:
                self.notes.append(note)
            name = str(path.relative_to(self._root))
            yield TimedFrame(name, index / self.rate_hz, frame)

    def close(self) -> None:
        """Nothing stays open."""


def read_image(path: Path) -> tuple[np.ndarray, str]:
    """Read an image upright, as its EXIF orientation says.

    Returns:
        (H, W, 3) uint8 BGR, and what a user should know of it (mostly nothing).

    Raises:
        FrameError: If it is none that OpenCV can read.
    """
    data = path.read_bytes()
    pixels = None
    if data:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:  # a size beyond OpenCV's limit, among others
            pixels = None
    if pixels is None:
        raise FrameError(f"'{path}' is not a readable image{_why(data)}")
    if pixels.dtype == np.uint8:
        return pixels, ''
    if pixels.dtype != np.uint16:
        raise FrameError(
            f"'{path}' has pixels of {pixels.dtype}; save it with 8 or 16 bits per channel"
        )
    brightest = int(pixels.max())
    note = ''
    if brightest < _DARK_BELOW:
        note = (
            f"'{path}' has 16 bits and is dark: its brightest value is {brightest} of 65535. "
            'If the camera has fewer bits, scale the values up to 65535 or save 8 bits'
        )
    return np.right_shift(pixels, 8, dtype=np.uint16).astype(np.uint8), note


def _why(data: bytes) -> str:
    if not data:
        return ': the file is empty'
    if data[4:12] in (b'ftypheic', b'ftypheix', b'ftypmif1', b'ftypmsf1'):
        return ': it is HEIC, the format of phones; save it as JPEG or PNG'
    return ''


def _images(folder: Path, recursive: bool, leave_out: Path | None) -> list[Path]:
    found = folder.rglob('*') if recursive else folder.iterdir()
    away = None if leave_out is None else leave_out.resolve()
    return sorted(
        path
        for path in found
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not any(part.startswith('.') for part in path.relative_to(folder).parts)
        and (away is None or away not in path.resolve().parents)
        and path.is_file()
    )
