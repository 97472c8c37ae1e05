# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Boundary F-score against hand-worked images and the plain definition."""

import numpy as np
import pytest

from rtseg_ros.metrics.boundary import BoundaryScore


def score_of(truth, prediction, num_classes, **options):
    score = BoundaryScore(num_classes, **options)
    score.add(np.array(truth, np.uint8), np.array(prediction, np.uint8))
    return score


def test_hand_worked_edge_moved_by_one_and_two():
    truth = [[0, 0, 1, 1, 1, 1]] * 4
    # The smallest tolerance is 1 pixel. Edge pixels of class 0: column 1, of class 1: column 2.
    moved_by_1 = [[0, 0, 0, 1, 1, 1]] * 4
    moved_by_2 = [[0, 0, 0, 0, 1, 1]] * 4
    assert score_of(truth, truth, 2).f_score().tolist() == [1, 1]
    assert score_of(truth, moved_by_1, 2).f_score().tolist() == [1, 1]
    assert score_of(truth, moved_by_2, 2).f_score().tolist() == [0, 0]
    assert score_of(truth, moved_by_2, 2).counts.tolist() == [[4, 0, 4, 0]] * 2


def test_hand_worked_precision_and_recall():
    truth = [[0, 0, 1, 1, 1, 1, 1, 1]] * 4
    prediction = [[0, 0, 1, 1, 1, 1, 0, 1]] * 4
    # Class 0, predicted edge: columns 1 and 6, true: column 1. P = 1/2, R = 1.
    assert score_of(truth, prediction, 2).f_score()[0] == pytest.approx(2 / 3)
    # Class 1, predicted: 2, 5, 7, true: 2. P = 1/3, R = 1.
    assert score_of(truth, prediction, 2).f_score()[1] == pytest.approx(1 / 2)


def test_edges_of_unlabelled_regions_and_of_the_image_do_not_count():
    truth = [[0, 0, 255, 1, 1]] * 3
    prediction = [[0, 0, 1, 1, 1]] * 3
    score = score_of(truth, prediction, 2)
    assert not score.counts.any()
    assert np.isnan(score.f_score()).all()


def test_a_class_without_any_boundary_has_no_score_and_a_missed_one_has_0():
    truth = [[0, 0, 1, 1]] * 4
    score = score_of(truth, [[0, 0, 0, 0]] * 4, 3)
    assert score.f_score()[:2].tolist() == [0, 0]
    assert np.isnan(score.f_score()[2])


def plain_counts(truth, prediction, num_classes, radius):
    """The definition, pixel by pixel."""
    height, width = truth.shape

    def edge(labels, k):
        points = []
        for y in range(height):
            for x in range(width):
                if labels[y, x] != k or truth[y, x] >= num_classes:
                    continue
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    inside = 0 <= v < height and 0 <= u < width
                    if inside and truth[v, u] < num_classes and labels[v, u] != k:
                        points.append((y, x))
                        break
        return points

    def near(points, targets):
        return sum(
            any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in targets) for y, x in points
        )

    rows = []
    for k in range(num_classes):
        true, predicted = edge(truth, k), edge(prediction, k)
        rows.append([len(predicted), near(predicted, true), len(true), near(true, predicted)])
    return rows


@pytest.mark.parametrize('seed', range(4))
def test_equals_the_definition_on_random_regions(seed):
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 4, (5, 6)), np.ones((5, 6), np.int64)).astype(np.uint8)
    truth[truth == 3] = 255
    prediction = np.roll(truth, (1 + seed % 2, 2), (0, 1))
    prediction[random.random(truth.shape) < 0.05] = 1
    tolerance = 0.06
    radius = tolerance * np.hypot(*truth.shape)
    score = score_of(truth, prediction, 3, tolerance=tolerance)
    assert score.counts.tolist() == plain_counts(truth, prediction, 3, radius)


def test_tolerance_follows_the_diagonal():
    truth = np.zeros((300, 400), np.uint8)  # diagonal 500: 3.75 pixels
    truth[:, 200:] = 1
    moved = [np.roll(truth, shift, 1) for shift in (3, 4)]
    for labels, expected in zip(moved, (1, 0), strict=True):
        labels[:, :100] = 0
        assert score_of(truth, labels, 2).f_score().tolist() == [expected, expected]
