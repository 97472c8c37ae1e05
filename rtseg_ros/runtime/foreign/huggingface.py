# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hugging Face: ``preprocessor_config.json`` and ``config.json`` beside a model.

https://huggingface.co/docs/transformers/main_classes/image_processor says what the keys mean.
"""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

from rtseg_ros.runtime.foreign.sidecar import (
    Normalisation,
    Sidecar,
    SidecarError,
    label_set,
    read_json,
    size_of,
    triple,
)

_PROCESSOR, _CONFIG = 'preprocessor_config.json', 'config.json'
# What the library writes where nobody named the classes.
_UNNAMED = re.compile(r'LABEL_\d+')
_LICENCE = re.compile(r'\A---\n.*?^license:\s*(\S+)$.*?^---$', re.MULTILINE | re.DOTALL)


def read_huggingface(path: Path, properties: Mapping[str, str]) -> Sidecar | None:
    """Return what the files of Hugging Face beside a model say; None without them.

    Raises:
        SidecarError: If they are damaged.
    """
    folder = path.parent
    # transformers.js and optimum put models into a folder onnx/ below the files.
    if folder.name == 'onnx' and not (folder / _CONFIG).exists():
        folder = folder.parent
    processor, config = read_json(folder / _PROCESSOR), read_json(folder / _CONFIG)
    named = config is not None and isinstance(config.get('id2label'), dict)
    if processor is None and not named:
        return None
    notes = []
    labels = None
    if named and config is not None:
        names = _names(config['id2label'])
        if all(_UNNAMED.fullmatch(name) for name in names):
            notes.append(f'{_CONFIG} has no names of classes, only {names[0]} and so on')
        else:
            labels = label_set(names, f'id2label in {_CONFIG}')
    normalisation, size_hw = None, None
    if processor is not None:
        normalisation, size_hw = _normalisation(processor), _size(processor.get('size'))
        if processor.get('do_reduce_labels') or processor.get('reduce_labels'):
            notes.append(
                f'{_PROCESSOR} says do_reduce_labels: ground truth of its data set counts from 1'
            )
        if processor.get('do_center_crop') or processor.get('do_pad'):
            notes.append(f'{_PROCESSOR} crops or pads; here frames are resized as a whole')
    return Sidecar(
        program='Hugging Face',
        labels=labels,
        labels_from=_CONFIG,
        normalisation=normalisation,
        normalisation_from=_PROCESSOR,
        size_hw=size_hw,
        licence=_licence(folder / 'README.md'),
        notes=tuple(notes),
    )


def _names(id2label: Mapping[str, Any]) -> list[str]:
    try:
        by_id = {int(key): name for key, name in id2label.items()}
    except ValueError as error:
        raise SidecarError(f'id2label in {_CONFIG} has a key that is no number') from error
    if sorted(by_id) != list(range(len(by_id))):
        raise SidecarError(f'id2label in {_CONFIG} does not number its classes from 0')
    names = [by_id[index] for index in range(len(by_id))]
    if not names or not all(isinstance(name, str) for name in names):
        raise SidecarError(f'id2label in {_CONFIG}: class names must be text')
    return names


def _normalisation(processor: Mapping[str, Any]) -> Normalisation:
    """Translate ``(x * rescale_factor - mean) / std``, each step only where it is done."""
    factor = 1.0
    if processor.get('do_rescale', True):
        factor = processor.get('rescale_factor', 1 / 255)
        if not isinstance(factor, int | float) or not factor > 0:
            raise SidecarError(f'rescale_factor in {_PROCESSOR} is {factor!r}')
    mean, std = [0.0] * 3, [1.0] * 3
    if processor.get('do_normalize', 'image_mean' in processor):
        mean, std = processor.get('image_mean', mean), processor.get('image_std', std)
    order = 'bgr' if processor.get('do_flip_channel_order') else 'rgb'
    return Normalisation(
        order,
        triple(mean, f'image_mean in {_PROCESSOR}', factor=1 / factor),
        triple(std, f'image_std in {_PROCESSOR}', factor=1 / factor),
    )


def _size(size: object) -> tuple[int, int] | None:
    if isinstance(size, dict):
        return size_of(size.get('height'), size.get('width'))
    return size_of(size, size)  # older files: one number


def _licence(readme: Path) -> str:
    try:
        found = _LICENCE.search(readme.read_text(encoding='utf-8')[:10000])
    except (OSError, ValueError):
        return ''
    return found[1] if found else ''
