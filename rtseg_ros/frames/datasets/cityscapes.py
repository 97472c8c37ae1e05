# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes with its 19 evaluated classes (Cordts et al., 2016), fine and coarse labels."""

from pathlib import Path

import numpy as np

from rtseg_ros.errors import DatasetError
from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.labels import CITYSCAPES, cityscapes_train_ids_from_ids

LICENCE = 'Cityscapes terms of use: non-commercial (Cityscapes)'
ANNOTATIONS = {'fine': 'gtFine', 'coarse': 'gtCoarse'}
# Label files hold ids 0..33; -1 (licence plate) is stored as 255. Others are a mistake in the
# file: they stay visible as this id, which is neither a class nor the ignore id.
_UNKNOWN = 254
_IMAGE_SUFFIX = '_leftImg8bit.png'


def load_cityscapes(root: str | Path, split: str, *, annotation: str = 'fine') -> Dataset:
    """List a split of Cityscapes as its archives unpack.

    Labels are read from ``labelIds``, so nothing has to be generated first; ``instanceIds``
    are listed where every frame has them.

    Args:
        root: Folder with ``leftImg8bit/SPLIT/CITY`` and ``gtFine/SPLIT/CITY`` or
            ``gtCoarse/SPLIT/CITY``.
        split: ``train``, ``val``, ``test`` or, with coarse labels, ``train_extra``.
        annotation: ``fine`` or ``coarse``.

    Raises:
        DatasetError: If the folders are not there, or an image has no label.
    """
    if annotation not in ANNOTATIONS:
        raise DatasetError(f"annotation is '{annotation}'; accepted: {', '.join(ANNOTATIONS)}")
    kind = ANNOTATIONS[annotation]
    root = Path(root)
    image_dir, label_dir = root / 'leftImg8bit' / split, root / kind / split
    for folder in (image_dir, label_dir):
        if not folder.is_dir():
            raise DatasetError(
                f"no Cityscapes split '{split}' with {annotation} labels in {root}: {folder} is "
                f'not a folder; expected leftImg8bit/{split}/CITY/*{_IMAGE_SUFFIX} and '
                f'{kind}/{split}/CITY/*_{kind}_labelIds.png'
            )
    images = tuple(sorted(image_dir.glob(f'*/*{_IMAGE_SUFFIX}')))
    if not images:
        raise DatasetError(f'{image_dir} holds no images CITY/*{_IMAGE_SUFFIX}')
    labels, missing = [], []
    for path in images:
        stem = path.name.removesuffix(_IMAGE_SUFFIX)
        label = label_dir / path.parent.name / f'{stem}_{kind}_labelIds.png'
        labels.append(label)
        if not label.is_file():
            missing.append(label.name)
    if missing:
        raise DatasetError(
            f'{len(missing)} images of {image_dir} have no label in {label_dir}: '
            f'{", ".join(missing[:5])}'
        )
    instances = tuple(
        path.with_name(path.name.replace('_labelIds.png', '_instanceIds.png')) for path in labels
    )
    table = cityscapes_train_ids_from_ids(np.arange(256, dtype=np.uint8))
    table[34:255] = _UNKNOWN
    return Dataset(
        f'cityscapes/{split}' if annotation == 'fine' else f'cityscapes/{split}/coarse',
        CITYSCAPES,
        images,
        tuple(labels),
        table,
        instance_paths=instances if all(path.is_file() for path in instances) else (),
        licence=LICENCE,
    )
