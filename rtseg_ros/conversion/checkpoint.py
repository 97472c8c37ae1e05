"""Read weights out of somebody's training checkpoint; nothing in the file is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import math
from pathlib import Path
import pickle
import pickletools
import re
from typing import Any
import warnings

import torch
from torch import Tensor

from rtseg_ros.errors import CheckpointError
from rtseg_ros.labels import LabelSet, label_set_from_dict
from rtseg_ros.runtime.preprocess import Preprocessing, preprocessing_from_dict
from rtseg_ros.training.checkpoint import FORMAT

# Where training loops keep the weights. Averaged weights come first: they are what a run that
# averages validates and publishes.
CONTAINERS = (
    'ema', 'model_ema', 'ema_state_dict', 'state_dict', 'model_state_dict', 'model_state',
    'model', 'net', 'network', 'weights', 'module',
)  # fmt: skip
# What wrappers put before every key: DataParallel, torch.compile, Lightning and the like.
PREFIXES = ('module.', '_orig_mod.', 'model.', 'net.', 'network.')
# Counters that wrappers add beside the weights.
_COUNTERS = ('n_averaged', 'updates', 'num_updates')
_SAVE_AGAIN = (
    'load it where it was made and save the weights alone: torch.save(model.state_dict(), path)'
)


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
    """

    path: Path
    sha256: str
    container: str
    weights: Mapping[str, Tensor]
    network: str | None = None
    labels: LabelSet | None = None
    preprocessing: Preprocessing | None = None
    accuracy: Mapping[str, Any] = field(default_factory=dict)


def read_checkpoint(path: str | Path, container: str = '') -> Checkpoint:
    """Read a torch or safetensors file.

    Args:
        path: The file; its name does not matter, its content does.
        container: Key of the weights in a training checkpoint; found by itself if empty.

    Raises:
        CheckpointError: If the file cannot be read, would run code, or holds no weights.
    """
    path = Path(path)
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
    _refuse_other_files(path, start)
    is_safetensors = start[8:9] == b'{' and start[:1] != b'\x80'
    content = _safetensors(path) if is_safetensors else _torch_file(path)
    found, values = _find_weights(content, path, container)
    facts = _own_facts(content) if content.get('format') == FORMAT else {}
    return Checkpoint(path, digest.hexdigest(), found, _tensors(values, path), **facts)


def _refuse_other_files(path: Path, start: bytes) -> None:
    text = start.lstrip().lower()
    problem = None
    if not start:
        problem = 'is empty; copy or download it again'
    elif text.startswith((b'<!doctype', b'<html', b'<?xml')):
        problem = (
            'is a web page, not weights: the download gave a page (a log-in, a quota or a '
            '"not found") instead of the file; download it again and look at its size'
        )
    elif text.startswith(b'version https://git-lfs'):
        problem = "is a Git LFS pointer, not the weights; fetch them with 'git lfs pull'"
    if problem:
        raise CheckpointError(f"'{path}' {problem}")


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


def _torch_file(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what torch warns of is refused below
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"'{path}' is refused: {_refusal(path, str(error))}") from error
    except Exception as error:  # torch raises many unrelated types for a broken file
        message = str(error).split('. ')[0] or type(error).__name__
        if 'TorchScript' in message:
            raise CheckpointError(
                f"'{path}' is a TorchScript program, not weights; {_SAVE_AGAIN}"
            ) from error
        raise CheckpointError(
            f"'{path}' is damaged or cut off ({message}); copy or download it again"
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"'{path}' holds a {type(content).__name__}; expected a state_dict or a training "
            f'checkpoint (a dict); {_SAVE_AGAIN}'
        )
    return dict(content)


def _refusal(path: Path, message: str) -> str:
    """Say in one sentence why torch would not unpickle the file."""
    named = re.search(r'GLOBAL ([\w.]+)', message)
    names = [named.group(1)] if named else _pickled_names(path)
    if names:
        return (
            f'it wants to call {", ".join(names)}, and nothing in a checkpoint is run here; '
            f'{_SAVE_AGAIN}'
        )
    return f'it is not a file that torch.save writes for weights; {_SAVE_AGAIN}'


def _pickled_names(path: Path) -> list[str]:
    """Names that a bare pickle would import, read without unpickling it."""
    names, texts = [], ['', '']
    try:
        for opcode, argument, _ in pickletools.genops(path.read_bytes()):
            if opcode.name == 'GLOBAL':
                names.append(str(argument).replace(' ', '.'))
            elif opcode.name == 'STACK_GLOBAL':
                names.append('.'.join(texts[-2:]))
            elif isinstance(argument, str):
                texts.append(argument)
    except ValueError:
        pass  # not a whole pickle: what was named up to here is what is known
    return names[:3]


def _find_weights(
    content: Mapping[str, Any], path: Path, container: str
) -> tuple[str, Mapping[str, Any]]:
    if container:
        if not isinstance(content.get(container), Mapping):
            raise CheckpointError(f"'{path}' has no weights under '{container}'; {_has(content)}")
        inner, weights = _find_weights(content[container], path, '')
        return f'{container}.{inner}'.rstrip('.'), weights
    if not any(isinstance(value, Mapping) for value in content.values()):
        if any(isinstance(value, Tensor) for value in content.values()):
            return '', content
    for key in CONTAINERS:
        if isinstance(content.get(key), Mapping) and content[key]:
            return _find_weights(content, path, key)
    raise CheckpointError(
        f"no weights found in '{path}'; {_has(content)}. If one of them holds the weights, name "
        'it with --weights-key'
    )


def _has(content: Mapping[str, Any]) -> str:
    keys = [str(key) for key in content]
    more = f' and {len(keys) - 8} more' if len(keys) > 8 else ''
    return f'it has the keys {", ".join(keys[:8])}{more}'


def _tensors(values: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Return the tensors without wrapper prefixes, checked for numbers that are none."""
    weights = {
        str(key): value
        for key, value in values.items()
        if isinstance(value, Tensor) and key not in _COUNTERS
    }
    if not weights:
        raise CheckpointError(f"'{path}' holds no tensors where the weights should be")
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in weights)), ''):
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    for key, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(
                f"'{path}': {key} holds values that are not finite; the training run diverged, "
                'use an earlier checkpoint'
            )
    return weights


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
    }
