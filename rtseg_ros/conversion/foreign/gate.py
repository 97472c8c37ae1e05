"""The gate of an import: does our model label frames as the original file does?"""

from collections.abc import Sequence
import math

import numpy as np
import onnxruntime as ort

from rtseg_ros.conversion.foreign.importing import Imported
from rtseg_ros.conversion.foreign.original import output_scores
from rtseg_ros.conversion.parity import (
    Parity,
    agreement_by_class,
    count_ties,
    finished_labels,
    id_table,
)
from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sources import Item
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.progress import Counted
from rtseg_ros.runtime.geometry import nearest
from rtseg_ros.runtime.preprocess import resized_frame

REFERENCE = 'the original'
# A channel order that scores so much better was meant.
CLEARLY_BETTER = 0.05


def compare_with_original(
    imported: Imported,
    content: bytes,
    items: Sequence[Item],
    *,
    source: str,
    tolerance: float,
    progress: Counted,
    threshold: float,
) -> tuple[Parity, tuple[str, ...]]:
    """Label frames with the original file and with ours, at the size of the original's output.

    Args:
        imported: The original and what was decided on it.
        content: Our model file, in whatever precision.
        items: At least one frame; ground truth is used where it is there.
        source: Where the frames came from, for the record.
        tolerance: Smallest accepted agreement of a class, 0..1.
        progress: Called with frames done and in all.
        threshold: Of a model with one channel.

    Returns:
        What was found, and notes on it: the other channel order where it scores.
    """
    metadata, wanted = imported.metadata, imported.output
    try:
        session = ort.InferenceSession(content, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime raises its own unrelated types
        raise ConversionError(f'ONNX Runtime cannot load the result: {error}') from error
    names = ['labels'] if wanted.kind == 'labels' else ['logits']
    table = id_table(metadata)
    classes = metadata.labels.num_classes
    joint = np.zeros((256, 256), np.int64)  # rows: the original
    matrices = {name: ConfusionMatrix(classes) for name in (REFERENCE, 'model', 'swapped')}
    difference = size = 0.0
    labelled = ties = 0

    def ids(scores: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
        if scores.ndim == 2:
            return nearest(scores, (size_hw[0], size_hw[1]))
        return finished_labels(scores[None], metadata, size_hw)

    for number, item in enumerate(items):
        progress(number, len(items))
        frame, truth = item.frame(), item.truth()
        expected = output_scores(imported.original.run(frame), wanted, threshold)
        resized = resized_frame(frame, metadata.preprocessing.size_hw)
        (values,) = session.run(names, {'image': np.ascontiguousarray(resized)[None]})
        found = values[0]
        if expected.ndim == 2:
            pairs = nearest(expected, found.shape).astype(np.int64) * 256 + found
        else:
            theirs, ours = (s.argmax(axis=0).astype(np.uint8) for s in (expected, found))
            pairs = table[theirs].astype(np.int64) * 256 + table[ours]
            ties += count_ties(expected, theirs, ours)
            gap = float(np.abs(found - expected).max())
            difference = gap if math.isnan(gap) else max(difference, gap)
            size = max(size, float(np.abs(expected).max()))
        joint += np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)
        if truth is not None:
            labelled += 1
            swapped = output_scores(imported.original.run(frame, swapped=True), wanted, threshold)
            for name, scores in ((REFERENCE, expected), ('model', found), ('swapped', swapped)):
                matrices[name].add(truth, ids(scores, truth.shape))
    progress(len(items), len(items))
    miou = {name: matrix.miou() for name, matrix in matrices.items()} if labelled else {}
    agreement, judged = agreement_by_class(joint, metadata)
    parity = Parity(
        engine=f'ONNX Runtime {ort.__version__} on the CPU',
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
        miou={name: miou[name] for name in (REFERENCE, 'model')} if miou else {},
        reference=REFERENCE,
    )
    return parity, _order_note(imported, miou)


def _order_note(imported: Imported, miou: dict[str, float]) -> tuple[str, ...]:
    if not miou:
        return ('preprocessing as told, not verified',)
    order = imported.metadata.preprocessing.channel_order
    other = 'bgr' if order == 'rgb' else 'rgb'
    text = f'mIoU {miou[REFERENCE]:.4f} in {order}, as told, {miou["swapped"]:.4f} in {other}'
    if miou['swapped'] > miou[REFERENCE] + CLEARLY_BETTER:
        text += f', which is clearly better: give --channel-order {other}'
    return (text,)
