# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a camera frame to what a network was trained on: resized, mean subtracted, scaled.

A model that takes uint8 subtracts the mean itself: conversion/passes/ends.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import ModelFileError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """How a frame becomes network input: ``(x - mean) / std * scale`` on 0..255 values.

    Attributes:
        size_hw: Height and width in pixels that the network runs at.
        channel_order: ``rgb`` or ``bgr``; mean and std are in this order.
        mean: Subtracted from each channel, 0..255.
        std: Divides each channel, 0..255.
        scale: Multiplies the result.
    """

    size_hw: tuple[int, int]
    channel_order: str
    mean: Triple
    std: Triple
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant.

        Raises:
            ModelFileError: Naming the field.
        """
        if self.channel_order not in ('rgb', 'bgr'):
            raise ModelFileError(f"channel_order is {self.channel_order!r}; 'rgb' or 'bgr'")
        if len(self.size_hw) != 2 or min(self.size_hw) < 1:
            raise ModelFileError(f'size_hw is {self.size_hw}; (height, width) in pixels')
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ModelFileError(f'mean {self.mean}, std {self.std}: three values, std above 0')

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for metadata and checkpoints."""
        return asdict(self)


# torchvision's ImageNet statistics on 0..255.
IMAGENET_MEAN_RGB: Triple = (123.675, 116.28, 103.53)
IMAGENET_STD_RGB: Triple = (58.395, 57.12, 57.375)


def preprocessing_from_dict(data: Mapping[str, Any]) -> Preprocessing:
    """Rebuild from ``Preprocessing.to_dict()``.

    Raises:
        ModelFileError: If a field is missing or wrong.
    """
    try:
        return Preprocessing(
            size_hw=(int(data['size_hw'][0]), int(data['size_hw'][1])),
            channel_order=str(data['channel_order']),
            mean=_triple(data['mean']),
            std=_triple(data['std']),
            scale=float(data['scale']),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelFileError(f'preprocessing {data!r} is not usable: {error!r}') from error


def _triple(values: Any) -> Triple:
    first, second, third = (float(value) for value in values)
    return first, second, third


def image_from_frame(frame: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resize and normalise one frame for a network that takes floats.

    Args:
        frame: (H, W, 3) uint8 BGR.
        preprocessing: What the network was trained with.

    Returns:
        (1, 3, h, w) float32, newly allocated, C-contiguous.
    """
    resized = resized_frame(frame, preprocessing.size_hw)
    if preprocessing.channel_order == 'rgb':
        resized = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
    factor, offset = factor_and_offset(preprocessing)
    image = np.empty((1, 3, *preprocessing.size_hw), np.float32)
    for channel in range(3):
        np.multiply(resized[:, :, channel], factor[channel], out=image[0, channel])
        image[0, channel] += offset[channel]
    return image


def factor_and_offset(preprocessing: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Return the normalisation as ``x * factor + offset``, (3,) float32 in the channel order.

    An exported graph uses the same two numbers, so both give the same bits.
    """
    factor = preprocessing.scale / np.array(preprocessing.std, np.float64)
    offset = -np.array(preprocessing.mean, np.float64) * factor
    return factor.astype(np.float32), offset.astype(np.float32)


def resized_frame(frame: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to size_hw; area averaging when shrinking. No copy if it fits."""
    if frame.shape[:2] == size_hw:
        return frame
    height, width = size_hw
    shrinks = frame.shape[0] > height and frame.shape[1] > width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, (width, height), interpolation=method)


def border_color(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """Return the BGR colour that is closest to the training data's mean, for padding."""
    values = (
        preprocessing.mean if preprocessing.channel_order == 'bgr' else preprocessing.mean[::-1]
    )
    blue, green, red = (min(max(round(value), 0), 255) for value in values)
    return blue, green, red
