# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of weights: what wrappers put before them, and which of them to leave out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
import fnmatch
import re
from typing import Any, TypeVar

from rtseg_ros.errors import CheckpointError

Value = TypeVar('Value')

# What wrappers put before every key: DataParallel, torch.compile, Lightning and the like.
PREFIXES = ('module.', '_orig_mod.', 'model.', 'net.', 'network.')
# The same in the middle of a key, where a part of the network was wrapped.
_INSIDE = re.compile(
    r'(?<=\.)(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.'
)
# Counters that wrappers add beside the weights.
_COUNTERS = ('n_averaged', 'updates', 'num_updates', 'steps')
_SHOWN = 3


def ignored(keys: Iterable[str], patterns: str) -> set[str]:
    """Return the keys that match shell patterns separated by commas.

    Raises:
        CheckpointError: If a pattern matches none: it would be a slip of the pen.
    """
    everything, found = list(keys), set()
    for pattern in filter(None, (part.strip() for part in patterns.split(','))):
        matching = fnmatch.filter(everything, pattern)
        if not matching:
            raise CheckpointError(
                f"--ignore-keys: '{pattern}' matches no key; they are {summary(everything)}"
            )
        found |= set(matching)
    return found


def of_prefix(values: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """Return the values below a prefix, without it.

    Raises:
        CheckpointError: If there are none; says which prefixes there are.
    """
    start = prefix if prefix.endswith('.') else f'{prefix}.'
    below = {
        key.removeprefix(start): value for key, value in values.items() if key.startswith(start)
    }
    if not below:
        raise CheckpointError(
            f"--weights-prefix: no key starts with '{start}'; they are {summary(values)}"
        )
    return below


def without_counters(values: Mapping[str, Value]) -> dict[str, Value]:
    """Leave out what wrappers count beside the weights."""
    return {key: value for key, value in values.items() if key not in _COUNTERS}


def without_wrappers(values: Mapping[str, Value]) -> tuple[dict[str, Value], str]:
    """Take away what wrappers put into all keys.

    Returns:
        The values, and what stood before every key.
    """
    kept, removed = dict(values), ''
    while prefix := next((p for p in PREFIXES if kept and all(k.startswith(p) for k in kept)), ''):
        kept = {key.removeprefix(prefix): value for key, value in kept.items()}
        removed += prefix
    inner = {_INSIDE.sub('', key): value for key, value in kept.items()}
    return (inner if len(inner) == len(kept) else kept), removed


def without_average_buffers(values: Mapping[str, Value]) -> tuple[dict[str, Value], int]:
    """Leave out the ``ema_*`` buffers of mmcv's hook, whose plain keys hold the average.

    Returns:
        The rest, and how many were left out.
    """
    twins = {f'ema_{key.replace(".", "_")}' for key in values}
    # The module that the hook hung them into may itself be wrapped.
    kept = {key: value for key, value in values.items() if key not in twins}
    return kept, len(values) - len(kept)


def with_masks(values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Multiply out what torch.nn.utils.prune keeps as ``X_orig`` and ``X_mask``.

    Returns:
        The weights, and how many were pruned.
    """
    pruned = [
        key.removesuffix('_orig')
        for key in values
        if key.endswith('_orig') and f'{key.removesuffix("_orig")}_mask' in values
    ]
    gone = {f'{key}{end}' for key in pruned for end in ('_orig', '_mask')}
    kept = {key: value for key, value in values.items() if key not in gone}
    for key in pruned:
        kept[key] = values[f'{key}_orig'] * values[f'{key}_mask'].to(values[f'{key}_orig'].dtype)
    return kept, len(pruned)


def groups(keys: Sequence[str]) -> list[str]:
    """Return the prefixes below which a network could lie, those with most keys first."""
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split('.')
        counts.update('.'.join(parts[:depth]) + '.' for depth in range(1, min(4, len(parts))))
    least = max(2, len(keys) // 5)
    return [prefix for prefix, count in counts.most_common(8) if count >= least]


def summary(keys: Iterable[str]) -> str:
    """Name keys in few words: those below one prefix together."""
    counts = Counter(key.split('.')[0] for key in keys)
    first = {key.split('.')[0]: key for key in keys}
    parts = [
        first[top] if count == 1 else f'{top}.* ({count} keys)' for top, count in counts.items()
    ]
    more = f' and {len(parts) - _SHOWN} more groups' if len(parts) > _SHOWN else ''
    return f'{", ".join(parts[:_SHOWN])}{more}'
