# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The groups of keys in a state_dict that could be the network, the rest left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import re

from torch import Tensor

from rtseg_ros.conversion.checkpoints.keys import groups, summary, without_wrappers

# What training modules keep beside the network, by the first part of its key.
_BESIDE = re.compile(
    r'(criterion|loss(es)?|loss_fn|\w+_loss|metrics?|'
    r'(train|val|valid|test)_(metrics?|acc|accuracy|iou|miou|jaccard|confmat))\.'
)


@dataclass(frozen=True)
class View:
    """Some of the weights of a checkpoint.

    Attributes:
        prefix: What stands before each of them in the file; empty for all that could be meant.
        weights: Without that.
        left_out: Keys that are not among them.
        why: Why these, where others would fit too.
    """

    prefix: str
    weights: Mapping[str, Tensor]
    left_out: tuple[str, ...]
    why: str = ''

    def note(self) -> str:
        """Say which keys were taken and left out; empty if all were taken."""
        parts = []
        if self.prefix:
            parts.append(f"keys below '{self.prefix}'" + (f', {self.why}' if self.why else ''))
        if self.left_out:
            parts.append(f'left out: {summary(self.left_out)}')
        return '; '.join(parts)


def views(weights: Mapping[str, Tensor]) -> Iterator[View]:
    """Give all keys but those that no network has, and then those below each large prefix."""
    beside = tuple(key for key in weights if _BESIDE.match(key))
    yield View('', {key: weights[key] for key in weights if key not in beside}, beside)
    for prefix in groups(list(weights)):
        below = {
            key.removeprefix(prefix): value
            for key, value in weights.items()
            if key.startswith(prefix)
        }
        inner, removed = without_wrappers(below)
        rest = tuple(key for key in weights if not key.startswith(prefix))
        yield View(prefix + removed, inner, rest)
