# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ground truth from label images: one rule for bags and for running graphs."""

from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.image_message import (
    compressed_pixels,
    frame_from_compressed,
    frame_from_image,
    pixels_from_image,
)
from rtseg_ros.labels import UNLABELLED, LabelSet

# An id that no class has: it is counted as none, never wrapped or scaled.
UNKNOWN = 254
# How label images are encoded, and the type of a pixel.
ENCODINGS = {
    'mono8': 'u1', '8UC1': 'u1', 'mono16': 'u2', '16UC1': 'u2', '16SC1': 'i2', '32SC1': 'i4',
}  # fmt: skip
_PNG = b'\x89PNG\r\n\x1a\n'


def labels_from_message(
    message: Any, *, compressed: bool, palette: LabelSet | None = None
) -> np.ndarray:
    """Return the class ids of an Image or CompressedImage.

    Args:
        message: Image in one of ``ENCODINGS``, or PNG of these.
        compressed: Whether it is a CompressedImage.
        palette: Read colours as the classes of this label set; colour images only.

    Returns:
        (H, W) uint8: 0 to 253, UNLABELLED, or UNKNOWN for all other ids.

    Raises:
        FrameError: If it is not such an image.
    """
    if palette is not None:
        if compressed:
            _check_png(message)
            return labels_from_colors(frame_from_compressed(message), palette)
        return labels_from_colors(frame_from_image(message), palette)
    if compressed:
        _check_png(message)
        return labels_from_ids(compressed_pixels(message))
    return _ids_from_image(message)


def labels_from_ids(ids: np.ndarray) -> np.ndarray:
    """Return ids of any integer type as uint8; those that no class can have become UNKNOWN.

    Raises:
        FrameError: If they are not one channel of 8, 16 or 32 bits.
    """
    if ids.ndim != 2 or ids.dtype.kind not in 'iu':
        raise FrameError(
            f'ground truth is a colour image ({ids.dtype} {ids.shape}); expected one channel of '
            'class ids, or the label set its colours belong to (--labels-colors)'
        )
    if ids.dtype == np.uint8:
        return ids
    known = (ids >= 0) & ((ids < UNKNOWN) | (ids == UNLABELLED))
    return np.where(known, ids, UNKNOWN).astype(np.uint8)


def labels_from_colors(frame: np.ndarray, palette: LabelSet) -> np.ndarray:
    """Return the classes whose colours (H, W, 3) BGR pixels have; others become UNKNOWN."""
    packed = frame.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    labels = np.full(packed.shape, UNKNOWN, np.uint8)
    for number, (red, green, blue) in reversed(list(enumerate(palette.colors))):
        labels[packed == (red << 16 | green << 8 | blue)] = number
    return labels


def _ids_from_image(message: Any) -> np.ndarray:
    kind = ENCODINGS.get(message.encoding)
    if kind is None:
        raise FrameError(
            f"ground truth has encoding '{message.encoding}'; accepted: {', '.join(ENCODINGS)}, "
            'or with --labels-colors a colour image in the colours of the label set'
        )
    return labels_from_ids(pixels_from_image(message, layout=(1, np.dtype(kind))))


def _check_png(message: Any) -> None:
    data = bytes(memoryview(message.data)[: len(_PNG)])
    if data != _PNG:
        raise FrameError(
            f"compressed labels have format '{message.format}' and start with {data!r}; only "
            'PNG keeps class ids (JPEG changes them)'
        )


def png_from_labels(labels: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8 labels as PNG bytes, (N,) uint8: small and fast for flat regions."""
    # Run-length coding of flat regions: as small as higher levels, several times faster.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, 3]
    done, data = cv2.imencode('.png', labels, options)
    assert done
    return data.ravel()
