# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The training loop: resumes exactly, keeps the best weights, writes its curve."""

from collections.abc import Callable
import copy
from dataclasses import dataclass, replace
import math
from pathlib import Path
import platform
import time

import numpy as np
import torch
from torch import Tensor, nn

from rtseg_ros import __version__
from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.runtime.trained_on import TrainedOn
from rtseg_ros.training.batches import Batches
from rtseg_ros.training.checkpoint import TrainingCheckpoint, TrainingState, load_checkpoint
from rtseg_ros.training.curve import EpochFigures, write_curve
from rtseg_ros.training.events import EventFiles
from rtseg_ros.training.losses import enet_class_weights, pixel_loss
from rtseg_ros.training.optimizer import create_optimizer
from rtseg_ros.training.prediction import label_frame
from rtseg_ros.training.processes import ALONE, Processes, with_synchronised_norm
from rtseg_ros.training.recipe import Recipe
from rtseg_ros.training.resume import RunIdentity, legs_to_go
from rtseg_ros.training.schedule import Leg, first_leg, rate_factor

RARE = 0.02  # share of the pixels below which crops can be centred on a class
SMOOTHED = 20  # steps whose mean loss is told


@dataclass(frozen=True)
class StepNews:
    """What a run says after each of its steps.

    Attributes:
        step: Counted from 1 over the whole run.
        total: Steps of the whole run.
        epoch: That the step belongs to, counted from 1.
        losses: Of the last steps of this epoch; read only when shown, a GPU need not wait.
        learning_rate: Of the decoder in this step.
        best_miou: On the validation split so far, 0..1; None before the first validation.
    """

    step: int
    total: int
    epoch: int
    losses: tuple[Tensor, ...]
    learning_rate: float
    best_miou: float | None

    def text(self) -> str:
        """Say it in a few words; what is not known yet is left out."""
        loss = float(torch.stack(self.losses).mean())
        words = f'epoch {self.epoch}, loss {loss:.3f}, rate {self.learning_rate:.1e}'
        return words if self.best_miou is None else f'{words}, val mIoU {self.best_miou:.3f}'


Progress = Callable[[StepNews], None]


@dataclass(frozen=True)
class RunSettings:
    """Where and how a run is executed; nothing here changes what is learned but the seed.

    Attributes:
        output_dir: Receives last.pth, best.pth and curve.csv.
        seed: Seed of weights, order and augmentation.
        device: ``cpu`` or ``cuda``.
        precision: ``fp32``, ``bf16`` or ``fp16`` (autocast).
        workers: Threads that prepare batches.
        validate_every: Epochs between two validations; the last epoch is always validated.
        tensorboard: Write event files beside curve.csv.
        sync_batch_norm: Take the statistics of batch norm over all processes; GPUs only.
    """

    output_dir: Path
    seed: int = 0
    device: str = 'cpu'
    precision: str = 'fp32'
    workers: int = 2
    validate_every: int = 1
    tensorboard: bool = False
    sync_batch_norm: bool = False


