# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Any data set that is a folder of images beside a folder of label images."""

from pathlib import Path

import numpy as np

from rtseg_ros.frames.datasets.dataset import Dataset, paired_files
from rtseg_ros.labels import LabelSet


def load_folder(root: str | Path, split: str, *, label_set: LabelSet) -> Dataset:
    """List ROOT/SPLIT/images and ROOT/SPLIT/labels, paired by file stem.

    Args:
        root: Folder of the data set.
        split: Folder name below it, e.g. ``train``.
        label_set: Classes of the label images, which hold class ids and the ignore id.

    Raises:
        DatasetError: If a folder is missing, or an image has no label file.
    """
    folder = Path(root) / split
    images, labels = paired_files(folder / 'images', folder / 'labels')
    # Ids are kept as they are: a check before training names files with ids out of range.
    return Dataset(
        f'{label_set.name}/{split}', label_set, images, labels, np.arange(256, dtype=np.uint8)
    )
