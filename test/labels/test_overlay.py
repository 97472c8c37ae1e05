# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The overlay by hand."""

import numpy as np

from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.overlay import overlay_from_labels


def test_blend_by_hand():
    """A quarter of Sky (128, 128, 128) over (100, 0, 40): 107, 32, 62."""
    frame = np.full((2, 3, 3), (100, 0, 40), np.uint8)
    labels = np.zeros((2, 3), np.uint8)
    labels[1] = 255
    overlay = overlay_from_labels(frame, labels, palette_bgr=CAMVID.palette_bgr(), alpha=0.25)
    assert overlay.shape == (2, 3, 3)
    assert overlay[0, 0].tolist() == [107, 32, 62]
    assert overlay[1, 2].tolist() == [75, 0, 30]  # unlabelled is black


def test_weights_of_nothing_and_all():
    frame = np.full((2, 2, 3), 7, np.uint8)
    labels = np.ones((2, 2), np.uint8)
    palette = CAMVID.palette_bgr()
    assert (overlay_from_labels(frame, labels, palette_bgr=palette, alpha=0) == 7).all()
    full = overlay_from_labels(frame, labels, palette_bgr=palette, alpha=1)
    assert (full == palette[1]).all()


def test_outlines_where_classes_meet():
    frame = np.full((4, 6, 3), 100, np.uint8)
    labels = np.zeros((4, 6), np.uint8)
    labels[2:, 3:] = 1
    palette = CAMVID.palette_bgr()
    plain = overlay_from_labels(frame, labels, palette_bgr=palette)
    lined = overlay_from_labels(frame, labels, palette_bgr=palette, outlines=True)
    white = (lined == 255).all(2)
    assert np.argwhere(white).tolist() == [[2, 3], [2, 4], [2, 5], [3, 3]]
    np.testing.assert_array_equal(lined[~white], plain[~white])


def test_outlines_grow_with_the_picture():
    labels = np.zeros((1200, 1600), np.uint8)
    labels[:, 800:] = 1
    frame = np.zeros((1200, 1600, 3), np.uint8)
    lined = overlay_from_labels(frame, labels, palette_bgr=CAMVID.palette_bgr(), outlines=True)
    assert (lined == 255).all(2).sum(1).tolist() == [2] * 1200
