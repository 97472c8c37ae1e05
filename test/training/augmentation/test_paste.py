# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""An object comes with its pixels and labels, whole, at its height."""

import numpy as np

from rtseg_ros.training.augmentation.paste import paste_object


def scene():
    """An empty street and a donor with one object of class 2 (8x6) and specks."""
    frame, labels = np.full((40, 60, 3), 10, np.uint8), np.zeros((40, 60), np.uint8)
    donor_labels = labels.copy()
    donor_labels[20:28, 30:36] = 2
    donor_labels[20:28, 33] = 0  # a gap, so that it is two: 8x3 and 8x2
    donor_labels[27, 30:36] = 2  # joined at the feet
    donor_labels[5, 5] = 2
    donor_frame = np.full((40, 60, 3), 10, np.uint8)
    donor_frame[donor_labels == 2] = 200
    donor_frame[20:28, 30] = 250  # its left side
    return frame, labels, (donor_frame, donor_labels)


def test_it_is_pasted_whole_at_its_height():
    frame, labels, donor = scene()
    places, mirrored = set(), set()
    for seed in range(40):
        new_frame, new_labels = paste_object(
            frame, labels, donor, [2], rng=np.random.default_rng(seed)
        )
        rows, columns = np.nonzero(new_labels == 2)
        assert len(rows) == 8 * 5 + 1
        assert (rows.min(), rows.max()) == (20, 27)
        assert columns.max() - columns.min() == 5
        assert ((new_frame[:, :, 0] >= 200) == (new_labels == 2)).all()
        places.add(int(columns.min()))
        mirrored.add(bool(new_frame[20, columns.max(), 0] == 250))
    assert len(places) > 10
    assert min(places) >= 0
    assert max(places) <= 54
    assert mirrored == {True, False}
    assert labels.max() == 0
    assert frame.max() == 10


def test_nothing_to_paste_leaves_the_frame():
    frame, labels, donor = scene()
    rng = np.random.default_rng(0)
    assert paste_object(frame, labels, donor, [1], rng=rng)[0] is frame
    smaller = donor[0][:30], donor[1][:30]
    assert paste_object(frame, labels, smaller, [2], rng=rng)[1] is labels
