# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the comparison of a model with its source finds: labels, classes, logits, mIoU."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from rtseg_ros.labels import UNLABELLED
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.runtime.model_file import ModelMetadata, output_table
from rtseg_ros.runtime.upsample import labels_from_logits

# Smallest agreement of a class that is accepted, by precision.
TOLERANCES = {'fp32': 0.999, 'fp16': 0.9, 'int8': 0.7}
# Classes on fewer of the compared pixels than this are reported and not judged: of a class with
# three pixels, one would decide.
JUDGED_SHARE = 1e-4
# Scores nearer than this share of the largest logit are equal but for float32 rounding.
TIE = 2.0**-20


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    Attributes:
        engine: What ran the exported model.
        source: Where the frames came from.
        frames: Their number.
        tolerance: Smallest accepted agreement of a class.
        agreement: Per class, pixels labelled so by both over pixels labelled so by either; None
            where neither does.
        judged: Classes on enough pixels to be held to the tolerance.
        failed: Those of them that miss it.
        pixels: Number of compared pixels.
        different_pixels: Pixels labelled differently.
        ties: Those of them where torch's scores of the two labels are equal but for rounding.
        logit_difference: Largest absolute difference of a logit; None if one is not finite.
        logit_size: Largest absolute logit of torch.
        miou: Of the reference and ``model`` where there is ground truth, else empty.
        reference: What it was compared with, e.g. ``torch``.
    """

    engine: str
    source: str
    frames: int
    tolerance: float
    agreement: dict[str, float | None]
    judged: tuple[str, ...]
    failed: tuple[str, ...]
    pixels: int
    different_pixels: int
    ties: int
    logit_difference: float | None
    logit_size: float
    miou: dict[str, float]
    reference: str = 'torch'

    @property
    def passed(self) -> bool:
        """Whether all classes keep the tolerance and all logits are finite."""
        return not self.failed and self.logit_difference is not None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for the metadata."""
        return {
            'passed': self.passed,
            'reference': self.reference,
            'engine': self.engine,
            'source': self.source,
            'frames': self.frames,
            'tolerance': self.tolerance,
            'agreement': self.agreement,
            'judged': list(self.judged),
            'failed': list(self.failed),
            'pixels': self.pixels,
            'different_pixels': self.different_pixels,
            'ties': self.ties,
            'logit_difference': self.logit_difference,
            'logit_size': self.logit_size,
            'miou': self.miou,
        }

    def summary(self) -> str:
        """Say the result in one sentence."""
        agreement = {name: self.agreement[name] or 0.0 for name in self.judged}
        worst = min(agreement, key=lambda name: agreement[name])
        largest = 'not finite' if self.logit_difference is None else f'{self.logit_difference:.3g}'
        text = (
            f'{self.different_pixels} of {self.pixels} pixels differ from {self.reference} on '
            f'{self.frames} frames ({self.ties} of them ties but for rounding); agreement is '
            f'lowest for {worst}, {agreement[worst]:.4f}; largest logit difference {largest} '
            f'(logits up to {self.logit_size:.3g})'
        )
        if self.miou:
            text += (
                f'; mIoU {self.miou[self.reference]:.4f} in {self.reference}, '
                f'{self.miou["model"]:.4f} exported'
            )
        return text


