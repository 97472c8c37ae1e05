# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Effective receptive field of a network of the zoo, trained or not, on frames or on noise."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
import itertools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtseg_ros.errors import CheckpointError
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.networks.measures.receptive_field import (
    PUBLISHED,
    ReceptiveField,
    effective_receptive_field,
)
from rtseg_ros.networks.zoo import create_network, network_facts
from rtseg_ros.runtime.preprocess import (
    IMAGENET_MEAN_RGB,
    IMAGENET_STD_RGB,
    Preprocessing,
    image_from_frame,
)
from rtseg_ros.training.checkpoint import load_checkpoint


@dataclass(frozen=True)
class MeasuredField:
    """A receptive field with what it was measured on.

    Attributes:
        name: Network in the zoo.
        size_hw: Height and width of the input in pixels.
        weights: The checkpoint, or ``random``.
        frames: Video or folder of images, or ``noise``.
        field: What was measured.
    """

    name: str
    size_hw: tuple[int, int]
    weights: str
    frames: str
    field: ReceptiveField

    @property
    def published(self) -> ReceptiveField | None:
        """The paper's figure, if it has one."""
        return PUBLISHED.get(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types."""
        return {
            'name': self.name,
            'size_hw': list(self.size_hw),
            'weights': self.weights,
            'frames': self.frames,
            **asdict(self.field),
            'published': asdict(self.published) if self.published else None,
        }


def measure_receptive_field(
    name: str,
    *,
    checkpoint: Path | None,
    size_hw: tuple[int, int] | None,
    frames: str,
    limit: int,
) -> MeasuredField:
    """Measure it.

    Args:
        name: Network in the zoo.
        checkpoint: Of ``rtseg train``; None for random weights.
        size_hw: Input size; None for that of the network's paper, or of the checkpoint.
        frames: Video or folder of images; empty for noise.
        limit: Number of images.

    Raises:
        RtsegError: If there is no such network, or the checkpoint is of another one.
    """
    size = network_facts(name).default_size_hw
    preprocessing = Preprocessing(size, 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB)
    torch.manual_seed(0)
    if checkpoint is not None:
        trained = load_checkpoint(checkpoint)
        if trained.network != name:
            raise CheckpointError(
                f"{checkpoint} holds '{trained.network}', not '{name}'; "
                f'use --erf {trained.network}'
            )
        preprocessing = trained.preprocessing
        network = create_network(name, trained.labels.num_classes)
        network.load_state_dict(trained.weights)
    else:
        network = create_network(name)
    if size_hw is not None:
        preprocessing = replace(preprocessing, size_hw=size_hw)
    return MeasuredField(
        name,
        preprocessing.size_hw,
        str(checkpoint) if checkpoint is not None else 'random',
        frames or 'noise',
        effective_receptive_field(network, _images(frames, limit, preprocessing)),
    )


def _images(frames: str, limit: int, preprocessing: Preprocessing) -> Iterator[Tensor]:
    if not frames:
        for _ in range(limit):
            yield torch.randn(1, 3, *preprocessing.size_hw)
        return
    for shot in itertools.islice(open_footage(frames), limit):
        yield torch.from_numpy(image_from_frame(shot.frame, preprocessing))
