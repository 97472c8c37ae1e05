# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Training checkpoints: all that is needed to continue, repeat or convert a run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtseg_ros.errors import LabelSetError, ModelFileError, TrainingError
from rtseg_ros.labels import LabelSet, label_set_from_dict
from rtseg_ros.output_files import replace_files
from rtseg_ros.runtime.preprocess import Preprocessing, preprocessing_from_dict
from rtseg_ros.runtime.trained_on import TrainedOn, trained_on_from_dict
from rtseg_ros.training.curve import EpochFigures
from rtseg_ros.training.recipe import Recipe, recipe_from_dict
from rtseg_ros.training.schedule import Leg, first_leg

FORMAT = 'rtseg_ros training checkpoint 1'


@dataclass(frozen=True)
class TrainingState:
    """What continuing a run needs besides its weights.

    Attributes:
        optimizer: Its state_dict.
        scaler: State of the gradient scaler; empty unless fp16.
        history: One entry per finished epoch.
        average: The averaged weights; None if the recipe has none.
    """

    optimizer: Mapping[str, Any]
    scaler: Mapping[str, Any]
    history: tuple[EpochFigures, ...]
    average: Mapping[str, Tensor] | None


@dataclass(frozen=True)
class TrainingCheckpoint:
    """A run after one of its epochs: ``best.pth`` has an iou, ``last.pth`` a state.

    Attributes:
        network: Name in the zoo.
        recipe: How it is trained; its epochs are those of all legs.
        legs: Parts of the run, more than one if it was extended.
        seed: Of weights, order and augmentation.
        data_hash: Fingerprint of the training split.
        starts_from: Name and hash of the file with initial weights; empty if there is none.
        labels: What the classes are.
        preprocessing: Size, channel order and normalisation.
        train_data: Name of the training split.
        val_data: Name of the split that chooses the weights.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        command: What started the run; empty if it was not the shell.
        epoch: How many are finished.
        best_miou: Best on val_data so far, 0..1; None if nothing was validated.
        versions: Of this package, torch and Python.
        weights: state_dict of the network; the averaged one in best.pth, if there is one.
        iou: Per class on val_data, NaN for a class that does not occur.
        state: What continuing needs.
        trained_on: Frames that trained the weights, those of the start first; empty in files of
            0.1.0.
    """

    network: str
    recipe: Recipe
    legs: tuple[Leg, ...]
    seed: int
    data_hash: str
    starts_from: str
    labels: LabelSet
    preprocessing: Preprocessing
    train_data: str
    val_data: str
    precision: str
    command: str
    epoch: int
    best_miou: float | None
    versions: Mapping[str, str]
    weights: Mapping[str, Tensor]
    iou: tuple[float, ...] | None = None
    state: TrainingState | None = None
    trained_on: tuple[TrainedOn, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return plain types and tensors, under the keys of 0.1.0."""
        document = {
            'format': FORMAT,
            'network': self.network,
            'recipe': self.recipe.to_dict(),
            'legs': [asdict(leg) for leg in self.legs],
            'seed': self.seed,
            'data_hash': self.data_hash,
            'starts_from': self.starts_from,
            'label_set': self.labels.to_dict(),
            'preprocessing': self.preprocessing.to_dict(),
            'train_data': self.train_data,
            'val_data': self.val_data,
            'precision': self.precision,
            'command': self.command,
            'epoch': self.epoch,
            'best_miou': self.best_miou,
            'versions': dict(self.versions),
            'trained_on': [record.to_dict() for record in self.trained_on],
            'model': self.weights,
        }
        if self.iou is not None:
            document['iou'] = list(self.iou)
        if self.state is not None:
            document['optimizer'] = self.state.optimizer
            document['scaler'] = self.state.scaler
            document['history'] = [asdict(figures) for figures in self.state.history]
            if self.state.average is not None:
                document['ema'] = self.state.average
        return document

    def save(self, path: Path) -> None:
        """Write atomically: a kill at any moment leaves the old file or the new one."""
        buffer = io.BytesIO()
        torch.save(self.to_document(), buffer)
        replace_files({path: buffer.getvalue()})


def load_checkpoint(path: Path) -> TrainingCheckpoint:
    """Read a checkpoint of ours; only tensors and plain types are unpickled.

    Raises:
        TrainingError: If the file is not such a checkpoint.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a broken file
        raise TrainingError(f'{path} is not a readable checkpoint: {error}') from error
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise TrainingError(f'{path} was not written by rtseg train')
    try:
        return checkpoint_from_document(content, source=str(path))
    except (KeyError, TypeError, ValueError, LabelSetError, ModelFileError) as error:
        raise TrainingError(
            f'{path} was written by rtseg train, but lacks or misstates {error}; '
            'take another of its checkpoints'
        ) from error


def checkpoint_from_document(document: Mapping[str, Any], *, source: str) -> TrainingCheckpoint:
    """Return what ``TrainingCheckpoint.to_document`` wrote, in this version or in 0.1.0.

    0.1.0 knew no legs, and wrote -1 for the best mIoU of a run that had not been validated.

    Args:
        document: Read from a file.
        source: Name for messages.

    Raises:
        KeyError: If a key is absent.
        TrainingError: If the recipe is of a version that is not known here.
    """
    recipe = recipe_from_dict(document['recipe'])
    best, iou = document['best_miou'], document.get('iou')
    state = None
    if 'optimizer' in document:
        state = TrainingState(
            optimizer=document['optimizer'],
            scaler=document['scaler'],
            history=tuple(EpochFigures(**figures) for figures in document['history']),
            average=document.get('ema'),
        )
    return TrainingCheckpoint(
        network=document['network'],
        recipe=recipe,
        legs=tuple(Leg(**leg) for leg in document.get('legs', ())) or (first_leg(recipe),),
        seed=document['seed'],
        data_hash=document['data_hash'],
        starts_from=document.get('starts_from', ''),
        labels=label_set_from_dict(document['label_set'], source=source),
        preprocessing=preprocessing_from_dict(document['preprocessing']),
        train_data=document['train_data'],
        val_data=document['val_data'],
        precision=document['precision'],
        command=document.get('command', ''),
        epoch=document['epoch'],
        best_miou=None if best is None or best < 0 else best,
        versions=document['versions'],
        weights=document['model'],
        iou=None if iou is None else tuple(iou),
        state=state,
        trained_on=tuple(map(trained_on_from_dict, document.get('trained_on', ()))),
    )
