# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arrays in, arrays out: from a frame to labels, without ROS and without torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtseg_ros.runtime.segmenter import Segmentation, Segmenter, load_segmenter

__all__ = ['Segmentation', 'Segmenter', 'load_segmenter']


def __getattr__(name: str) -> Any:
    """Import the segmenter when it is asked for: options of engines are read without OpenCV."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from rtseg_ros.runtime import segmenter

    return getattr(segmenter, name)
