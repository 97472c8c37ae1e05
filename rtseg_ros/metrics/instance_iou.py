# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes' instance-level IoU: every object counts the same, however near it is."""

from collections.abc import Mapping

import numpy as np

from rtseg_ros.labels import CITYSCAPES, CITYSCAPES_IDS, UNLABELLED
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix

# Mean object size in pixels at 2048x1024, as Cityscapes' evaluation script publishes it.
OBJECT_PIXELS: Mapping[str, float] = {
    'person': 3462.4756337644,
    'rider': 3930.4788056518,
    'car': 12794.0202738185,
    'truck': 27855.1264367816,
    'bus': 35732.1511111111,
    'train': 67583.7075812274,
    'motorcycle': 6298.7200839748,
    'bicycle': 4672.3249222261,
}


class InstanceIou:
    """Weighted hits and misses on objects, for Cityscapes' iIoU (Cordts et al. 2016, sec. 4.1).

    ``iIoU = iTP / (iTP + FP + iFN)``: the hits and misses of each object are weighted by the
    class's mean object size over the object's own, false positives are plain pixels from the
    confusion matrix. Regions labelled as a group (instance id below 1000) count neither as hit
    nor as miss. Classes without instances have no iIoU. A category (human, vehicle) takes a
    prediction of any of its classes as a hit.
    """

    def __init__(self) -> None:
        self._class_of_id = {i: k for k, i in enumerate(CITYSCAPES_IDS)}
        self.names = tuple(OBJECT_PIXELS)
        self._hits = dict.fromkeys(self.names, 0.0)
        self._misses = dict.fromkeys(self.names, 0.0)
        self._category_hits: dict[str, float] = {}
        self._category_misses: dict[str, float] = {}
        for name in self.names:
            self._category_hits[_category(name)] = self._category_misses[_category(name)] = 0.0

    def add(self, instances: np.ndarray, prediction: np.ndarray) -> None:
        """Count the objects of one frame.

        Args:
            instances: (H, W) Cityscapes instance ids: label id * 1000 + number for an object,
                below 1000 otherwise.
            prediction: (H, W) uint8 train ids.
        """
        pixels = np.flatnonzero(instances > 1000)
        if not pixels.size:
            return
        ids = instances.ravel()[pixels].astype(np.int64)
        predicted = prediction.ravel()[pixels]
        category_of_class = np.full(256, -1, np.int64)
        categories = tuple(self._category_hits)
        for k, category in enumerate(CITYSCAPES.categories):
            if category in categories:
                category_of_class[k] = categories.index(category)
        objects, object_of_pixel, sizes = np.unique(ids, return_inverse=True, return_counts=True)
        classes = np.array([self._class_of_id.get(int(i) // 1000, UNLABELLED) for i in objects])
        hit = predicted == classes[object_of_pixel]
        hits = np.bincount(object_of_pixel, weights=hit)
        same_category = category_of_class[predicted] == category_of_class[classes][object_of_pixel]
        category_hits = np.bincount(object_of_pixel, weights=same_category)
        for i, k in enumerate(classes):
            if k == UNLABELLED:
                continue
            name = CITYSCAPES.names[k]
            weight = OBJECT_PIXELS[name] / sizes[i]
            self._hits[name] += hits[i] * weight
            self._misses[name] += (sizes[i] - hits[i]) * weight
            self._category_hits[_category(name)] += category_hits[i] * weight
            self._category_misses[_category(name)] += (sizes[i] - category_hits[i]) * weight

    def iou(self, matrix: ConfusionMatrix) -> dict[str, float]:
        """Return iIoU by class name; NaN where nothing was labelled or predicted.

        Args:
            matrix: Confusion matrix of the same frames, of the 19 Cityscapes classes.
        """
        false_positives = matrix.counts[:, :-1].sum(axis=0) - matrix.counts.diagonal()
        return {
            name: _ratio(
                self._hits[name],
                self._misses[name] + false_positives[CITYSCAPES.names.index(name)],
            )
            for name in self.names
        }

    def category_iou(self, matrix: ConfusionMatrix) -> dict[str, float]:
        """Return iIoU by category (human, vehicle), likewise."""
        order = tuple(dict.fromkeys(CITYSCAPES.categories))
        grouped = matrix.grouped([order.index(c) for c in CITYSCAPES.categories])
        false_positives = grouped.counts[:, :-1].sum(axis=0) - grouped.counts.diagonal()
        return {
            category: _ratio(
                hits, self._category_misses[category] + false_positives[order.index(category)]
            )
            for category, hits in self._category_hits.items()
        }


def _category(name: str) -> str:
    return CITYSCAPES.categories[CITYSCAPES.names.index(name)]


def _ratio(hits: float, others: float) -> float:
    total = hits + others
    return float(hits / total) if total else float('nan')
