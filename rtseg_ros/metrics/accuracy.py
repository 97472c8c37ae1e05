# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All accuracy figures of one evaluation, frame by frame and in total."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any
import zlib

import numpy as np

from rtseg_ros.labels import CITYSCAPES, UNLABELLED, LabelSet
from rtseg_ros.labels.mapping import Alignment
from rtseg_ros.metrics.boundary import BoundaryScore
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix, mean_of_known
from rtseg_ros.metrics.instance_iou import InstanceIou
from rtseg_ros.metrics.temporal import TemporalStability


@dataclass(frozen=True)
class FrameScore:
    """The figures of one frame.

    Attributes:
        miou: Mean IoU over the classes in truth or prediction; NaN without labelled pixels.
        pixel_accuracy: Share of labelled pixels that are right; NaN without any.
        agreement: With the mask before, over all pixels; None if there is none.
        intersection: Pixels per class in truth and prediction, (K,) int64.
        union: Pixels per class in either, (K,) int64.
        truth_crc32: Of the ground truth, so that two reports can tell whether a frame is the
            same; None without ground truth.
    """

    miou: float
    pixel_accuracy: float
    agreement: float | None
    intersection: np.ndarray
    union: np.ndarray
    truth_crc32: int | None


class Accuracy:
    """Adds up frames; memory does not depend on their number.

    Attributes:
        labels: The classes that the figures are about.
        frames: Frames with ground truth.
    """

    def __init__(self, alignment: Alignment, truth: LabelSet, *, boundary: bool = True) -> None:
        """Start from nothing.

        Args:
            alignment: How the model's classes meet those of the ground truth.
            truth: The classes of the ground truth before the alignment.
            boundary: Whether to compute the boundary F-score, the slowest of the figures.
        """
        self._alignment = alignment
        self._truth = truth
        self.labels = alignment.labels
        self.frames = 0
        self.unknown_pixels = 0
        self.unknown_frames = 0
        count = self.labels.num_classes
        self.matrix = ConfusionMatrix(count)
        self._boundary = BoundaryScore(count) if boundary else None
        self._temporal = TemporalStability(count)
        self._instances = InstanceIou() if self.labels.names == CITYSCAPES.names else None
        self._frames_with_instances = 0
        self._known = np.zeros(256, bool)
        self._known[: truth.num_classes] = True
        self._known[[truth.ignore_id, UNLABELLED]] = True

    def aligned(
        self, prediction: np.ndarray, truth: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return prediction and truth as ids of ``labels``; 255 is no label."""
        mapped = None if truth is None else self._alignment.truth_table[truth]
        return self._alignment.prediction_table[prediction], mapped

    def add(
        self,
        prediction: np.ndarray,
        truth: np.ndarray | None,
        *,
        instances: np.ndarray | None = None,
        continues: bool = False,
    ) -> FrameScore:
        """Count one frame.

        Args:
            prediction: (H, W) uint8, the model's class ids.
            truth: (H, W) uint8, ids of the ground truth; None if the frame has none.
            instances: (H, W) Cityscapes instance ids, for iIoU.
            continues: Whether the frame follows the one of the last call.
        """
        if truth is not None:
            unknown = int(np.bincount(truth.ravel(), minlength=256)[~self._known].sum())
            self.unknown_pixels += unknown
            self.unknown_frames += unknown > 0
        prediction, truth = self.aligned(prediction, truth)
        agreement = self._temporal.add(prediction, truth, continues=continues)
        frame = ConfusionMatrix(self.labels.num_classes)
        if truth is not None:
            self.frames += 1
            frame.add(truth, prediction)
            self.matrix.merge(frame)
            if self._boundary is not None:
                self._boundary.add(truth, prediction)
            if self._instances is not None and instances is not None:
                self._frames_with_instances += 1
                self._instances.add(instances, prediction)
        intersection, union = frame.intersection_and_union()
        crc32 = None if truth is None else zlib.crc32(truth.tobytes())
        return FrameScore(
            frame.miou(), frame.pixel_accuracy(), agreement, intersection, union, crc32
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all that was counted, as integers; instances are left out."""
        return {
            'frames': self.frames,
            'unknown_pixels': self.unknown_pixels,
            'unknown_frames': self.unknown_frames,
            'matrix': self.matrix.counts.tolist(),
            'boundary': None if self._boundary is None else self._boundary.counts.tolist(),
            'temporal': dict(self._temporal.counts),
        }

    def merge_dict(self, other: Mapping[str, Any]) -> None:
        """Add what ``to_dict`` of frames with the same classes and settings returned."""
        self.frames += other['frames']
        self.unknown_pixels += other['unknown_pixels']
        self.unknown_frames += other['unknown_frames']
        self.matrix.counts += np.asarray(other['matrix'], np.int64)
        if self._boundary is not None:
            self._boundary.counts += np.asarray(other['boundary'], np.int64)
        for name, count in other['temporal'].items():
            self._temporal.counts[name] += count

    def figures(self) -> dict[str, Any]:
        """Return all figures as fractions 0..1 in plain types; None where there is no figure."""
        names, matrix = self.labels.names, self.matrix
        categories = self._category_iou()
        boundary = None if self._boundary is None else self._boundary.f_score()
        figures: dict[str, Any] = {
            'miou': _known(matrix.miou()),
            'category_miou': _known(mean_of_known(np.array(list(categories.values())))),
            'pixel_accuracy': _known(matrix.pixel_accuracy()),
            'frequency_weighted_iou': _known(matrix.frequency_weighted_iou()),
            'boundary_f_score': None if boundary is None else _known(mean_of_known(boundary)),
            'temporal_stability': _known(self._temporal.stability()),
            'mask_agreement': _known(self._temporal.agreement()),
            'consecutive_pairs': self._temporal.counts['pairs'],
            'iou': _by_name(names, matrix.iou()),
            'category_iou': {name: _known(value) for name, value in categories.items()},
            'boundary_f_score_by_class': (None if boundary is None else _by_name(names, boundary)),
            'instance_iou': None,
            'instance_miou': None,
            'category_instance_iou': None,
            'category_instance_miou': None,
            'truth_pixels': dict(zip(names, matrix.truth_pixels().tolist(), strict=True)),
            'confusion_matrix': matrix.counts.tolist(),
        }
        if self._instances is not None and self._frames_with_instances == self.frames > 0:
            for key, values in (
                ('instance', self._instances.iou(matrix)),
                ('category_instance', self._instances.category_iou(matrix)),
            ):
                figures[f'{key}_iou'] = {name: _known(value) for name, value in values.items()}
                figures[f'{key}_miou'] = _known(mean_of_known(np.array(list(values.values()))))
        return figures

    def _category_iou(self) -> dict[str, float]:
        categories = self.labels.categories
        if not categories:
            return {}
        order = tuple(dict.fromkeys(categories))
        grouped = self.matrix.grouped([order.index(category) for category in categories])
        return dict(zip(order, grouped.iou().tolist(), strict=True))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _by_name(names: tuple[str, ...], values: np.ndarray) -> dict[str, float | None]:
    return {name: _known(value) for name, value in zip(names, values.tolist(), strict=True)}
