# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One int64 confusion matrix and the accuracy figures that follow from it."""

from collections.abc import Sequence

import numpy as np


class ConfusionMatrix:
    """Counts pixels by (ground truth, prediction); rows are ground truth.

    Pixels whose ground truth is not a class are left out. A prediction that is not a class
    (unlabelled) on a labelled pixel counts as a miss: it is kept in the extra last column.
    These are the conventions of Cityscapes' own evaluation script.

    Attributes:
        counts: (K, K + 1) int64.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts = np.zeros((num_classes, num_classes + 1), np.int64)

    def add(self, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Count one frame.

        Args:
            truth: (H, W) uint8 class ids; ids >= K are ignored.
            prediction: (H, W) uint8 class ids; ids >= K are misses.

        Raises:
            ValueError: If the shapes differ.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f'truth is {truth.shape}, prediction {prediction.shape}')
        k = self.num_classes
        # A joint histogram of the two bytes is faster than masking the ignored pixels out first.
        joint = np.bincount(
            (truth.astype(np.uint16) << 8 | prediction).ravel(), minlength=65536
        ).reshape(256, 256)[:k]
        self.counts[:, :k] += joint[:, :k]
        self.counts[:, k] += joint[:, k:].sum(axis=1)

    def merge(self, other: 'ConfusionMatrix') -> None:
        """Add the counts of another matrix of the same classes."""
        self.counts += other.counts

    def grouped(self, groups: Sequence[int]) -> 'ConfusionMatrix':
        """Merge classes, e.g. into categories; confusion inside a group counts as right.

        Args:
            groups: Group number 0..G-1 of each class.

        Returns:
            The (G, G + 1) matrix.
        """
        count = max(groups) + 1
        merged = ConfusionMatrix(count)
        rows = np.asarray(groups)
        columns = np.append(rows, count)
        np.add.at(merged.counts, (rows[:, None], columns[None, :]), self.counts)
        return merged

    def truth_pixels(self) -> np.ndarray:
        """Labelled pixels per class, (K,) int64."""
        return self.counts.sum(axis=1)

    def intersection_and_union(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels in both, and in either, of truth and prediction per class; (K,) int64 each."""
        hits = self.counts.diagonal()
        return hits, self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0) - hits

    def iou(self) -> np.ndarray:
        """Intersection over union per class, (K,) float64; NaN where the union is empty.

        A class that is only predicted has IoU 0; one that neither occurs nor is predicted has
        none. The union leaves out pixels without ground truth.
        """
        hits, union = self.intersection_and_union()
        return np.divide(hits, union, out=np.full(self.num_classes, np.nan), where=union > 0)

    def miou(self) -> float:
        """Mean IoU over the classes whose union is not empty; NaN if there is none."""
        return mean_of_known(self.iou())

    def frequency_weighted_iou(self) -> float:
        """Mean IoU weighted by each class's share of the labelled pixels; NaN without any.

        Long et al., Fully Convolutional Networks (2015), section 5.
        """
        pixels = self.truth_pixels()
        total = pixels.sum()
        if not total:
            return float('nan')
        return float((np.nan_to_num(self.iou()) * pixels).sum() / total)

    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right; NaN without labelled pixels."""
        total = self.counts.sum()
        return float(self.counts.diagonal().sum() / total) if total else float('nan')


def mean_of_known(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN if all are."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float('nan')
