# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faulty data are named before training starts."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import DatasetError
from rtseg_ros.frames.datasets.check import check_dataset
from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.labels import LabelSet

LABELS = LabelSet('two', ('ground', 'thing', 'unicorn'), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def make_split(root: Path, names: tuple[str, ...] = ('a', 'b')) -> None:
    for kind in ('images', 'labels'):
        (root / 'train' / kind).mkdir(parents=True)
    for i, name in enumerate(names):
        frame = np.full((4, 6, 3), 40 * i, np.uint8)
        labels = np.zeros((4, 6), np.uint8)
        labels[:, 3:] = 1
        labels[0, 0] = 255
        cv2.imwrite(str(root / 'train/images' / f'{name}.png'), frame)
        cv2.imwrite(str(root / 'train/labels' / f'{name}.png'), labels)


def load(root: Path) -> Dataset:
    return load_folder(root, 'train', label_set=LABELS)


def check(root: Path):
    return check_dataset(load(root), progress=lambda _: None)


def test_counts_pixels_and_names_missing_classes(tmp_path):
    make_split(tmp_path)
    facts = check(tmp_path)
    assert facts.pixels.tolist() == [22, 24, 0]  # 2 x (12 - 1 ignored), 2 x 12
    assert facts.missing_classes == ('unicorn',)


def test_names_file_with_id_out_of_range(tmp_path):
    make_split(tmp_path)
    cv2.imwrite(str(tmp_path / 'train/labels/b.png'), np.full((4, 6), 7, np.uint8))
    with pytest.raises(
        DatasetError, match=r'b\.png: label ids \[7\] are neither a class \(0\.\.2'
    ):
        check(tmp_path)


def test_names_file_with_other_size(tmp_path):
    make_split(tmp_path)
    cv2.imwrite(str(tmp_path / 'train/labels/a.png'), np.zeros((4, 5), np.uint8))
    with pytest.raises(DatasetError, match=r'a\.png: the image is 6x4, its labels are 5x4'):
        check(tmp_path)


def test_names_all_unreadable_files(tmp_path):
    make_split(tmp_path)
    (tmp_path / 'train/images/a.png').write_bytes(b'not a png')
    (tmp_path / 'train/labels/b.png').write_bytes(b'')
    with pytest.raises(DatasetError, match='2 faulty files') as caught:
        check(tmp_path)
    assert 'images/a.png' in str(caught.value)
    assert 'labels/b.png' in str(caught.value)


def test_label_image_must_have_one_channel(tmp_path):
    make_split(tmp_path)
    cv2.imwrite(str(tmp_path / 'train/labels/a.png'), np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(DatasetError, match='one 8-bit channel'):
        load(tmp_path).labels(0)


def test_image_without_label_is_named(tmp_path):
    make_split(tmp_path)
    (tmp_path / 'train/labels/b.png').unlink()
    with pytest.raises(DatasetError, match=r'1 images .* have no label .*: b\.png'):
        load(tmp_path)


def test_all_ignored_is_refused(tmp_path):
    make_split(tmp_path, names=('a',))
    cv2.imwrite(str(tmp_path / 'train/labels/a.png'), np.full((4, 6), 255, np.uint8))
    with pytest.raises(DatasetError, match='no labelled pixel'):
        check(tmp_path)


def test_fingerprint_follows_content(tmp_path):
    make_split(tmp_path)
    before = load(tmp_path).fingerprint()
    assert load(tmp_path).fingerprint() == before
    cv2.imwrite(str(tmp_path / 'train/labels/b.png'), np.zeros((4, 6), np.uint8))
    assert load(tmp_path).fingerprint() != before
