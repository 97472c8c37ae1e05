# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Readers of labelled driving data sets."""

from pathlib import Path

from rtseg_ros.frames.datasets.camvid import load_camvid
from rtseg_ros.frames.datasets.cityscapes import load_cityscapes
from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.labels import load_label_set

__all__ = ['Dataset', 'load_dataset']


def load_dataset(name: str, root: str | Path, split: str) -> Dataset:
    """List a split of a data set.

    Args:
        name: ``camvid``, ``cityscapes``, ``cityscapes_coarse``, or the path of a label-set YAML
            for ROOT/SPLIT/images and labels.
        root: Folder of the data set.
        split: ``train``, ``val`` or ``test``.

    Raises:
        DatasetError: If the folder does not have the layout of that data set.
        LabelSetError: If name is neither a data set nor a usable YAML file.
    """
    if name == 'camvid':
        return load_camvid(root, split)
    if name in ('cityscapes', 'cityscapes_coarse'):
        annotation = 'coarse' if name.endswith('coarse') else 'fine'
        return load_cityscapes(root, split, annotation=annotation)
    return load_folder(root, split, label_set=load_label_set(name))
