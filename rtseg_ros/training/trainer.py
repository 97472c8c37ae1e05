"""The training loop: resumes exactly, keeps the best weights, writes its curve."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
import copy
from dataclasses import dataclass
import math
from pathlib import Path
import platform
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rtseg_ros import __version__
from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.preprocess import Preprocessing, image_from_frame
from rtseg_ros.training.augmentation import augment
from rtseg_ros.training.checkpoint import load_checkpoint, save_checkpoint
from rtseg_ros.training.curve import write_curve
from rtseg_ros.training.losses import enet_class_weights, pixel_loss
from rtseg_ros.training.prediction import label_frame
from rtseg_ros.training.recipe import Recipe, recipe_from_dict

CACHE_BYTES = 4 << 30
Progress = Callable[[int, int, str], None]


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
    """

    output_dir: Path
    seed: int = 0
    device: str = 'cpu'
    precision: str = 'fp32'
    workers: int = 2
    validate_every: int = 1


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
        command: str = '',
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
            command: What started the run, likewise.

        Raises:
            TrainingError: If the recipe does not fit the data.
        """
        self.network_name = network_name
        self.device = torch.device(settings.device)
        self.network = network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe = recipe
        self.train_set, self.val_set = train, val
        self.preprocessing = preprocessing
        self.settings = settings
        self.starts_from, self.command = starts_from, command
        self.steps_per_epoch = len(train) // recipe.batch_size
        if self.steps_per_epoch == 0:
            raise TrainingError(
                f'{train.name} has {len(train)} frames, fewer than one batch of '
                f'{recipe.batch_size}; set a smaller batch size'
            )
        self.optimizer = _optimizer(network, recipe, pretrained=pretrained)
        self.base_rates = [group['lr'] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == 'fp16')
        self.average = copy.deepcopy(network).eval() if recipe.ema_decay else None
        self.weights = self._class_weights(class_pixels)
        self.data_hash = train.fingerprint()
        self.epoch = 0
        self.best_miou = -1.0
        self.history: list[dict[str, float]] = []
        self._cache: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def run(self, progress: Progress) -> float:
        """Train to the recipe's last epoch; returns the best validation mIoU.

        Args:
            progress: Called as (step, total steps, text) after each step.
        """
        total = self.recipe.epochs * self.steps_per_epoch
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            loss = self._train_epoch(progress, total)
            self.epoch += 1
            row = {'epoch': self.epoch, 'loss': loss, 'seconds': time.monotonic() - started}
            last = self.epoch == self.recipe.epochs
            if last or self.epoch % self.settings.validate_every == 0:
                matrix = self.validate()
                row['miou'] = matrix.miou()
                if row['miou'] > self.best_miou:
                    self.best_miou = row['miou']
                    self._save('best.pth', iou=[float(value) for value in matrix.iou()])
            self.history.append(row)
            write_curve(self.history, self.settings.output_dir)
            self._save('last.pth')
        return self.best_miou

    def resume(self) -> bool:
        """Continue from last.pth if there is one; False if there is none.

        Raises:
            TrainingError: If that file belongs to another network, recipe, seed, data or start.
        """
        path = self.settings.output_dir / 'last.pth'
        if not path.exists():
            return False
        content = load_checkpoint(path)
        content['recipe'] = recipe_from_dict(content['recipe']).to_dict()
        for key, mine in self._identity().items():
            if content.get(key, '') != mine:
                raise TrainingError(
                    f'{path} cannot be continued: its {key} is {content.get(key)!r}, '
                    f'this run has {mine!r}; use another output folder'
                )
        self.network.load_state_dict(content['model'])
        if self.average is not None:
            self.average.load_state_dict(content['ema'])
        self.optimizer.load_state_dict(content['optimizer'])
        self.scaler.load_state_dict(content['scaler'])
        self.epoch = content['epoch']
        self.best_miou = content['best_miou']
        self.history = content['history']
        return True

    def validate(self) -> ConfusionMatrix:
        """Label the validation split with the weights that would be kept."""
        network = self.average if self.average is not None else self.network
        network.eval()
        matrix = ConfusionMatrix(self.val_set.label_set.num_classes)
        for index in range(len(self.val_set)):
            frame = self.val_set.frame(index)
            with self._autocast():
                labels = label_frame(network, frame, self.preprocessing, device=self.device)
            matrix.add(self.val_set.labels(index), labels)
        return matrix

    def _train_epoch(self, progress: Progress, total: int) -> float:
        self.network.train()
        torch.manual_seed(hash((self.settings.seed, self.epoch)) & 0x7FFFFFFF)
        losses = []
        for i, (images, labels) in enumerate(self._batches()):
            step = self.epoch * self.steps_per_epoch + i
            self._set_rate(step, total)
            with self._autocast():
                logits = self.network(images.to(self.device))
            loss = pixel_loss(
                logits.float(),
                labels.to(self.device),
                kind=self.recipe.loss,
                weights=self.weights,
                ignore_id=self.train_set.label_set.ignore_id,
            )
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            if self.recipe.clip_norm:
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self._update_average(step)
            losses.append(loss.detach())
            progress(step + 1, total, f'epoch {self.epoch + 1} best mIoU {self.best_miou:.4f}')
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise TrainingError(
                f'the loss of epoch {self.epoch + 1} is {mean}; lower the learning rate or '
                'train in fp32. The checkpoint of the epoch before is kept'
            )
        return mean

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (N, 3, h, w) float32 and (N, h, w) int64; depends on seed and epoch only."""
        order = np.random.default_rng([self.settings.seed, self.epoch]).permutation(
            len(self.train_set)
        )
        size = self.recipe.batch_size
        batches = [order[i * size : (i + 1) * size] for i in range(self.steps_per_epoch)]
        pool = ThreadPoolExecutor(self.settings.workers)
        try:
            waiting: list[Future[tuple[Tensor, Tensor]]] = []
            for indices in batches:
                waiting.append(pool.submit(self._batch, indices))
                if len(waiting) > self.settings.workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        label_set = self.train_set.label_set
        order = 1 if self.preprocessing.channel_order == 'bgr' else -1
        crop_preprocessing = Preprocessing(
            size_hw=self.recipe.crop_hw,
            channel_order=self.preprocessing.channel_order,
            mean=self.preprocessing.mean,
            std=self.preprocessing.std,
            scale=self.preprocessing.scale,
        )
        images, label_maps = [], []
        for index in indices:
            frame, labels = augment(
                *self._pair(int(index)),
                recipe=self.recipe,
                ignore_id=label_set.ignore_id,
                fill_bgr=self.preprocessing.mean[::order],  # type: ignore[arg-type]
                rng=np.random.default_rng([self.settings.seed, self.epoch, int(index)]),
            )
            images.append(torch.from_numpy(image_from_frame(frame, crop_preprocessing)))
            label_maps.append(torch.from_numpy(labels))
        return (
            torch.cat(images).contiguous(memory_format=torch.channels_last),
            torch.stack(label_maps).long(),
        )

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read a frame and its labels, from memory once the split is known to fit there."""
        if index in self._cache:
            return self._cache[index]
        pair = self.train_set.frame(index), self.train_set.labels(index)
        if (pair[0].nbytes + pair[1].nbytes) * len(self.train_set) <= CACHE_BYTES:
            self._cache[index] = pair
        return pair

    def _set_rate(self, step: int, total: int) -> None:
        recipe, done = self.recipe, step / total
        floor = recipe.final_learning_rate / recipe.learning_rate
        factor = {
            'cosine': floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2,
            'poly': floor + (1 - floor) * (1 - done) ** 0.9,
            'constant': 1.0,
        }[recipe.schedule]
        if step < recipe.warmup_steps:
            factor *= (step + 1) / recipe.warmup_steps
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group['lr'] = base * factor

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

    def _identity(self) -> dict[str, Any]:
        return {
            'network': self.network_name,
            'recipe': self.recipe.to_dict(),
            'seed': self.settings.seed,
            'data_hash': self.data_hash,
            'starts_from': self.starts_from,
        }

    def _save(self, name: str, **extra: Any) -> None:
        keeps_average = self.average is not None
        best = name == 'best.pth'
        kept = self.average if best and self.average is not None else self.network
        content: dict[str, Any] = {
            **self._identity(),
            'label_set': self.train_set.label_set.to_dict(),
            'preprocessing': self.preprocessing.to_dict(),
            'train_data': self.train_set.name,
            'val_data': self.val_set.name,
            'precision': self.settings.precision,
            'command': self.command,
            'epoch': self.epoch,
            'best_miou': self.best_miou,
            'versions': {
                'rtseg_ros': __version__,
                'torch': str(torch.__version__),
                'python': platform.python_version(),
            },
            'model': kept.state_dict(),
            **extra,
        }
        if not best:
            content |= {
                'optimizer': self.optimizer.state_dict(),
                'scaler': self.scaler.state_dict(),
                'history': self.history,
            }
            if keeps_average and self.average is not None:
                content['ema'] = self.average.state_dict()
        save_checkpoint(self.settings.output_dir / name, content)


def _optimizer(network: nn.Module, recipe: Recipe, *, pretrained: bool) -> torch.optim.Optimizer:
    encoders = [part for part in network.modules() if isinstance(part, Encoder)]
    encoder_ids = {id(p) for part in encoders for p in part.parameters()} if pretrained else set()
    groups = []
    for is_encoder, factor in ((False, 1.0), (True, recipe.encoder_factor)):
        parameters = [p for p in network.parameters() if (id(p) in encoder_ids) == is_encoder]
        if parameters:
            groups.append(
                {
                    'params': parameters,
                    'lr': recipe.learning_rate * factor,
                    'weight_decay': recipe.weight_decay * factor,
                }
            )
    if recipe.optimizer == 'adam':
        return torch.optim.Adam(groups, betas=(recipe.momentum, 0.999))
    if recipe.optimizer == 'adamw':
        return torch.optim.AdamW(groups, betas=(recipe.momentum, 0.999))
    if recipe.optimizer == 'rmsprop':
        return torch.optim.RMSprop(groups, momentum=recipe.momentum)
    if recipe.optimizer == 'sgd':
        return torch.optim.SGD(groups, momentum=recipe.momentum)
    raise TrainingError(f"optimizer '{recipe.optimizer}' is not adam, adamw, rmsprop or sgd")
