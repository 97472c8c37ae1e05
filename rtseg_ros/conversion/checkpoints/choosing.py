# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Find the weights in a training checkpoint, and say which ones were taken and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any

from torch import Tensor

from rtseg_ros.conversion.checkpoints.inert import Inert, TensorRecord
from rtseg_ros.conversion.checkpoints.torch_file import SAVE_AGAIN
from rtseg_ros.errors import CheckpointError

# Where training loops keep the weights. Averaged weights come first: they are what a run that
# averages validates and publishes.
AVERAGED = ('ema', 'model_ema', 'state_dict_ema', 'ema_state_dict', 'params_ema')
CONTAINERS = (
    *AVERAGED, 'state_dict', 'model_state_dict', 'model_state', 'model', 'net', 'network',
    'weights', 'module',
)  # fmt: skip
# What is no network: never taken for the only weights of a file.
_OTHERS = re.compile(r'optim|sched|scaler|loss|criterion|metric|history|hyper|config|args|amp')
_AVERAGED = re.compile(r'(^|_)(ema|swa|avg|averaged?|teacher)(_|$)')
_DEEPEST = 5


@dataclass(frozen=True)
class Chosen:
    """The weights that were taken.

    Attributes:
        container: Keys that lead to them, joined by points; empty if the file is a state_dict.
        values: All that lies there, tensors among other things.
        notes: Why these, where there was a choice.
    """

    container: str
    values: Mapping[Any, Any]
    notes: tuple[str, ...] = ()


def choose_weights(content: Any, path: Path, container: str = '') -> Chosen:
    """Find the weights.

    Args:
        content: What the file holds.
        path: For messages.
        container: Key of the weights; found if empty.

    Raises:
        CheckpointError: If there are none, if several could be meant, or if they are kept in
            objects that would have to be run.
    """
    if isinstance(content, Inert):
        raise _hidden(path, 'the file', content)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"'{path}' holds a {type(content).__name__}; expected a state_dict or a training "
            f'checkpoint (a dict); {SAVE_AGAIN}'
        )
    if container:
        return _named(content, path, container)
    found = _find(content, 0)
    if found is not None:
        return found
    names = [key for key in (*CONTAINERS, *content) if _is_object(content.get(key))]
    if names:
        raise _hidden(path, f"'{names[0]}'", content[names[0]])
    raise CheckpointError(
        f"no weights found in '{path}'; {_has(content)}. If one of them holds the weights, name "
        'it with --weights-key'
    )


def is_averaged(name: str) -> bool:
    """Tell a name that training loops give to averaged weights."""
    return bool(_AVERAGED.search(name))


def _named(content: Mapping[Any, Any], path: Path, container: str) -> Chosen:
    value: Any = content.get(container)
    if value is None and '.' in container:
        value = content
        for part in container.split('.'):
            value = value.get(part) if isinstance(value, Mapping) else None
    if _is_object(value):
        raise _hidden(path, f"'{container}'", value)
    found = _find(value, 1) if isinstance(value, Mapping) else None
    if found is None:
        raise CheckpointError(f"'{path}' has no weights under '{container}'; {_has(content)}")
    return Chosen(f'{container}.{found.container}'.rstrip('.'), found.values, found.notes)


def _find(content: Mapping[Any, Any], depth: int) -> Chosen | None:
    """Find the weights in a dict, or in one of its dicts; None if there are none."""
    if depth > _DEEPEST:  # a dict can hold itself
        return None
    if _is_state_dict(content):
        return Chosen('', content)
    swapped = _swapped(content)
    if swapped is not None:
        return swapped
    passed: list[str] = []
    for key in CONTAINERS:
        value = content.get(key)
        found = _find(value, depth + 1) if isinstance(value, Mapping) else None
        if found is not None:
            return _with_notes(key, found, passed, content)
        if value is not None and (_is_object(value) or key in AVERAGED):
            what = f'a {value.name} object' if _is_object(value) else 'no weights by key'
            passed.append(f"'{key}' holds {what} and was passed over")
    return _only_one(content, depth, passed)


def _swapped(content: Mapping[Any, Any]) -> Chosen | None:
    """Return mmengine's weights: where its counter is there, it has swapped the two dicts."""
    raw, average = content.get('ema_state_dict'), content.get('state_dict')
    if isinstance(raw, Mapping) and 'steps' in raw and isinstance(average, Mapping):
        if _is_state_dict(average):
            note = (
                "averaged weights: mmengine's hook swaps them when it saves, so they are in "
                "'state_dict' and the others in 'ema_state_dict'"
            )
            return Chosen('state_dict', average, (note,))
    return None


def _only_one(content: Mapping[Any, Any], depth: int, passed: list[str]) -> Chosen | None:
    """Return the only weights under a name that is not among the usual ones."""
    candidates = {}
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping) and not _OTHERS.search(key.lower()):
            found = _find(value, depth + 1)
            if found is not None:
                candidates[key] = found
    averaged = [key for key in candidates if is_averaged(key.lower())]
    chosen = averaged if len(averaged) == 1 else list(candidates)
    if len(chosen) != 1:
        return None
    if len(candidates) == 1:
        passed = [*passed, f"'{chosen[0]}' holds the only weights"]
    return _with_notes(chosen[0], candidates[chosen[0]], passed, content)


def _with_notes(key: str, found: Chosen, passed: list[str], content: Mapping[Any, Any]) -> Chosen:
    notes = [*passed, *found.notes]
    others = [
        other
        for other, value in content.items()
        if other != key and isinstance(value, Mapping) and _is_state_dict(value)
        and not _OTHERS.search(str(other).lower())
    ]  # fmt: skip
    if is_averaged(key.lower()) and others:
        notes.append(
            f"averaged weights: '{key}' was taken and not "
            f'{", ".join(repr(name) for name in others)}; --weights-key names another'
        )
    return Chosen(f'{key}.{found.container}'.rstrip('.'), found.values, tuple(notes))


def _is_state_dict(values: Mapping[Any, Any]) -> bool:
    """Tell a dict of tensors from one that has some tensors among other things."""
    tensors = sum(isinstance(value, TensorRecord | Tensor) for value in values.values())
    deeper = [value for value in values.values() if isinstance(value, Mapping) and value]
    named = all(isinstance(key, str) for key in values)
    return tensors > 0 and named and (not deeper or tensors > len(values) / 2)


def _is_object(value: Any) -> bool:
    return isinstance(value, Inert) and not isinstance(value, TensorRecord)


def _hidden(path: Path, where: str, value: Any) -> CheckpointError:
    if isinstance(value, TensorRecord):
        return CheckpointError(f"'{path}' holds one tensor; {SAVE_AGAIN}")
    return CheckpointError(
        f"'{path}' is refused: {where} is a {value.name} object, which would have to be called to "
        f'get at its weights, and nothing in a checkpoint is run here; {SAVE_AGAIN}'
    )


def _has(content: Mapping[Any, Any]) -> str:
    keys = [str(key) for key in content]
    more = f' and {len(keys) - 8} more' if len(keys) > 8 else ''
    return f'it has the keys {", ".join(keys[:8])}{more}'
