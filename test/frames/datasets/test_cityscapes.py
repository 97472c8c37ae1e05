# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes as its archives unpack, fine and coarse."""

import cv2
import numpy as np
from places import CITYSCAPES_FOLDER
import pytest

from rtseg_ros.errors import DatasetError
from rtseg_ros.frames.datasets import load_dataset
from rtseg_ros.frames.datasets.cityscapes import load_cityscapes
from rtseg_ros.labels import CITYSCAPES

FRAMES = (('aachen', 'aachen_000000_000019'), ('bonn', 'bonn_000001_000019'))


def write(root, split='val', kind='gtFine', *, instances=True):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for city, stem in FRAMES:
        images, labels = root / 'leftImg8bit' / split / city, root / kind / split / city
        for folder in (images, labels):
            folder.mkdir(parents=True, exist_ok=True)
        frame = np.zeros((16, 16, 3), np.uint8)
        cv2.imwrite(str(images / f'{stem}_leftImg8bit.png'), frame)
        cv2.imwrite(str(labels / f'{stem}_{kind}_labelIds.png'), ids)
        if instances:
            pixels = np.full((16, 16), 26003, np.uint16)
            cv2.imwrite(str(labels / f'{stem}_{kind}_instanceIds.png'), pixels)
    return root


def test_fine_layout(tmp_path):
    dataset = load_cityscapes(write(tmp_path), 'val')
    assert dataset.name == 'cityscapes/val'
    assert dataset.label_set is CITYSCAPES
    assert [path.parent.name for path in dataset.image_paths] == ['aachen', 'bonn']
    assert dataset.frame(1).shape == (16, 16, 3)
    assert (dataset.instances(0) == 26003).all()


def test_coarse_layout(tmp_path):
    write(tmp_path, 'train_extra', 'gtCoarse')
    dataset = load_dataset('cityscapes_coarse', tmp_path, 'train_extra')
    assert len(dataset) == 2
    assert dataset.name == 'cityscapes/train_extra/coarse'
    with pytest.raises(DatasetError, match='gtFine'):
        load_dataset('cityscapes', tmp_path, 'train_extra')


def test_ids_are_those_of_the_official_table(tmp_path):
    labels = load_cityscapes(write(tmp_path), 'val').labels(0).ravel()
    official = pytest.importorskip(
        'cityscapesscripts.helpers.labels', reason='cityscapesscripts is not installed'
    )
    for label in official.labels:
        if label.id >= 0:
            train_id = 255 if label.ignoreInEval else label.trainId
            assert labels[label.id] == train_id, label.name
            if train_id < 19:
                assert CITYSCAPES.names[train_id] == label.name
                assert CITYSCAPES.colors[train_id] == label.color
                assert CITYSCAPES.categories[train_id] == label.category
    assert labels[255] == 255


def test_ids_that_do_not_exist_stay_visible(tmp_path):
    labels = load_cityscapes(write(tmp_path), 'val').labels(0).ravel()
    assert (labels[34:255] == 254).all()


def test_instances_only_if_every_frame_has_them(tmp_path):
    write(tmp_path)
    next((tmp_path / 'gtFine' / 'val' / 'bonn').glob('*instanceIds.png')).unlink()
    assert load_cityscapes(tmp_path, 'val').instances(0) is None


def test_a_broken_instance_file_says_so(tmp_path):
    write(tmp_path)
    path = next((tmp_path / 'gtFine' / 'val' / 'aachen').glob('*instanceIds.png'))
    cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match='one 16-bit channel'):
        load_cityscapes(tmp_path, 'val').instances(0)
    path.write_text('no picture')
    with pytest.raises(DatasetError, match='not a readable image'):
        load_cityscapes(tmp_path, 'val').instances(0)


def test_what_is_missing(tmp_path):
    with pytest.raises(DatasetError, match="no Cityscapes split 'val' with fine labels"):
        load_cityscapes(tmp_path, 'val')
    with pytest.raises(DatasetError, match='accepted: fine, coarse'):
        load_cityscapes(tmp_path, 'val', annotation='medium')
    (tmp_path / 'leftImg8bit' / 'val').mkdir(parents=True)
    (tmp_path / 'gtFine' / 'val').mkdir(parents=True)
    with pytest.raises(DatasetError, match='holds no images'):
        load_cityscapes(tmp_path, 'val')
    write(tmp_path)
    next((tmp_path / 'gtFine' / 'val' / 'bonn').glob('*labelIds.png')).unlink()
    with pytest.raises(DatasetError, match='1 images .* bonn_000001_000019_gtFine_labelIds.png'):
        load_cityscapes(tmp_path, 'val')


def test_a_real_frame(tmp_path):
    if not CITYSCAPES_FOLDER.exists():
        pytest.skip('shared/data/cityscapes_sample is not on this machine')
    name = 'frankfurt_000000_000294'
    for folder, kind in (('leftImg8bit', 'leftImg8bit'), ('gtFine', 'gtFine_labelIds')):
        (tmp_path / folder / 'val' / 'frankfurt').mkdir(parents=True)
        file = f'{name}_{kind}.png'
        copy = tmp_path / folder / 'val' / 'frankfurt' / file
        copy.write_bytes((CITYSCAPES_FOLDER / file).read_bytes())
    dataset = load_cityscapes(tmp_path, 'val')
    assert dataset.frame(0).shape == (128, 256, 3)
    assert set(np.unique(dataset.labels(0))) <= {*range(19), 255}
