# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a user may want to do otherwise, seen from frame and model."""

from rtseg_ros.runtime import Segmenter

_STRETCH = 1.5  # from here on people and poles do not look as in training


def stretch_hint(segmenter: Segmenter, size_hw: tuple[int, int]) -> str:
    """Say when frames are pulled far out of shape for the network; empty if they are not."""
    if segmenter.geometry.resize != 'stretch' or segmenter.geometry.roi is not None:
        return ''
    height, width = size_hw
    if segmenter.geometry.rotation in (90, 270):
        height, width = width, height
    network_height, network_width = segmenter.engine.model.size_hw
    pulled = (width / height) / (network_width / network_height)
    if 1 / _STRETCH < pulled < _STRETCH:
        return ''
    return (
        f'frames of {width}x{height} are stretched to the {network_width}x{network_height} of the '
        'model, far out of shape; try --resize letterbox (all of it) or --resize crop (its middle)'
    )
