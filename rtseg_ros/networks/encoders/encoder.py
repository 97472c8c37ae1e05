# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What all encoders share: maps at falling resolution, and weights that others trained."""

from collections.abc import Mapping
import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from rtseg_ros.errors import CheckpointError, NetworkError


class Encoder(nn.Module):
    """A classification trunk that hands out feature maps, finest first.

    Attributes:
        channels: Channels of each returned map.
        reductions: Input pixels per map pixel, one per returned map.
        fitting_weights: Which weight files fit, for messages.
    """

    channels: tuple[int, ...]
    reductions: tuple[int, ...]
    fitting_weights: str

    def own_names(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rename published weights to this encoder's; leaves its classifier out."""
        return dict(weights)


class LevelNorm(nn.ModuleList):
    """A BN per level of an image pyramid, for encoders whose convolutions all levels share.

    Attributes:
        level: Which BN is in use.
    """

    def __init__(self, norm: nn.BatchNorm2d, levels: int) -> None:
        super().__init__(copy.deepcopy(norm) for _ in range(levels))
        self.level = 0

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) with the statistics of the current level."""
        return self[self.level](x)


def split_norms(module: nn.Module, levels: int) -> None:
    """Replace every BN of a module by a LevelNorm."""
    for name, part in list(module.named_children()):
        if isinstance(part, nn.BatchNorm2d):
            setattr(module, name, LevelNorm(part, levels))
        else:
            split_norms(part, levels)


def use_level(module: nn.Module, level: int) -> None:
    """Let every LevelNorm of a module use the statistics of one level."""
    for part in module.modules():
        if isinstance(part, LevelNorm):
            part.level = level


def load_encoder_weights(network: nn.Module, path: str | Path) -> None:
    """Initialise a network's encoder with weights that were trained on images.

    Nothing is changed if an error is raised.

    Args:
        network: Any network; every ``Encoder`` in it gets the weights.
        path: A state_dict file: torchvision's for ResNet-18, MobileNetV2 and VGG-16, or the
            encoder's own.

    Raises:
        NetworkError: If the network has no encoder that was ever trained on its own.
        CheckpointError: If the file cannot be read or its tensors do not fit.
    """
    encoders = [part for part in network.modules() if isinstance(part, Encoder)]
    if not encoders:
        raise NetworkError(
            f'{type(network).__name__} has no encoder to initialise; its paper trains it from '
            'scratch. Leave the encoder weights out'
        )
    weights = _read_weights(Path(path))
    fitted = [_fit(encoder, weights, path) for encoder in encoders]
    for encoder, state in zip(encoders, fitted, strict=True):
        encoder.load_state_dict(state)


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        weights = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f'no encoder weights at {path}') from error
    except Exception as error:  # torch raises many types for a broken file
        raise CheckpointError(
            f'{path} is not a readable state_dict (tensors only): {error}'
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise CheckpointError(
            f'{path} holds no plain state_dict (a mapping from names to tensors)'
        )
    return weights


def _fit(encoder: Encoder, weights: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Return a complete state_dict for the encoder, or say what does not fit."""
    state = encoder.state_dict()
    given = encoder.own_names(weights)
    for name, part in encoder.named_modules():
        if isinstance(part, LevelNorm):
            for key in [key for key in given if key.rpartition('.')[0] == name]:
                value = given.pop(key)
                for level in range(len(part)):
                    given[f'{name}.{level}.{key.rpartition(".")[2]}'] = value
    missing = [k for k in state if k not in given and not k.endswith('.num_batches_tracked')]
    unexpected = [k for k in given if k not in state]
    wrong = [
        f'{k} {tuple(v.shape)} instead of {tuple(state[k].shape)}'
        for k, v in given.items()
        if k in state and v.shape != state[k].shape
    ]
    if missing or unexpected or wrong:
        problems = (('missing', missing), ('unexpected', unexpected), ('of another shape', wrong))
        raise CheckpointError(
            f'{path} does not fit the encoder {type(encoder).__name__}: '
            + '; '.join(
                f'{len(keys)} {what} ({", ".join(keys[:3])}{", ..." if len(keys) > 3 else ""})'
                for what, keys in problems
                if keys
            )
            + f'. It takes {encoder.fitting_weights}'
        )
    return state | given
