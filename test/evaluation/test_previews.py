# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which frames end up in the report."""

import cv2
import numpy as np

from rtseg_ros.evaluation.previews import SAMPLE, Previews


def offer(previews, name, score, size=(6, 8)):
    frame = np.full((*size, 3), 50, np.uint8)
    labels = np.zeros(size, np.uint8)
    previews.offer(name, score, frame, labels, labels)


def test_worst_median_and_best():
    previews = Previews()
    for name, score in (('a', 0.5), ('b', 0.9), ('c', 0.1), ('d', 0.6), ('e', 0.4)):
        offer(previews, name, score)
    chosen = previews.chosen()
    assert {title: preview.name for title, preview in chosen.items()} == {
        'worst': 'c',
        'median': 'a',
        'best': 'b',
    }


def test_one_frame_is_shown_once_and_none_not_at_all():
    previews = Previews()
    assert previews.chosen() == {}
    offer(previews, 'only', 0.5)
    assert [preview.name for preview in previews.chosen().values()] == ['only']


def test_memory_is_bounded_and_the_median_close():
    previews = Previews()
    for score in range(2000):  # rising: late frames must not push out the early ones
        offer(previews, str(score), score / 2000)
    assert len(previews._sample) == SAMPLE
    chosen = previews.chosen()
    assert chosen['worst'].name == '0'
    assert chosen['best'].name == '1999'
    # The standard error of a median of 128 uniform values is 0.044.
    assert abs(chosen['median'].score - 0.5) < 0.13


def test_large_frames_are_shrunk_without_mixing_class_ids():
    previews = Previews()
    frame = np.zeros((1000, 2000, 3), np.uint8)
    labels = np.zeros((1000, 2000), np.uint8)
    labels[:, 1000:] = 10
    previews.offer('big', 0.5, frame, labels, labels)
    preview = previews.chosen()['worst']
    shown = cv2.imdecode(np.frombuffer(preview.prediction, np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown.shape == (320, 640)
    assert np.unique(shown).tolist() == [0, 10]
