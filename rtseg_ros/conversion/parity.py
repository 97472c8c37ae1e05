"""The parity gate: does the exported model label frames as the torch network does?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from torch.nn import functional as F

from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sources import Item
from rtseg_ros.labels import UNLABELLED
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.model_file import ModelMetadata, output_table
from rtseg_ros.runtime.preprocess import image_from_frame, resized_frame
from rtseg_ros.runtime.upsample import labels_from_logits

# Smallest agreement of a class that is accepted, by precision.
TOLERANCES = {'fp32': 0.999, 'fp16': 0.9, 'int8': 0.7}
# Classes on fewer of the compared pixels than this are reported and not judged: of a class with
# three pixels, one would decide.
JUDGED_SHARE = 1e-4
# Scores nearer than this share of the largest logit are equal but for float32 rounding.
TIE = 2.0**-20

# uint8 (1, H, W, 3) -> logits float32 (1, K, h, w), labels uint8 (1, H, W) with the table applied.
Inference = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


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


def compare(
    network: SegmentationNetwork,
    infer: Inference,
    metadata: ModelMetadata,
    items: Sequence[Item],
    *,
    engine: str,
    source: str,
    tolerance: float,
    progress: Callable[[int, int], None],
) -> Parity:
    """Label frames with torch and with the exported model.

    Args:
        network: In eval mode, on the CPU.
        infer: Runs the exported model.
        metadata: Of the exported model.
        items: At least one frame; ground truth is used where it is there.
        engine: Name of what ``infer`` runs on, for the record.
        source: Where the frames came from, for the record.
        tolerance: Smallest accepted agreement of a class, 0..1.
        progress: Called with frames done and in all.

    Raises:
        FrameError: If a frame cannot be read.
    """
    classes = metadata.labels.num_classes
    joint = np.zeros((256, 256), np.int64)  # rows: torch
    table = id_table(metadata)
    output_of_id = np.zeros(256, np.uint8)
    output_of_id[table[: classes + 1]] = np.arange(classes + 1)
    difference = size = 0.0
    matrices = {'torch': ConfusionMatrix(classes), 'model': ConfusionMatrix(classes)}
    labelled = ties = 0
    for number, item in enumerate(items):
        progress(number, len(items))
        frame, truth = item.frame(), item.truth()
        expected_logits, scores = _torch_scores(network, metadata, frame)
        expected = scores.argmax(axis=0).astype(np.uint8)
        resized = resized_frame(frame, metadata.preprocessing.size_hw)
        logits, labels = infer(np.ascontiguousarray(resized)[None])
        pairs = table[expected].astype(np.int64) * 256 + labels[0]
        joint += np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)
        gap = float(np.abs(logits - expected_logits).max())
        difference = gap if math.isnan(gap) else max(difference, gap)
        size = max(size, float(np.abs(expected_logits).max()))
        ties += count_ties(scores, expected, output_of_id[labels[0]])
        if truth is not None:
            labelled += 1
            for name, scores in (('torch', expected_logits), ('model', logits)):
                matrices[name].add(truth, finished_labels(scores, metadata, truth.shape))
    progress(len(items), len(items))
    agreement, judged = agreement_by_class(joint, metadata)
    return Parity(
        engine=engine,
        source=source,
        frames=len(items),
        tolerance=tolerance,
        agreement=agreement,
        judged=judged,
        failed=tuple(name for name in judged if (agreement[name] or 0.0) < tolerance),
        pixels=int(joint.sum()),
        different_pixels=int(joint.sum() - joint.trace()),
        ties=ties,
        logit_difference=difference if math.isfinite(difference) else None,
        logit_size=size,
        miou={name: m.miou() for name, m in matrices.items()} if labelled else {},
    )


def onnxruntime_inference(content: bytes) -> Inference:
    """Run a whole model file, both outputs, with ONNX Runtime on the CPU.

    Raises:
        ConversionError: If ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime raises its own unrelated types
        raise ConversionError(f'ONNX Runtime cannot load the exported model: {error}') from error

    def infer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, labels = session.run(['logits', 'labels'], {'image': image})
        return logits, labels

    return infer


def engine_inference(engine: Engine) -> Inference:
    """Run a model by its logits, as a segmenter does, on whatever device the engine uses."""
    metadata = engine.model.metadata

    def infer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = engine.infer(image)['logits']
        return logits, finished_labels(logits, metadata, metadata.preprocessing.size_hw)[None]

    return infer


@torch.no_grad()
def _torch_scores(
    network: SegmentationNetwork, metadata: ModelMetadata, frame: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits (1, K, h, w) and scores (K, H, W) at the network's size."""
    image = torch.from_numpy(image_from_frame(frame, metadata.preprocessing))
    logits = network.coarse_logits(image)
    scores = logits
    if scores.shape[2:] != image.shape[2:]:
        scores = F.interpolate(
            scores, size=image.shape[2:], mode='bilinear', align_corners=metadata.align_corners
        )
    return logits.numpy(), scores[0].numpy()


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
