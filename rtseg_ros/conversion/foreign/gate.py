# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The gate of an import: our model has to label frames as the original file does."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from rtseg_ros.conversion.foreign.importing import Imported
from rtseg_ros.conversion.foreign.original import output_scores
from rtseg_ros.conversion.parity import Differences, Parity, finished_labels, id_table
from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sources import Item
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
    differences = Differences(metadata, reference=REFERENCE, others=('swapped',))

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
            differences.add_ids(nearest(expected, found.shape), found)
        else:
            theirs, ours = (s.argmax(axis=0).astype(np.uint8) for s in (expected, found))
            differences.add_ids(table[theirs], table[ours])
            differences.add_ties(expected, theirs, ours)
            differences.add_logits(expected, found)
        if truth is not None:
            swapped = output_scores(imported.original.run(frame, swapped=True), wanted, threshold)
            all_scores = {REFERENCE: expected, 'model': found, 'swapped': swapped}
            differences.add_truth(truth, {n: ids(s, truth.shape) for n, s in all_scores.items()})
    progress(len(items), len(items))
    parity = differences.parity(
        engine=f'ONNX Runtime {ort.__version__} on the CPU', source=source, tolerance=tolerance
    )
    return parity, _order_note(imported, differences.miou())


def _order_note(imported: Imported, miou: dict[str, float]) -> tuple[str, ...]:
    if not miou:
        return ('preprocessing as told, not verified',)
    order = imported.metadata.preprocessing.channel_order
    other = 'bgr' if order == 'rgb' else 'rgb'
    text = f'mIoU {miou[REFERENCE]:.4f} in {order}, as told, {miou["swapped"]:.4f} in {other}'
    if miou['swapped'] > miou[REFERENCE] + CLEARLY_BETTER:
        text += f', which is clearly better: give --channel-order {other}'
    return (text,)
