# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A list of frames with label images, whatever the folder layout it was read from."""

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import DatasetError
from rtseg_ros.labels import LabelSet

IMAGE_SUFFIXES = ('.png', '.webp', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')


@dataclass(frozen=True)
class Dataset:
    """One split of a data set.

    Attributes:
        name: Data set and split, e.g. ``camvid/val``.
        label_set: Meaning of the ids in the label images.
        image_paths: One file per frame, sorted.
        label_paths: The label image of each frame, in the same order.
        label_table: (256,) uint8, id in the file -> class id or ignore id.
        instance_paths: The instance ids of each frame in Cityscapes' encoding; empty if the
            data set has none.
        licence: Terms of the data, which bind what is trained on them; empty if not known.
    """

    name: str
    label_set: LabelSet
    image_paths: tuple[Path, ...]
    label_paths: tuple[Path, ...]
    label_table: np.ndarray
    instance_paths: tuple[Path, ...] = ()
    licence: str = ''

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.image_paths)

    def frame(self, index: int) -> np.ndarray:
        """Read frame ``index``: (H, W, 3) uint8 BGR."""
        frame = cv2.imread(str(self.image_paths[index]), cv2.IMREAD_COLOR)
        if frame is None:
            raise DatasetError(f'{self.image_paths[index]} is not a readable image')
        return frame

    def labels(self, index: int) -> np.ndarray:
        """Read the labels of frame ``index``: (H, W) uint8 class ids or the ignore id."""
        labels = cv2.imread(str(self.label_paths[index]), cv2.IMREAD_UNCHANGED)
        if labels is None:
            raise DatasetError(f'{self.label_paths[index]} is not a readable image')
        if labels.ndim != 2 or labels.dtype != np.uint8:
            raise DatasetError(
                f'{self.label_paths[index]} is {labels.dtype} with shape {labels.shape}; '
                'a label image has one 8-bit channel of class ids'
            )
        return self.label_table[labels]

    def instances(self, index: int) -> np.ndarray | None:
        """Read the instance ids of frame ``index``, (H, W) uint16; None if there are none."""
        if not self.instance_paths:
            return None
        instances = cv2.imread(str(self.instance_paths[index]), cv2.IMREAD_UNCHANGED)
        if instances is None:
            raise DatasetError(f'{self.instance_paths[index]} is not a readable image')
        if instances.ndim != 2 or instances.dtype != np.uint16:
            raise DatasetError(
                f'{self.instance_paths[index]} is {instances.dtype} with shape '
                f'{instances.shape}; an instance image has one 16-bit channel'
            )
        return instances

    def fingerprint(self) -> str:
        """sha256 over the names and bytes of all files, to tell one data version from another."""
        digest = hashlib.sha256()
        for path in (*self.image_paths, *self.label_paths):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()


def paired_files(image_dir: Path, label_dir: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """List images of a folder and the label file of the same stem for each.

    Raises:
        DatasetError: If a folder is missing or empty, or an image has no label file.
    """
    for folder in (image_dir, label_dir):
        if not folder.is_dir():
            raise DatasetError(f'{folder} is not a folder')
    images = _images(image_dir)
    if not images:
        raise DatasetError(f'{image_dir} holds no images ({", ".join(IMAGE_SUFFIXES)})')
    labels = {path.stem: path for path in _images(label_dir)}
    missing = [path.name for path in images if path.stem not in labels]
    if missing:
        raise DatasetError(
            f'{len(missing)} images of {image_dir} have no label in {label_dir}: '
            f'{", ".join(missing[:5])}'
        )
    return tuple(images), tuple(labels[path.stem] for path in images)


def _images(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
