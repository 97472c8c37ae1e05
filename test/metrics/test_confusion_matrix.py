# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix against hand-worked images, torchmetrics and Cityscapes' own script."""

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from places import CAMVID_FOLDER
import pytest

from rtseg_ros.labels import CAMVID
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix, mean_of_known

# 4x4 with classes 0, 1, 2 and 255 = no label.
TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 0, 1]], np.uint8)
PREDICTION = np.array([[0, 0, 1, 1], [0, 1, 1, 255], [2, 2, 2, 0], [0, 2, 0, 1]], np.uint8)
# By hand, rows truth, last column unlabelled predictions:
#   class 0: 4 right, 1 as class 1; class 1: 4 right, 1 unlabelled; class 2: 3 right, 1 as 0.
COUNTS = [[4, 1, 0, 0], [0, 4, 0, 1], [1, 0, 3, 0]]


def matrix_of(truth, prediction, num_classes=3):
    matrix = ConfusionMatrix(num_classes)
    matrix.add(truth, prediction)
    return matrix


def test_hand_worked_counts():
    assert matrix_of(TRUTH, PREDICTION).counts.tolist() == COUNTS


def test_hand_worked_figures():
    matrix = matrix_of(TRUTH, PREDICTION)
    # IoU: 4 / (5 + 5 - 4), 4 / (5 + 5 - 4), 3 / (4 + 3 - 3)
    assert matrix.iou().tolist() == pytest.approx([4 / 6, 4 / 6, 3 / 4])
    assert matrix.miou() == pytest.approx((4 / 6 + 4 / 6 + 3 / 4) / 3)
    assert matrix.pixel_accuracy() == pytest.approx(11 / 14)
    weighted = (5 * 4 / 6 + 5 * 4 / 6 + 4 * 3 / 4) / 14
    assert matrix.frequency_weighted_iou() == pytest.approx(weighted)


def test_hand_worked_groups():
    grouped = matrix_of(TRUTH, PREDICTION).grouped([0, 0, 1])
    assert grouped.counts.tolist() == [[9, 0, 1], [1, 3, 0]]
    assert grouped.iou().tolist() == pytest.approx([9 / 11, 3 / 4])


def test_class_that_is_only_predicted_has_iou_0_and_an_absent_one_none():
    matrix = matrix_of(np.zeros((2, 2), np.uint8), np.array([[0, 0], [1, 1]], np.uint8))
    iou = matrix.iou()
    assert iou[:2].tolist() == [0.5, 0.0]
    assert np.isnan(iou[2])
    assert matrix.miou() == 0.25


def test_without_labels_there_is_no_figure():
    matrix = matrix_of(np.full((3, 3), 255, np.uint8), np.zeros((3, 3), np.uint8))
    figures = (matrix.miou(), matrix.pixel_accuracy(), matrix.frequency_weighted_iou())
    assert np.isnan(figures).all()
    assert np.isnan(mean_of_known(np.array([])))


def test_refuses_different_shapes():
    with pytest.raises(ValueError, match=r'\(2, 2\).*\(2, 3\)'):
        matrix_of(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_merging_frames_equals_one_big_frame(num_classes, seed):
    random = np.random.default_rng(seed)
    truth, prediction = random.integers(0, 256, (2, 12, 7), np.uint8)
    whole = matrix_of(truth, prediction, num_classes)
    parts = matrix_of(truth[:5], prediction[:5], num_classes)
    parts.merge(matrix_of(truth[5:], prediction[5:], num_classes))
    assert (whole.counts == parts.counts).all()
    assert whole.counts.sum() == np.count_nonzero(truth < num_classes)


def check_against_torchmetrics(truth, prediction, num_classes):
    torch = pytest.importorskip('torch')
    classification = pytest.importorskip(
        'torchmetrics.classification', reason='torchmetrics is not installed'
    )
    ignore = 255
    keep = torch.from_numpy(np.where(truth < num_classes, truth, ignore).astype(np.int64))
    guess = torch.from_numpy(prediction.astype(np.int64))
    options = {'num_classes': num_classes, 'ignore_index': ignore}
    matrix = matrix_of(truth, prediction, num_classes)
    counts = classification.MulticlassConfusionMatrix(**options)(guess, keep).numpy()
    assert (counts == matrix.counts[:, :-1]).all()
    ours = np.nan_to_num(matrix.iou())  # torchmetrics gives 0 where we have no figure
    hits, union = np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts)
    assert ours == pytest.approx(hits / np.maximum(union, 1), abs=1e-9)
    # Its own quotient is float32.
    per_class = classification.MulticlassJaccardIndex(**options, average='none')(guess, keep)
    assert ours == pytest.approx(per_class.numpy(), abs=1e-6)
    accuracy = classification.MulticlassAccuracy(**options, average='micro')(guess, keep)
    assert matrix.pixel_accuracy() == pytest.approx(float(accuracy), abs=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_equals_torchmetrics_on_random_maps(seed):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 13, (40, 60), np.uint8)
    truth[truth == 12] = 255
    prediction = np.where(random.random((40, 60)) < 0.7, truth % 12, 3).astype(np.uint8)
    check_against_torchmetrics(truth, np.minimum(prediction, 11), 12)


def test_equals_torchmetrics_on_real_maps():
    paths = sorted((CAMVID_FOLDER / 'val' / 'labels').glob('*.png'))[:2]
    if not paths:
        pytest.skip('shared/data/camvid is not on this machine')
    truth, later = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths)
    check_against_torchmetrics(truth, np.where(later < 11, later, 0), CAMVID.num_classes)
