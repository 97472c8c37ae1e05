# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Batches of augmented crops, prepared by threads; they depend on seed and epoch only."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.runtime.preprocess import Preprocessing, image_from_frame
from rtseg_ros.training.augmentation.crop import augment
from rtseg_ros.training.augmentation.paste import PASTED, paste_object
from rtseg_ros.training.processes import ALONE, Processes
from rtseg_ros.training.recipe import Recipe

CACHE_BYTES = 4 << 30


class Batches:
    """Draws the batches of one epoch after the other."""

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        preprocessing: Preprocessing,
        *,
        seed: int,
        workers: int,
        rare_ids: Sequence[int] = (),
        processes: Processes = ALONE,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            dataset: Split to learn from.
            recipe: Gives batch size, crop and augmentation.
            preprocessing: Of the network; the crop's size is the recipe's.
            seed: Of order and augmentation.
            workers: Threads that prepare batches.
            rare_ids: Classes that crops can be centred on.
            processes: That share each batch.

        Raises:
            TrainingError: If the batches do not divide among the processes.
        """
        self.dataset, self.recipe, self.seed, self.workers = dataset, recipe, seed, workers
        self.rare_ids = tuple(rare_ids)
        names = dataset.label_set.names
        self.pasted_ids = tuple(i for i, name in enumerate(names) if name in PASTED)
        self.crop_preprocessing = replace(preprocessing, size_hw=recipe.crop_hw)
        self.share = processes.share(recipe.batch_size)
        order = 1 if preprocessing.channel_order == 'bgr' else -1
        self.mean_bgr = preprocessing.mean[::order]
        self._cache: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        """Return the number of whole batches of an epoch."""
        return len(self.dataset) // self.recipe.batch_size

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (N, 3, h, w) float32 and (N, h, w) int64: this process's share of each batch.

        Args:
            epoch: Counted from 0.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.dataset))
        size = self.recipe.batch_size
        pool = ThreadPoolExecutor(self.workers)
        try:
            waiting: list[Future[tuple[Tensor, Tensor]]] = []
            for i in range(len(self)):
                indices = order[i * size : (i + 1) * size][self.share]
                waiting.append(pool.submit(self._batch, indices, epoch))
                if len(waiting) > self.workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, indices: np.ndarray, epoch: int) -> tuple[Tensor, Tensor]:
        images, label_maps = [], []
        for index in indices:
            frame, labels = augment(
                *self._with_object(int(index), epoch),
                recipe=self.recipe,
                ignore_id=self.dataset.label_set.ignore_id,
                fill_bgr=self.mean_bgr,  # type: ignore[arg-type]
                rng=np.random.default_rng([self.seed, epoch, int(index)]),
                rare_ids=self.rare_ids,
            )
            images.append(torch.from_numpy(image_from_frame(frame, self.crop_preprocessing)))
            label_maps.append(torch.from_numpy(labels))
        return (
            torch.cat(images).contiguous(memory_format=torch.channels_last),
            torch.stack(label_maps).long(),
        )

    def _with_object(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame and its labels, by chance with an object of another training frame."""
        pair = self._pair(index)
        rng = np.random.default_rng([self.seed, epoch, index, 1])
        if not self.recipe.paste or rng.random() >= self.recipe.paste:
            return pair
        donor = self._pair(int(rng.integers(len(self.dataset))))
        return paste_object(*pair, donor, self.pasted_ids, rng=rng)

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read a frame and its labels, from memory once the split is known to fit there."""
        if index in self._cache:
            return self._cache[index]
        pair = self.dataset.frame(index), self.dataset.labels(index)
        if (pair[0].nbytes + pair[1].nbytes) * len(self.dataset) <= CACHE_BYTES:
            self._cache[index] = pair
        return pair
