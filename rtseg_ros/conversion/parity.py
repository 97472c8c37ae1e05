"""What the comparison of a model with its source finds: labels, classes, logits, mIoU."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rtseg_ros.labels import UNLABELLED
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
