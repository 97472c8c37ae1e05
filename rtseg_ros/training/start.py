# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Start a run from the weights of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets import Dataset
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.mapping import BUILT_IN
from rtseg_ros.runtime.trained_on import TrainedOn, frame_hashes, known_frames

# Fewer tensors than this share means another network, not another number of classes.
_FITTING = 0.5


@dataclass(frozen=True)
class StartWeights:
    """Weights of a whole network to begin with, whoever wrote them.

    Attributes:
        name: Of their file.
        sha256: Of their file.
        weights: Tensors by key.
        labels: What their outputs mean; None if that is not known.
        trained_on: Which frames trained them; empty if that is not known.
    """

    name: str
    sha256: str
    weights: Mapping[str, Tensor]
    labels: LabelSet | None
    trained_on: tuple[TrainedOn, ...] = ()


def refuse_seen_frames(start: StartWeights, val: Dataset, *, held_out: str = '') -> None:
    """See to it that a start has not learned from what the run is validated on.

    Args:
        start: Weights to begin with; of those that do not say what trained them nothing is known.
        val: Split that is validated on.
        held_out: Start of the names of its frames, if it is held out of a training split.

    Raises:
        TrainingError: If the start lists frames of the split, or drives of that name.
    """
    seen = len(known_frames(start.trained_on) & frame_hashes(val.image_paths))
    drives = {
        name
        for record in start.trained_on
        for name in record.drives
        if held_out and (name.startswith(held_out) or held_out.startswith(f'{name}_'))
    }
    if seen or drives:
        what = f'{seen} of the {len(val)} frames' if seen else f'drive {", ".join(sorted(drives))}'
        raise TrainingError(
            f'{start.name} was trained on {what} that this run validates on ({val.name}), so its '
            'figures would say nothing; start from weights that have not seen them, as of a run '
            'with the same --hold-out'
        )


def counterparts(trained: LabelSet, wanted: LabelSet) -> list[int | None]:
    """Say which class of trained weights each wanted class can begin as.

    Equal names go together, and Cityscapes' classes with CamVid's; of several that make up one
    class, the first.

    Returns:
        One id in ``trained`` per class of ``wanted``; None where there is no counterpart.
    """
    pairs: Mapping[str, str] = {name: name for name in trained.names if name in wanted.names}
    for fine, coarse, classes in BUILT_IN:
        if trained.names == fine.names and wanted.names == coarse.names:
            pairs = classes
    first: dict[str, int] = {}
    for old, new in pairs.items():
        first.setdefault(new, trained.names.index(old))
    return [first.get(name) for name in wanted.names]


def start_from(
    network: nn.Module, weights: Mapping[str, Tensor], classes: Sequence[int | None] = ()
) -> list[str]:
    """Take over every tensor that fits by name and shape.

    Args:
        network: Changed in place; what does not fit keeps its fresh weights.
        weights: Of the same network, trained for the same or for other classes.
        classes: What ``counterparts`` says, if other classes: where a tensor differs only by
            having one channel per class, the channels of known classes are taken over.

    Returns:
        Names of the network's tensors of which nothing was taken over.

    Raises:
        TrainingError: If less than half of the network's tensors fit; nothing is changed.
    """
    own = network.state_dict()
    fitting = {}
    for name, value in own.items():
        old = weights.get(name)
        if old is not None and old.shape != value.shape:
            old = _by_class(value, old, classes)
        if old is not None:
            fitting[name] = old
    if len(fitting) < _FITTING * len(own):
        raise TrainingError(
            f'only {len(fitting)} of the {len(own)} tensors of the network fit; '
            'start from a checkpoint of the same network'
        )
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


def _by_class(fresh: Tensor, old: Tensor, classes: Sequence[int | None]) -> Tensor | None:
    """Replace the channels of known classes along every dimension that counts classes."""
    known = {new: trained for new, trained in enumerate(classes) if trained is not None}
    if not known or fresh.ndim != old.ndim:
        return None
    places = [torch.arange(size) for size in fresh.shape]
    for dim, (size, old_size) in enumerate(zip(fresh.shape, old.shape, strict=True)):
        if size == old_size:
            continue
        if size != len(classes) or old_size <= max(known.values()):
            return None
        places[dim] = torch.tensor(list(known))
        old = old.index_select(dim, torch.tensor(list(known.values())))
    mixed = fresh.clone()
    mixed[torch.meshgrid(*places, indexing='ij')] = old.to(fresh.dtype)
    return mixed
