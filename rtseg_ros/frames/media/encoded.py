# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pictures as the bytes of image files; label images have ``frames/label_image.py``."""

from collections.abc import Sequence

import cv2
import numpy as np


def encoded(suffix: str, pixels: np.ndarray, options: Sequence[int] = ()) -> bytes:
    """Return the content of an image file.

    Args:
        suffix: Of the file, with the dot; says the format.
        pixels: (H, W) or (H, W, 3) uint8, BGR.
        options: Of ``cv2.imencode``, key and value in turns.
    """
    done, data = cv2.imencode(suffix, pixels, options)
    assert done
    return data.tobytes()
