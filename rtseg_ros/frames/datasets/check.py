# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finds what is wrong with a data set before hours are spent on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rtseg_ros.errors import DatasetError
from rtseg_ros.frames.datasets.dataset import Dataset

LISTED = 10


@dataclass(frozen=True)
class DatasetFacts:
    """What a full read of a split found.

    Attributes:
        pixels: Pixels per class, (K,) int64.
        missing_classes: Names of the classes that never occur.
    """

    pixels: np.ndarray
    missing_classes: tuple[str, ...]


def check_dataset(dataset: Dataset, *, progress: Callable[[int], None]) -> DatasetFacts:
    """Read every frame and label image once.

    Args:
        dataset: The split to check.
        progress: Called with the number of frames read so far.

    Raises:
        DatasetError: Naming the files that cannot be read, whose sizes differ, or whose labels
            hold ids that are neither a class nor the ignore id; or if no pixel is labelled.
    """
    label_set = dataset.label_set
    known = np.zeros(256, bool)
    known[: label_set.num_classes] = True
    known[label_set.ignore_id] = True
    problems: list[str] = []
    pixels = np.zeros(256, np.int64)
    for index in range(len(dataset)):
        name = dataset.image_paths[index].name
        try:
            frame, labels = dataset.frame(index), dataset.labels(index)
        except DatasetError as error:
            problems.append(str(error))
            continue
        if frame.shape[:2] != labels.shape:
            problems.append(
                f'{name}: the image is {frame.shape[1]}x{frame.shape[0]}, its labels are '
                f'{labels.shape[1]}x{labels.shape[0]}'
            )
        counts = np.bincount(labels.ravel(), minlength=256)
        strange = np.flatnonzero(counts.astype(bool) & ~known)
        if strange.size:
            problems.append(
                f'{name}: label ids {strange.tolist()} are neither a class '
                f'(0..{label_set.num_classes - 1}) nor the ignore id {label_set.ignore_id}'
            )
        pixels += counts
        progress(index + 1)
    if problems:
        more = f'\n  and {len(problems) - LISTED} more' if len(problems) > LISTED else ''
        raise DatasetError(
            f'{dataset.name} has {len(problems)} faulty files:\n  '
            + '\n  '.join(problems[:LISTED])
            + more
        )
    counted = pixels[: label_set.num_classes]
    if not counted.any():
        raise DatasetError(f'{dataset.name} has no labelled pixel; every label is ignored')
    missing = tuple(
        name for name, count in zip(label_set.names, counted, strict=True) if count == 0
    )
    return DatasetFacts(counted, missing)
