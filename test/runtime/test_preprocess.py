# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Normalisation worked out by hand."""

import numpy as np
import pytest

from rtseg_ros.errors import ModelFileError
from rtseg_ros.runtime.preprocess import (
    Preprocessing,
    border_color,
    image_from_frame,
    preprocessing_from_dict,
)


def test_order_mean_std_and_scale():
    """Blue 10, green 20, red 30 in RGB order: ((30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8) / 2."""
    preprocessing = Preprocessing((1, 1), 'rgb', (1, 2, 3), (2, 4, 8), scale=0.5)
    image = image_from_frame(np.array([[[10, 20, 30]]], np.uint8), preprocessing)
    assert image.shape == (1, 3, 1, 1)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image.ravel(), [7.25, 2.25, 0.4375], rtol=1e-6)


def test_shrinking_averages():
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, 0] = 200
    preprocessing = Preprocessing((1, 1), 'bgr', (0, 0, 0), (1, 1, 1))
    np.testing.assert_allclose(image_from_frame(frame, preprocessing).ravel(), 50)


def test_border_is_the_mean_in_bgr():
    assert border_color(Preprocessing((1, 1), 'rgb', (1.4, 2, 300), (1, 1, 1))) == (255, 2, 1)
    assert border_color(Preprocessing((1, 1), 'bgr', (1, 2, -3), (1, 1, 1))) == (1, 2, 0)


def test_dict_there_and_back():
    preprocessing = Preprocessing((3, 4), 'bgr', (1, 2, 3), (4, 5, 6), 0.1)
    assert preprocessing_from_dict(preprocessing.to_dict()) == preprocessing


@pytest.mark.parametrize(
    'change',
    [
        {'channel_order': 'gbr'},
        {'size_hw': (0, 4)},
        {'std': (1, 0, 1)},
        {'mean': (1, 2)},
        {'scale': 'much'},
    ],
)
def test_wrong_values_are_refused(change):
    values = Preprocessing((3, 4), 'bgr', (1, 2, 3), (4, 5, 6)).to_dict()
    with pytest.raises(ModelFileError, match=next(iter(change))):
        preprocessing_from_dict(values | change)