class Trainer:
    """Trains one network on one data set by one recipe."""

    def __init__(
        self,
        network_name: str,
        network: SegmentationNetwork,
        *,
        recipe: Recipe,
        train: Dataset,
        val: Dataset,
        preprocessing: Preprocessing,
        settings: RunSettings,
        class_pixels: np.ndarray,
        pretrained: bool,
        starts_from: str = '',
        trained_on: tuple[TrainedOn, ...] = (),
        command: str = '',
        processes: Processes = ALONE,
    ) -> None:
        """Prepare a run.

        Args:
            network_name: Name in the zoo, written to the checkpoints.
            network: With initial weights.
            recipe: How to train.
            train: Split to learn from.
            val: Split that decides which weights are kept.
            preprocessing: Size, channel order and normalisation; the size is validation's.
            settings: Where and how to run.
            class_pixels: Labelled training pixels per class, (K,) int64, for class weights.
            pretrained: Whether the encoder's weights are trained already.
            starts_from: Name and hash of the file with initial weights, for the checkpoints.
            trained_on: What trained the weights once the run is done, likewise.
            command: What started the run, likewise.
            processes: That share the work; the first of them writes.

        Raises:
            TrainingError: If the recipe does not fit the data.
        """
        self.network_name = network_name
        self.processes = processes
        self.device = processes.device(settings.device)
        if settings.sync_batch_norm:
            network = with_synchronised_norm(network, processes, settings.device)  # type: ignore[assignment]
        self.network = network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe = recipe
        self.train_set, self.val_set = train, val
        self.preprocessing = preprocessing
        self.settings = settings
        self.starts_from, self.command = starts_from, command
        self.trained_on = trained_on
        self.batches = Batches(
            train, recipe, preprocessing, seed=settings.seed, workers=settings.workers,
            rare_ids=np.flatnonzero(class_pixels < RARE * class_pixels.sum()).tolist(),
            processes=processes,
        )  # fmt: skip
        self.steps_per_epoch = len(self.batches)
        self.legs: tuple[Leg, ...] = (first_leg(recipe),)
        if self.steps_per_epoch == 0:
            raise TrainingError(
                f'{train.name} has {len(train)} frames, fewer than one batch of '
                f'{recipe.batch_size}; set a smaller batch size'
            )
        self.optimizer = create_optimizer(network, recipe, pretrained=pretrained)
        self.base_rates = [group['lr'] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == 'fp16')
        self.average = copy.deepcopy(network).eval() if recipe.ema_decay else None
        processes.agree(network)
        self.parallel = processes.parallel(self.network)
        self.weights = self._class_weights(class_pixels)
        self.data_hash = train.fingerprint()
        processes.same_everywhere(self.data_hash, 'fingerprints of the training data')
        self.epoch = 0
        self.best_miou: float | None = None
        self.history: list[EpochFigures] = []

    def run(self, progress: Progress) -> float:
        """Train to the recipe's last epoch; returns the best validation mIoU, 0..1.

        Args:
            progress: Called after each step.

        Raises:
            TrainingError: If the loss is no number any more.
        """
        ends = [leg.until_epoch for leg in self.legs]
        events = None
        if self.settings.tensorboard and self.processes.first:
            events = EventFiles(self.settings.output_dir, epoch=self.epoch)
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            loss = self._train_epoch(progress)
            self.epoch += 1
            figures = EpochFigures(self.epoch, loss, time.monotonic() - started)
            if self.epoch in ends or self.epoch % self.settings.validate_every == 0:
                matrix = self.validate()
                figures = replace(figures, miou=matrix.miou())
                if self.best_miou is None or matrix.miou() > self.best_miou:
                    self.best_miou = matrix.miou()
                    if self.processes.first:
                        self._save_best(matrix.iou())
            self.history.append(figures)
            if self.processes.first:
                write_curve(self.history, self.settings.output_dir)
                self._save_last()
            if events is not None:
                events.add(figures, learning_rate=self.optimizer.param_groups[0]['lr'])
        if events is not None:
            events.close()
        assert self.best_miou is not None  # the last epoch is always validated
        return self.best_miou

    def resume(self) -> bool:
        """Continue from last.pth if there is one; False if there is none.

        More epochs than it was to have make another leg of the run.

        Raises:
            TrainingError: If that file belongs to another network, recipe, seed, data or start.
        """
        path = self.settings.output_dir / 'last.pth'
        self.processes.same_everywhere(path.exists(), f'answers to whether {path} exists')
        if not path.exists():
            return False
        found = load_checkpoint(path)
        self.processes.same_everywhere(found.epoch, f'epochs in {path}')
        legs = legs_to_go(path, found, self._identity())
        state = found.state
        if state is None:
            raise TrainingError(
                f'{path} holds weights only, as a best.pth does; give it to --start-from'
            )
        self.legs = legs
        self.network.load_state_dict(found.weights)
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        self.optimizer.load_state_dict(dict(state.optimizer))
        self.scaler.load_state_dict(dict(state.scaler))
        self.epoch = found.epoch
        self.best_miou = found.best_miou
        self.history = list(state.history)
        return True

    def validate(self) -> ConfusionMatrix:
        """Label the validation split with the weights that would be kept."""
        network = self.average if self.average is not None else self.network
        network.eval()
        self.processes.agree(network)  # each has running statistics of its own
        matrix = ConfusionMatrix(self.val_set.label_set.num_classes)
        for index in range(self.processes.rank, len(self.val_set), self.processes.count):
            frame = self.val_set.frame(index)
            with self._autocast():
                labels = label_frame(network, frame, self.preprocessing, device=self.device)
            matrix.add(self.val_set.labels(index), labels)
        counts = torch.from_numpy(matrix.counts).to(self.device)
        matrix.counts = self.processes.sum(counts).cpu().numpy()
        return matrix

    def _train_epoch(self, progress: Progress) -> float:
        self.network.train()
        self.parallel.train()
        seed = hash((self.settings.seed, self.epoch)) & 0x7FFFFFFF
        torch.manual_seed(seed + self.processes.rank)
        losses: list[Tensor] = []
        for i, (images, labels) in enumerate(self.batches.of_epoch(self.epoch)):
            step = self.epoch * self.steps_per_epoch + i
            factor = rate_factor(self.recipe, self.legs, step, self.steps_per_epoch)
            for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group['lr'] = base * factor
            with self._autocast():
                logits = self.parallel(images.to(self.device))
            loss = pixel_loss(
                logits.float(),
                labels.to(self.device),
                kind=self.recipe.loss,
                weights=self.weights,
                ignore_id=self.train_set.label_set.ignore_id,
                processes=self.processes,
            )
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            if self.recipe.clip_norm:
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self._update_average(step)
            losses.append(self.processes.sum(loss.detach()) / self.processes.count)
            news = StepNews(
                step=step + 1,
                total=self.recipe.epochs * self.steps_per_epoch,
                epoch=self.epoch + 1,
                losses=tuple(losses[-SMOOTHED:]),
                learning_rate=self.recipe.learning_rate * factor,
                best_miou=self.best_miou,
            )
            progress(news)
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise TrainingError(
                f'the loss of epoch {self.epoch + 1} is {mean}; lower the learning rate or '
                'train in fp32. The checkpoint of the epoch before is kept'
            )
        return mean

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        if self.average is None:
            return
        decay = min(self.recipe.ema_decay, (1 + step) / (10 + step))
        own = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(own[name], 1 - decay)
            else:
                value.copy_(own[name])

    def _class_weights(self, pixels: np.ndarray) -> Tensor | None:
        if self.recipe.class_weights == 'none':
            return None
        power = {'enet': 1.0, 'enet_sqrt': 0.5}[self.recipe.class_weights]
        weights = enet_class_weights(pixels / pixels.sum(), power=power)
        return torch.tensor(weights, dtype=torch.float32, device=self.device)

    def _autocast(self) -> torch.autocast:
        kind = {'fp32': torch.bfloat16, 'bf16': torch.bfloat16, 'fp16': torch.float16}
        return torch.autocast(
            self.device.type,
            dtype=kind[self.settings.precision],
            enabled=self.settings.precision != 'fp32',
        )

    def _identity(self) -> RunIdentity:
        return RunIdentity(
            self.network_name, self.recipe, self.settings.seed, self.data_hash, self.starts_from
        )

    def _checkpoint(self) -> TrainingCheckpoint:
        """Return the run as it stands, with the weights that are trained."""
        return TrainingCheckpoint(
            network=self.network_name,
            recipe=self.recipe,
            legs=self.legs,
            seed=self.settings.seed,
            data_hash=self.data_hash,
            starts_from=self.starts_from,
            trained_on=self.trained_on,
            labels=self.train_set.label_set,
            preprocessing=self.preprocessing,
            train_data=self.train_set.name,
            val_data=self.val_set.name,
            precision=self.settings.precision,
            command=self.command,
            epoch=self.epoch,
            best_miou=self.best_miou,
            versions={
                'rtseg_ros': __version__,
                'torch': str(torch.__version__),
                'python': platform.python_version(),
            },
            weights=self.network.state_dict(),
        )

    def _save_best(self, iou: np.ndarray) -> None:
        kept = self.network if self.average is None else self.average
        best = replace(
            self._checkpoint(),
            weights=kept.state_dict(),
            iou=tuple(float(value) for value in iou),
        )
        best.save(self.settings.output_dir / 'best.pth')

    def _save_last(self) -> None:
        state = TrainingState(
            optimizer=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            history=tuple(self.history),
            average=None if self.average is None else self.average.state_dict(),
        )
        last = replace(self._checkpoint(), state=state)
        last.save(self.settings.output_dir / 'last.pth')
