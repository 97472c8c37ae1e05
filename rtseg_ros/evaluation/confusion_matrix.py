"""One int64 confusion matrix and the accuracy figures that follow from it."""

import numpy as np


class ConfusionMatrix:
    """Counts pixels by (ground truth, prediction); rows are ground truth.

    Pixels whose ground truth is not a class are left out. A prediction that is not a class
    (unlabelled) on a labelled pixel counts as a miss: it is kept in the extra last column.

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

    def iou(self) -> np.ndarray:
        """Intersection over union per class, (K,) float64; NaN where the union is empty."""
        hits = self.counts.diagonal().astype(np.float64)
        union = self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0) - hits
        return np.divide(hits, union, out=np.full(self.num_classes, np.nan), where=union > 0)

    def miou(self) -> float:
        """Mean IoU over the classes whose union is not empty; NaN if there is none."""
        iou = self.iou()
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else float('nan')

    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right; NaN without labelled pixels."""
        total = self.counts.sum()
        return float(self.counts.diagonal().sum() / total) if total else float('nan')
