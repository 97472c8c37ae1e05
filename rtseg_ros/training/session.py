# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A training run from settings to result: checks the data, then starts or continues."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import hashlib
from pathlib import Path
from typing import Any

import cv2
import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets import Dataset, load_dataset
from rtseg_ros.frames.datasets.check import check_dataset
from rtseg_ros.networks import create_network
from rtseg_ros.networks.encoders.encoder import load_encoder_weights
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.progress import Counted, Say
from rtseg_ros.runtime.preprocess import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, Preprocessing
from rtseg_ros.runtime.trained_on import TrainedOn, trained_on
from rtseg_ros.training.pretrained import pretrained_encoder
from rtseg_ros.training.processes import ALONE, Processes
from rtseg_ros.training.recipe import RECIPES, Recipe, default_recipe
from rtseg_ros.training.start import StartWeights, counterparts, refuse_seen_frames, start_from
from rtseg_ros.training.trainer import Progress, RunSettings, Trainer


@dataclass(frozen=True)
class TrainingSettings:
    """What to train, on what.

    Attributes:
        network: Name in the zoo.
        dataset: ``camvid``, ``cityscapes`` or a label-set YAML.
        root: Folder of the data set.
        run: Where and how.
        recipe: Name of the recipe; empty for that of the network's own paper.
        epochs: Instead of the recipe's, as the three below.
        batch_size: Images per step.
        crop_hw: Height and width of the crop in pixels.
        learning_rate: Of the decoder.
        augment: Strengths by name in AUGMENTATIONS, instead of the recipe's.
        size_hw: Height and width that the network will run at, used for validation.
        encoder_weights: torchvision state_dict for the encoder.
        pretrained: Find ImageNet weights for the encoder.
        train_split: Split to learn from.
        val_split: Split that chooses the weights.
        hold_out: Start of the names of the training frames that are validated on instead.
        command: What started the run, for the checkpoints.
    """

    network: str
    dataset: str
    root: Path
    run: RunSettings
    recipe: str = ''
    epochs: int | None = None
    batch_size: int | None = None
    crop_hw: tuple[int, int] | None = None
    learning_rate: float | None = None
    augment: Mapping[str, float] = field(default_factory=dict)
    size_hw: tuple[int, int] = (360, 480)
    encoder_weights: Path | None = None
    pretrained: bool = False
    train_split: str = 'train'
    val_split: str = 'val'
    hold_out: str = ''
    command: str = ''


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        network: Name in the zoo.
        miou: Best on the validation split, 0..1.
        epochs: Of the whole run.
        val_data: Name of the validation split.
        best: File with the best weights.
    """

    network: str
    miou: float
    epochs: int
    val_data: str
    best: Path


def train(
    settings: TrainingSettings,
    *,
    start: StartWeights | None = None,
    say: Say,
    checked: Counted,
    progress: Progress,
    processes: Processes = ALONE,
) -> TrainingResult:
    """Check the data, then train; continues where an earlier call in the same folder stopped.

    Args:
        settings: What to train, on what.
        start: Weights to begin with, in place of an encoder's.
        say: Told what is found and done, one line each.
        checked: Told how many frames of how many are checked.
        progress: Called after each step.
        processes: That share the work.

    Raises:
        RtsegError: If data, weights or settings do not fit each other or an earlier call.
    """
    train_set, val_set = _splits(settings)
    _refuse_shared_frames(train_set, val_set)
    if start is not None:
        refuse_seen_frames(start, val_set, held_out=settings.hold_out)
    recipe = _recipe(settings, train_set)
    # What does not fit is refused before minutes go into reading every file.
    torch.manual_seed(settings.run.seed)
    network = create_network(settings.network, train_set.label_set.num_classes)
    starts_from = _start(network, settings, start, train_set, say)
    total = len(train_set) + len(val_set)
    facts = check_dataset(train_set, progress=lambda count: checked(count, total))
    check_dataset(val_set, progress=lambda count: checked(len(train_set) + count, total))
    if facts.missing_classes:
        say(f'{train_set.name} has no pixel of: {", ".join(facts.missing_classes)}')
    cv2.setNumThreads(1)  # the batches are prepared by threads already
    own = trained_on(train_set.name, train_set.image_paths, licence=train_set.licence)
    settings.run.output_dir.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(
        settings.network,
        network,
        recipe=recipe,
        train=train_set,
        val=val_set,
        preprocessing=Preprocessing(settings.size_hw, 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB),
        settings=settings.run,
        class_pixels=facts.pixels,
        pretrained=bool(starts_from),
        starts_from=starts_from,
        trained_on=(*_before(starts_from, start), own),
        command=settings.command,
        processes=processes,
    )
    if trainer.resume():
        say(f'continuing after epoch {trainer.epoch} of {recipe.epochs}')
    for number, leg in enumerate(trainer.legs[1:], 2):
        say(
            f'leg {number}: epochs {trainer.legs[number - 2].until_epoch + 1} to '
            f'{leg.until_epoch}, the rate from {leg.learning_rate:.3g} down to 0'
        )
    words = ', '.join(f'{key} {value}' for key, value in recipe.to_dict().items())
    say(f'{settings.network} on {train_set.name} ({len(train_set)} frames): {words}')
    best = trainer.run(progress)
    path = settings.run.output_dir / 'best.pth'
    return TrainingResult(settings.network, best, recipe.epochs, val_set.name, path)


def split_by_prefix(dataset: Dataset, prefix: str) -> tuple[Dataset, Dataset]:
    """Part a split into the frames whose names do not start with prefix, and those that do.

    Raises:
        TrainingError: If one of the two parts would be empty.
    """
    parts = []
    for held_out in (False, True):
        pairs = [
            pair
            for pair in zip(dataset.image_paths, dataset.label_paths, strict=True)
            if pair[0].name.startswith(prefix) == held_out
        ]
        if not pairs:
            raise TrainingError(
                f"--hold-out '{prefix}' leaves no frames to "
                f'{"validate on" if held_out else "train on"}; '
                f'{dataset.name} has names like {dataset.image_paths[0].name}'
            )
        images, labels = zip(*pairs, strict=True)
        name = f'{dataset.name} {"only" if held_out else "without"} {prefix}'
        parts.append(replace(dataset, name=name, image_paths=images, label_paths=labels))
    return parts[0], parts[1]


def _splits(settings: TrainingSettings) -> tuple[Dataset, Dataset]:
    dataset = load_dataset(settings.dataset, settings.root, settings.train_split)
    if settings.hold_out:
        return split_by_prefix(dataset, settings.hold_out)
    return dataset, load_dataset(settings.dataset, settings.root, settings.val_split)


def _refuse_shared_frames(train: Dataset, val: Dataset) -> None:
    shared = set(train.image_paths) & set(val.image_paths)
    if shared:
        raise TrainingError(
            f'{len(shared)} frames of {val.name} are in {train.name} too, but what chooses '
            'the weights must not train them: give another --val-split, or --hold-out'
        )


def _before(starts_from: str, start: StartWeights | None) -> tuple[TrainedOn, ...]:
    """Return what trained the weights that a run begins with."""
    if start is not None and start.trained_on:
        return start.trained_on
    if start is not None:
        return (TrainedOn(f'not stated: {starts_from}', f'not stated by {start.name}'),)
    return (TrainedOn(starts_from),) if starts_from else ()


def _recipe(settings: TrainingSettings, dataset: Dataset) -> Recipe:
    recipe = RECIPES[settings.recipe or default_recipe(settings.network, dataset.name)]
    names = ('epochs', 'batch_size', 'crop_hw', 'learning_rate')
    asked: dict[str, Any] = {name: getattr(settings, name) for name in names}
    changes = {key: value for key, value in asked.items() if value is not None}
    return replace(recipe, **(changes | dict(settings.augment)))


def _start(
    network: SegmentationNetwork,
    settings: TrainingSettings,
    start: StartWeights | None,
    dataset: Dataset,
    say: Say,
) -> str:
    """Give the network the weights that it begins with; return their name and hash, or nothing."""
    weights = settings.encoder_weights
    if settings.pretrained:
        weights = pretrained_encoder(settings.network)
    if weights is not None:
        load_encoder_weights(network, weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        origin = f'encoder {weights.name} sha256 {digest}'
    elif start is not None:
        known = start.labels
        classes = counterparts(known, dataset.label_set) if known is not None else []
        fresh = start_from(network, start.weights, classes)
        origin = f'{start.name} sha256 {start.sha256}'
        say(f'{len(fresh)} tensors do not fit and start fresh: {", ".join(fresh[:3]) or "none"}')
    else:
        return ''
    say(f'starts from {origin}')
    return origin
