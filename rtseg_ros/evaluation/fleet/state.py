# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What frames add up to: integers only, so that any order and grouping gives the same."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from rtseg_ros.errors import EvaluationError
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.label_set import label_set_from_dict
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.metrics.latency import StageLatencies


class FleetState:
    """Counts over any number of frames.

    Attributes:
        classes: What the model predicts.
        accuracy: The accuracy figures; None as long as no frame had ground truth.
        latencies: Times per stage.
        bins: Where frames ended.
        reasons: Why, and what was noticed.
        class_pixels: (K + 1,) int64, predicted pixels per class; the last are unlabelled.
        confidence_sum: Of all pixels' confidences, 0..255 each.
        confidence_pixels: How many.
        agreement_pixels: Pixels of masks that follow another.
        agreement_equal: Those of them that have the class of the mask before.
        against_pixels: Pixels that another model labelled too.
        against_equal: Those of them that it labelled alike.
    """

    def __init__(self, classes: LabelSet, accuracy: Accuracy | None = None) -> None:
        """Start from nothing."""
        self.classes = classes
        self.accuracy = accuracy
        self.latencies = StageLatencies()
        self.bins: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.class_pixels = np.zeros(classes.num_classes + 1, np.int64)
        self.confidence_sum = self.confidence_pixels = 0
        self.agreement_pixels = self.agreement_equal = 0
        self.against_pixels = self.against_equal = 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; the counts are integers."""
        scored = self.accuracy if self.accuracy is not None and self.accuracy.frames else None
        return {
            'classes': self.classes.to_dict(),
            'accuracy': None if scored is None else scored.to_dict(),
            'accuracy_labels': None if scored is None else scored.labels.to_dict(),
            'latencies': self.latencies.to_dict(),
            'bins': dict(sorted(self.bins.items())),
            'reasons': dict(sorted(self.reasons.items())),
            'class_pixels': self.class_pixels.tolist(),
            'confidence': [self.confidence_sum, self.confidence_pixels],
            'agreement': [self.agreement_equal, self.agreement_pixels],
            'against': [self.against_equal, self.against_pixels],
        }

    def merge_dict(self, other: Mapping[str, Any]) -> None:
        """Add what ``to_dict`` of other frames returned.

        Raises:
            EvaluationError: If their figures are about other classes.
        """
        if other['accuracy'] is not None:
            labels = label_set_from_dict(other['accuracy_labels'], source='a state')
            boundary = other['accuracy']['boundary'] is not None
            if self.accuracy is None:
                self.accuracy = Accuracy(align(labels, labels), labels, boundary=boundary)
            if self.accuracy.labels.names != labels.names:
                raise EvaluationError(
                    f'its figures are about the classes {", ".join(labels.names)}, those of the '
                    f'bags before about {", ".join(self.accuracy.labels.names)}; evaluate them '
                    'apart'
                )
            self.accuracy.merge_dict(other['accuracy'])
        self.latencies.merge_dict(other['latencies'])
        self.bins.update(other['bins'])
        self.reasons.update(other['reasons'])
        self.class_pixels += np.asarray(other['class_pixels'], np.int64)
        self.confidence_sum += other['confidence'][0]
        self.confidence_pixels += other['confidence'][1]
        self.agreement_equal += other['agreement'][0]
        self.agreement_pixels += other['agreement'][1]
        self.against_equal += other['against'][0]
        self.against_pixels += other['against'][1]

    def figures(self) -> dict[str, Any]:
        """Return all figures in plain types; None where there is no figure."""
        found: dict[str, Any] = {} if self.accuracy is None else self.accuracy.figures()
        pixels = int(self.class_pixels.sum())
        names = (*self.classes.names, 'unlabelled')
        return {
            'miou': None, 'iou': {}, 'pixel_accuracy': None,
            **found,
            'frames_with_truth': 0 if self.accuracy is None else self.accuracy.frames,
            'frames': self.bins.total(),
            'accounting': {'received': self.bins.total()} | {n: self.bins[n] for n in BINS},
            'latency_ms': self.latencies.summary(),
            'confidence': _share(self.confidence_sum, 255 * self.confidence_pixels),
            'mask_agreement': _share(self.agreement_equal, self.agreement_pixels),
            'against': _share(self.against_equal, self.against_pixels),
            'class_shares': {
                name: _share(count, pixels)
                for name, count in zip(names, self.class_pixels.tolist(), strict=True)
            },
        }  # fmt: skip


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
