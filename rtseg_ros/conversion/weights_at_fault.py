# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tell weights that no comparison can judge: torch itself has absurd scores with them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from rtseg_ros.errors import ConversionError
from rtseg_ros.networks.network import SegmentationNetwork

# No trained network has scores like this; with them a comparison is a matter of rounding.
ABSURD = 1e9


def refuse_absurd_scores(logits: np.ndarray, network: SegmentationNetwork, image: Tensor) -> None:
    """Refuse weights that overflow, or whose BN statistics are none.

    Args:
        logits: What torch computed.
        network: In eval mode.
        image: (1, 3, H, W) float32, what it was computed from.

    Raises:
        ConversionError: If logits are not finite or absurd; names the first layer that is.
    """
    if (np.abs(logits) < ABSURD).all():
        return
    first = _first_absurd_layer(network, image)
    where = f", from layer '{first}' on" if first else ''
    raise ConversionError(
        'the weights are at fault, not the conversion: torch itself has scores that are not '
        f'finite, or beyond {ABSURD:g}{where}. The training run diverged, or its BN statistics '
        'were never measured: use another checkpoint. Nothing was written'
    )


def _first_absurd_layer(network: SegmentationNetwork, image: Tensor) -> str:
    found: list[str] = []

    def watch(name: str) -> Callable[..., None]:
        def look(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not bool((output.abs() < ABSURD).all()):
                found.append(name)

        return look

    leaves = [(name, part) for name, part in network.named_modules() if not list(part.children())]
    hooks = [part.register_forward_hook(watch(name)) for name, part in leaves]
    try:
        with torch.no_grad():
            network.coarse_logits(image)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else ''
