# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read weights out of somebody's training checkpoint; nothing in the file is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtseg_ros.conversion.checkpoints.choosing import choose_weights
from rtseg_ros.conversion.checkpoints.file_kinds import (
    is_safetensors,
    refuse_other_files,
    weights_file,
)
from rtseg_ros.conversion.checkpoints.inert import Inert, TensorRecord
from rtseg_ros.conversion.checkpoints.keys import (
    ignored,
    of_prefix,
    summary,
    with_masks,
    without_average_buffers,
    without_counters,
    without_wrappers,
)
from rtseg_ros.conversion.checkpoints.tensors import TensorReader, why_not, why_not_type
from rtseg_ros.conversion.checkpoints.torch_file import SAVE_AGAIN, read_torch_file
from rtseg_ros.errors import CheckpointError, LabelSetError, ModelFileError
from rtseg_ros.labels import LabelSet, label_set_from_dict
from rtseg_ros.runtime.preprocess import Preprocessing, preprocessing_from_dict
from rtseg_ros.runtime.trained_on import TrainedOn, trained_on_from_dict
from rtseg_ros.training.checkpoint import FORMAT

# What a model's metadata repeat of the run that made its weights.
_TRAINING = ('recipe', 'epoch', 'legs', 'seed', 'precision', 'starts_from', 'command', 'versions')


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and what the file says about them.

    Attributes:
        path: Where it was read from.
        sha256: Of the whole file.
        container: Key that held the weights; empty if the file is a bare state_dict.
        weights: Tensors by key, wrapper prefixes removed.
        network: Name in the zoo, if ``rtseg train`` wrote the file.
        labels: Label set, likewise.
        preprocessing: Likewise.
        accuracy: Measured by the training run, likewise; empty if unknown.
        trained_on: Frames that trained the weights, likewise.
        training: How they were trained, likewise, for a model's metadata.
        notes: What was taken, stripped and left out where that was a choice, one sentence each.
    """

    path: Path
    sha256: str
    container: str
    weights: Mapping[str, Tensor]
    network: str | None = None
    labels: LabelSet | None = None
    preprocessing: Preprocessing | None = None
    accuracy: Mapping[str, Any] = field(default_factory=dict)
    trained_on: tuple[TrainedOn, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_checkpoint(
    path: str | Path, container: str = '', *, prefix: str = '', ignore_keys: str = ''
) -> Checkpoint:
    """Read a torch or safetensors file.

    Args:
        path: The file, or a model folder with one in it; names do not matter, content does.
        container: Key of the weights in a training checkpoint; found by itself if empty.
        prefix: Take only the keys below it.
        ignore_keys: Shell patterns of keys to leave out, separated by commas.

    Raises:
        CheckpointError: If the file cannot be read, holds no weights, or holds them in objects
            that would have to be run.
    """
    path = weights_file(Path(path))
    sha256, start = _hash_and_start(path)
    refuse_other_files(path, start)
    content: Any
    if is_safetensors(start):
        content, reader = _safetensors(path), None
    else:
        file = read_torch_file(path)
        content, reader = file.value, TensorReader(path, file.read)
    chosen = choose_weights(content, path, container)
    weights, notes = _weights(chosen.values, path, reader, prefix, ignore_keys)
    own = isinstance(content, Mapping) and content.get('format') == FORMAT
    try:
        facts = _own_facts(content) if own else {}
    except (LookupError, TypeError, ValueError, LabelSetError, ModelFileError) as error:
        raise CheckpointError(
            f"'{path}' was written by rtseg train, but lacks or misstates {error}; take another "
            'of its checkpoints'
        ) from error
    notes = (*chosen.notes, *notes)
    return Checkpoint(path, sha256, chosen.container, weights, notes=notes, **facts)


def _hash_and_start(path: Path) -> tuple[str, bytes]:
    digest = hashlib.sha256()
    try:
        with path.open('rb') as file:
            start = file.read(512)
            digest.update(start)
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint '{path}' cannot be read: {error.strerror or error}"
        ) from error
    return digest.hexdigest(), start


def _safetensors(path: Path) -> dict[str, Any]:
    # Imported here: only users of this format need the package.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise CheckpointError(
            f"'{path}' is a broken safetensors file ({error}); copy or download it again"
        ) from error


def _weights(
    values: Mapping[Any, Any],
    path: Path,
    reader: TensorReader | None,
    prefix: str,
    ignore_keys: str,
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors without wrapper prefixes, and notes; nothing unusable among them."""
    notes = []
    kept = {str(key): value for key, value in values.items()}
    left_out = ignored(kept, ignore_keys)
    if left_out:
        notes.append(f'left out because of --ignore-keys: {summary(sorted(left_out))}')
    kept = {key: value for key, value in kept.items() if key not in left_out}
    if prefix:
        notes.append(f"only the keys below '{prefix}', because of --weights-prefix")
        kept = of_prefix(kept, prefix)
    kept, averages = without_average_buffers(without_counters(kept))
    if averages:
        notes.append(f'{averages} ema_* buffers left out: the plain keys hold the average')
    tensors = {key: _tensor(key, value, path, reader) for key, value in kept.items()}
    weights = {key: value for key, value in tensors.items() if value is not None}
    if not weights:
        raise CheckpointError(f"'{path}' holds no tensors where the weights should be")
    weights, removed = without_wrappers(weights)
    if removed:
        notes.append(f"'{removed}' taken away from all keys")
    weights, pruned = with_masks(weights)
    if pruned:
        notes.append(f'{pruned} pruned weights multiplied with their masks')
    for key, value in weights.items():
        _check_numbers(path, key, value)
    return weights, tuple(notes)


