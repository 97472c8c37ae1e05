# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Weights and images by a rule, so that figures of other people's code need no weights to be kept.

Whoever runs the authors' code with these weights gets logits to hold ours against, at any time.
"""

from collections.abc import Mapping, Sequence
import hashlib
import math

import torch
from torch import Tensor


def ruled_values(shape: Sequence[int], number: int) -> Tensor:
    """Values from -1 to 1 that look random, in float64; another number gives others."""
    places = torch.arange(math.prod(shape), dtype=torch.float64)
    return (
        (torch.sin(places * 12.9898 + number * 78.233) * 43758.5453).frac().reshape(tuple(shape))
    )


def ruled_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Give weights in which signals keep about their size; by name and alphabetical place."""
    weights = {}
    for number, (key, shape) in enumerate(sorted(shapes.items())):
        value = ruled_values(shape, number)
        if key.endswith('running_var'):
            value = 1 + value / 2
        elif len(shape) == 4:
            value = value * math.sqrt(6 / math.prod(shape[1:]))
        elif key.endswith('.weight'):  # of BN, and slopes of PReLU
            value = 0.75 + value / 4
        else:
            value = value / 10
        weights[key] = value.float()
    return weights


def digest(shapes: Mapping[str, Sequence[int]]) -> str:
    """Give a hash of names and shapes."""
    lines = '\n'.join(f'{key} {list(shape)}' for key, shape in sorted(shapes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def ruled_image(size_hw: tuple[int, int]) -> Tensor:
    """An image (1, 3, H, W) to go with them."""
    return ruled_values((1, 3, *size_hw), 7).float() * 2
