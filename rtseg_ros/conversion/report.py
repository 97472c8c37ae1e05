# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report that lies next to a converted model, for people."""

from rtseg_ros.conversion.parity import Parity
from rtseg_ros.runtime.model_file import ModelMetadata


def report(
    name: str, metadata: ModelMetadata, parity: Parity, *, sha256: str, notes: list[str]
) -> str:
    """Return Markdown that says what the model is and how near it is to torch.

    Args:
        name: File name of the model.
        metadata: Its metadata.
        parity: What the gate found.
        sha256: Hash of the model file.
        notes: What the converter decided, one sentence each.
    """
    preprocessing = metadata.preprocessing
    height, width = preprocessing.size_hw
    verdict = 'passed' if parity.passed else f'MISSED ({", ".join(parity.failed) or "logits"})'
    lines = [
        f'# {name}',
        '',
        f'{metadata.network}, {metadata.labels.name} ({metadata.labels.num_classes} classes), '
        f'{metadata.precision}, input {width}x{height} (width x height).',
        '',
        f'- sha256 of this model: `{sha256}`',
        f'- sha256 of the source: `{metadata.checkpoint_sha256}`',
        f'- preprocessing: {preprocessing.channel_order}, mean {_numbers(preprocessing.mean)}, '
        f'std {_numbers(preprocessing.std)}, scale {preprocessing.scale:g}',
        *(f'- {note}' for note in notes),
    ]
    if metadata.accuracy:
        miou, data = metadata.accuracy['miou'], metadata.accuracy['data']
        lines.append(f'- accuracy recorded in the checkpoint: mIoU {miou:.4f} on {data}')
    lines += [
        '',
        f'## Comparison with {parity.reference}',
        '',
        f'Tolerance {parity.tolerance:g} for every class: **{verdict}**. {parity.frames} frames '
        f'from {parity.source}, run by {parity.engine}: {parity.summary()}.',
        '',
        '| class | agreement |',
        '|---|---|',
    ]
    for class_name, value in parity.agreement.items():
        mark = ' **missed**' if class_name in parity.failed else ''
        if value is not None and class_name not in parity.judged:
            mark = ' (too few pixels to judge)'
        lines.append(f'| {class_name} | {"not seen" if value is None else f"{value:.5f}"}{mark} |')
    lines += [
        '',
        'Agreement: pixels that both give the class, over pixels that either gives it.',
        '',
    ]
    return '\n'.join(lines)


def _numbers(values: tuple[float, ...]) -> str:
    return ' '.join(f'{value:g}' for value in values)