def _tensor(key: str, value: Any, path: Path, reader: TensorReader | None) -> Tensor | None:
    """Read one tensor; None for what is none and needs no word."""
    problem = ''
    if isinstance(value, Tensor):  # from safetensors
        problem = why_not_type(value.dtype)
        if not problem:
            return value
    elif isinstance(value, TensorRecord):
        problem = why_not(value)
        if not problem:
            assert reader is not None
            return reader.tensor(key, value)
    elif isinstance(value, Inert) and not key.endswith('_extra_state'):
        problem = f'is a {value.name} object, and nothing in a checkpoint is run here'
    if problem:
        raise CheckpointError(
            f"'{path}' is refused: {key} {problem}. If the network does without it: "
            f"--ignore-keys '{key}'. If not: {SAVE_AGAIN}"
        )
    return None


def _check_numbers(path: Path, key: str, value: Tensor) -> None:
    if not value.is_floating_point():
        return
    if not bool(torch.isfinite(value).all()):
        raise CheckpointError(
            f"'{path}': {key} holds values that are not finite; the training run diverged, "
            'use an earlier checkpoint'
        )
    if value.dtype == torch.float64 and not bool(torch.isfinite(value.float()).all()):
        raise CheckpointError(
            f"'{path}': {key} holds values up to {float(value.abs().max()):.3g}, more than "
            'float32 can hold; the training run diverged, use an earlier checkpoint'
        )


def _own_facts(content: Mapping[str, Any]) -> dict[str, Any]:
    accuracy: dict[str, Any] = {}
    labels = label_set_from_dict(content['label_set'], source='checkpoint')
    if 'iou' in content:  # best.pth: its figures belong to these weights
        accuracy = {
            'data': content['val_data'],
            'miou': content['best_miou'],
            'iou': {
                name: None if math.isnan(value) else value
                for name, value in zip(labels.names, content['iou'], strict=True)
            },
        }
    return {
        'network': content['network'],
        'labels': labels,
        'preprocessing': preprocessing_from_dict(content['preprocessing']),
        'accuracy': accuracy,
        'trained_on': tuple(map(trained_on_from_dict, content.get('trained_on', ()))),
        'training': {name: content[name] for name in _TRAINING if name in content},
    }