class Differences:
    """Adds up, frame by frame, how a model and its reference label and score."""

    def __init__(
        self, metadata: ModelMetadata, *, reference: str, others: tuple[str, ...] = ()
    ) -> None:
        """Start from nothing.

        Args:
            metadata: Of the model.
            reference: What it is compared with.
            others: Names of further labellings of which the mIoU is wanted.
        """
        self._metadata, self._reference = metadata, reference
        self._joint = np.zeros((256, 256), np.int64)  # rows: the reference
        self._difference = self._size = 0.0
        self._ties = 0
        self._frames, self._labelled = 0, False
        classes = metadata.labels.num_classes
        names = (reference, 'model', *others)
        self._matrices = {name: ConfusionMatrix(classes) for name in names}

    def add_ids(self, expected: np.ndarray, found: np.ndarray) -> None:
        """Count a frame by its class ids, (H, W) uint8 each."""
        pairs = expected.astype(np.int64) * 256 + found
        self._joint += np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)
        self._frames += 1

    def add_logits(self, expected: np.ndarray, found: np.ndarray) -> None:
        """Take note of logits, of any shape; a gap that is not a number stays one."""
        gap = float(np.abs(found - expected).max())
        self._difference = gap if math.isnan(gap) else max(self._difference, gap)
        self._size = max(self._size, float(np.abs(expected).max()))

    def add_ties(self, scores: np.ndarray, expected: np.ndarray, outputs: np.ndarray) -> None:
        """Take note of pixels that differ only for rounding, see ``count_ties``."""
        self._ties += count_ties(scores, expected, outputs)

    def add_truth(self, truth: np.ndarray, ids: Mapping[str, np.ndarray]) -> None:
        """Hold labellings of a frame, by name, against ground truth; all (H, W) uint8."""
        self._labelled = True
        for name, found in ids.items():
            self._matrices[name].add(truth, found)

    def miou(self) -> dict[str, float]:
        """Return the mIoU of each labelling; empty without ground truth."""
        return {n: m.miou() for n, m in self._matrices.items()} if self._labelled else {}

    def parity(self, *, engine: str, source: str, tolerance: float) -> Parity:
        """Return what was found.

        Args:
            engine: What ran the model.
            source: Where the frames came from.
            tolerance: Smallest accepted agreement of a class.
        """
        agreement, judged = agreement_by_class(self._joint, self._metadata)
        miou, joint = self.miou(), self._joint
        return Parity(
            engine=engine,
            source=source,
            frames=self._frames,
            tolerance=tolerance,
            agreement=agreement,
            judged=judged,
            failed=tuple(name for name in judged if (agreement[name] or 0.0) < tolerance),
            pixels=int(joint.sum()),
            different_pixels=int(joint.sum() - joint.trace()),
            ties=self._ties,
            logit_difference=self._difference if math.isfinite(self._difference) else None,
            logit_size=self._size,
            miou={name: miou[name] for name in (self._reference, 'model')} if miou else {},
            reference=self._reference,
        )


def count_ties(scores: np.ndarray, expected: np.ndarray, outputs: np.ndarray) -> int:
    """Count pixels whose outputs differ though torch scores both alike."""
    rows, columns = np.nonzero(expected != outputs)
    ours = scores[expected[rows, columns], rows, columns]
    theirs = scores[outputs[rows, columns], rows, columns]
    return int((np.abs(ours - theirs) <= TIE * np.abs(scores).max()).sum())


def id_table(metadata: ModelMetadata) -> np.ndarray:
    """Return the (256,) uint8 table from output index to class id."""
    table = output_table(metadata)
    return np.arange(256, dtype=np.uint8) if table is None else table


def finished_labels(
    logits: np.ndarray, metadata: ModelMetadata, size_hw: tuple[int, ...]
) -> np.ndarray:
    """Label as a segmenter does, at the ground truth's size."""
    labels = labels_from_logits(
        logits[0], (size_hw[0], size_hw[1]), align_corners=metadata.align_corners
    )
    return id_table(metadata)[labels]


def agreement_by_class(
    joint: np.ndarray, metadata: ModelMetadata
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    """Return the agreement of every class, and the classes on enough pixels to be judged."""
    names = dict(enumerate(metadata.labels.names))
    if metadata.unlabelled_output is not None:
        names[UNLABELLED] = 'unlabelled'
    agreement: dict[str, float | None] = {}
    judged = []
    for index, name in names.items():
        both = int(joint[index, index])
        either = int(joint[index].sum() + joint[:, index].sum()) - both
        agreement[name] = both / either if either else None
        if either > JUDGED_SHARE * joint.sum():
            judged.append(name)
    return agreement, tuple(judged)
