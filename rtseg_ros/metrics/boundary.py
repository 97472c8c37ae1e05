# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Boundary F-score: how far the edges of predicted regions lie where the true edges lie."""

import cv2
import numpy as np

from rtseg_ros.labels import UNLABELLED


class BoundaryScore:
    """Boundary F-score per class (Csurka et al., BMVC 2013), with counts kept over all frames.

    A boundary pixel of class c is a pixel of c with a pixel of another class to its left,
    right, top or bottom; the edge of the image is no boundary. Where the ground truth has no
    label, neither side has pixels, so the edge of an unlabelled region is no boundary either.
    Precision is the share of predicted boundary pixels that have a true boundary pixel of the
    same class within the tolerance (Euclidean distance), recall the reverse. The tolerance is
    0.75 % of the frame's diagonal, the default of that paper, and at least 1 pixel.

    Unlike the paper, which averages over frames, counts are summed over the frames and F is
    formed from the sums, as IoU is: a frame with three pixels of a class weighs three pixels.

    Attributes:
        counts: (K, 4) int64: predicted boundary pixels, those that match, true boundary
            pixels, those that match.
    """

    def __init__(self, num_classes: int, *, tolerance: float = 0.0075) -> None:
        self.num_classes = num_classes
        self.tolerance = tolerance
        self.counts = np.zeros((num_classes, 4), np.int64)

    def add(self, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Count one frame.

        Args:
            truth: (H, W) uint8 class ids; ids >= K have no label.
            prediction: (H, W) uint8 class ids; ids >= K are of no class.
        """
        labelled = truth < self.num_classes
        true_edges = _boundary_classes(truth, labelled)
        predicted_edges = _boundary_classes(prediction, labelled)
        radius = max(1.0, self.tolerance * float(np.hypot(*truth.shape)))
        present = np.bincount(true_edges.ravel(), minlength=256) + np.bincount(
            predicted_edges.ravel(), minlength=256
        )
        for k in np.flatnonzero(present[: self.num_classes]):
            true_edge, predicted_edge = true_edges == k, predicted_edges == k
            window = _window(true_edge | predicted_edge)
            true_edge, predicted_edge = true_edge[window], predicted_edge[window]
            self.counts[k] += (
                np.count_nonzero(predicted_edge),
                _near(predicted_edge, true_edge, radius),
                np.count_nonzero(true_edge),
                _near(true_edge, predicted_edge, radius),
            )

    def f_score(self) -> np.ndarray:
        """F-score per class, (K,) float64; NaN for a class without any boundary."""
        predicted, predicted_near, true, true_near = self.counts.T.astype(np.float64)
        precision = np.divide(
            predicted_near, predicted, out=np.zeros(self.num_classes), where=predicted > 0
        )
        recall = np.divide(true_near, true, out=np.zeros(self.num_classes), where=true > 0)
        total = precision + recall
        score = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
        score[predicted + true == 0] = np.nan
        return score


def _boundary_classes(labels: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8: the class of each boundary pixel, 255 elsewhere."""
    edge = np.zeros(labels.shape, bool)
    rows = (labels[1:] != labels[:-1]) & labelled[1:] & labelled[:-1]
    columns = (labels[:, 1:] != labels[:, :-1]) & labelled[:, 1:] & labelled[:, :-1]
    edge[1:] |= rows
    edge[:-1] |= rows
    edge[:, 1:] |= columns
    edge[:, :-1] |= columns
    return np.where(edge, labels, np.uint8(UNLABELLED))


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _near(points: np.ndarray, targets: np.ndarray, radius: float) -> int:
    """Count the points that have a target within the radius."""
    if not points.any() or not targets.any():
        return 0
    distance = cv2.distanceTransform(
        (~targets).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return int(np.count_nonzero(distance[points] <= radius))
