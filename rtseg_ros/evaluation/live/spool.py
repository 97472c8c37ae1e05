# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Masks that wait on disk to be scored, so that scoring does not slow down what is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import struct

import cv2
import numpy as np

from rtseg_ros.frames.label_image import png_from_labels

_LENGTHS = struct.Struct('<4I')


@dataclass(frozen=True)
class Spooled:
    """What became of one frame.

    Attributes:
        name: Of the frame.
        time_s: When it was sent, from the first.
        latency_ms: Until its mask arrived; None if none came.
        continues: Whether it follows the frame before without a gap.
        frame: JPEG bytes for the report, may be empty.
        mask: (H, W) uint8; None without a mask.
        truth: (H, W) uint8; None without ground truth.
    """

    name: str
    time_s: float
    latency_ms: float | None
    continues: bool
    frame: bytes = b''
    mask: np.ndarray | None = None
    truth: np.ndarray | None = None


class Spool:
    """A file of frames in order; label images are kept as PNG. Leaving the context deletes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open('wb')
        self.count = 0

    def __enter__(self) -> 'Spool':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def add(self, item: Spooled) -> None:
        """Append a frame."""
        facts = {
            'name': item.name,
            'time_s': item.time_s,
            'latency_ms': item.latency_ms,
            'continues': item.continues,
        }
        parts = (json.dumps(facts).encode(), item.frame, _png(item.mask), _png(item.truth))
        self._file.write(_LENGTHS.pack(*(len(part) for part in parts)))
        for part in parts:
            self._file.write(part)
        self.count += 1

    def close(self) -> None:
        """Finish writing."""
        self._file.close()

    def __iter__(self) -> Iterator[Spooled]:
        """Read the frames back; call close first."""
        with self._path.open('rb') as file:
            while header := file.read(_LENGTHS.size):
                facts, frame, mask, truth = (
                    file.read(length) for length in _LENGTHS.unpack(header)
                )
                yield Spooled(
                    **json.loads(facts), frame=frame, mask=_labels(mask), truth=_labels(truth)
                )


def _png(labels: np.ndarray | None) -> bytes:
    if labels is None:
        return b''
    return png_from_labels(labels).tobytes()


def _labels(data: bytes) -> np.ndarray | None:
    if not data:
        return None
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
