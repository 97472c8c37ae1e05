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
