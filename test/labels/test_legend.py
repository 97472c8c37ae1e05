# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Legend and contact sheet: every class is there, no name is cut, no place is empty."""

import cv2
import numpy as np
import pytest

from rtseg_ros.labels import CAMVID, CITYSCAPES, LabelSet
from rtseg_ros.labels.contact_sheet import contact_sheet
from rtseg_ros.labels.legend import legend

THREE = LabelSet(
    'three', ('drivable ground', 'obstacle', 'sky'), ((9, 90, 9), (200, 0, 0), (9, 9, 250))
)


def holds(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    """Pixels of an RGB colour."""
    return int((picture == np.array(color[::-1], np.uint8)).all(2).sum())


@pytest.mark.parametrize('label_set', [THREE, CAMVID, CITYSCAPES], ids=lambda labels: labels.name)
@pytest.mark.parametrize('height', [90, 272, 1080, 2160])
def test_every_colour_is_shown_and_no_name_is_cut(label_set, height):
    picture = legend(label_set, height=height)
    assert picture.shape[0] == height
    for color in label_set.colors:
        assert holds(picture, color) >= 100
    assert (picture[:, -1] == 255).all()  # nothing runs out at the right
    assert picture.shape[1] < max(height, 320 * label_set.num_classes)


def test_rows_are_as_high_as_a_name_not_as_the_picture():
    """Three classes on a tall picture stood in rows of 360 pixels, their names cut."""
    picture = legend(THREE, height=1080)
    used = np.flatnonzero((picture != 255).any((1, 2)))
    assert used[-1] < 3 * 1080 / 24
    assert picture.shape[1] < 400


def test_other_colours():
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = (1, 2, 3)
    assert holds(legend(THREE, height=200, palette_bgr=palette), (3, 2, 1)) > 100


@pytest.mark.parametrize(
    ('count', 'grid'), [(1, (1, 1)), (2, (2, 1)), (3, (3, 1)), (5, (5, 1)), (6, (3, 2))]
)
def test_no_place_of_the_sheet_is_empty(count, grid):
    rows = [(np.full((100, 200, 3), 10 * i, np.uint8),) * 2 for i in range(count)]
    sheet = contact_sheet(rows, CAMVID)
    down, across = grid
    assert sheet.shape[0] == down * 240
    pictures = sheet[:, : across * 2 * 480]
    for index in range(count):
        y, x = divmod(index, across)
        assert (pictures[y * 240 + 5, x * 960 + 5] == 10 * index).all()
    assert not (pictures == 255).any()


@pytest.mark.parametrize('labels', [THREE, CAMVID, CITYSCAPES], ids=lambda labels: labels.name)
@pytest.mark.parametrize('hw', [(272, 640), (360, 480), (640, 272)])
@pytest.mark.parametrize('count', [1, 2, 3, 5, 6])
def test_most_of_a_sheet_is_pictures(count, hw, labels):
    """Five tall ones stood above each other beside a legend as large: two thirds were white."""
    sheet = contact_sheet([(np.full((*hw, 3), 90, np.uint8),) * 2] * count, labels)
    assert (sheet == 255).all(2).mean() < 0.4
    assert 0.4 < sheet.shape[1] / sheet.shape[0] < 6


def test_tall_pictures_stay_small_and_the_legend_whole():
    frame = np.full((640, 272, 3), 90, np.uint8)
    sheet = contact_sheet([(frame, frame)], CAMVID)
    assert sheet.shape[0] == 400
    for color in CAMVID.colors:
        assert holds(sheet, color) > 100
    assert cv2.imencode('.png', sheet)[0]
