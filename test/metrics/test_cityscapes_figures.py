# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All figures that Cityscapes' own script computes, on random and real label maps."""

import importlib

import cv2
import numpy as np
from places import CITYSCAPES_FOLDER
import pytest

from rtseg_ros.labels import CITYSCAPES, CITYSCAPES_IDS, cityscapes_train_ids_from_ids
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.metrics.instance_iou import OBJECT_PIXELS

NAME = 'frankfurt_000000_000294'


@pytest.fixture
def official(monkeypatch):
    """The official script as a module."""
    # It calls np.in1d, which NumPy 2.4 has renamed.
    monkeypatch.setattr(np, 'in1d', np.isin, raising=False)
    try:
        script = importlib.import_module(
            'cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling'
        )
    except ImportError as error:
        pytest.skip(f'cityscapesscripts cannot be imported: {error}')
    script.args.quiet, script.args.JSONOutput = True, False
    return script


def official_figures(script, folder, frames):
    predictions, truths = [], []
    for index, (train_ids, label_ids, instances) in enumerate(frames):
        ids = np.zeros(256, np.uint8)
        ids[: len(CITYSCAPES_IDS)] = CITYSCAPES_IDS
        files = {
            f'p{index}_labelIds_pred.png': ids[train_ids],
            f'g{index}_gtFine_labelIds.png': label_ids,
            f'g{index}_gtFine_instanceIds.png': instances,
        }
        for name, pixels in files.items():
            assert cv2.imwrite(str(folder / name), pixels)
        predictions.append(str(folder / f'p{index}_labelIds_pred.png'))
        truths.append(str(folder / f'g{index}_gtFine_labelIds.png'))
    return script.evaluateImgLists(predictions, truths, script.args)


def our_figures(frames):
    accuracy = Accuracy(align(CITYSCAPES, CITYSCAPES), CITYSCAPES, boundary=False)
    for train_ids, label_ids, instances in frames:
        truth = cityscapes_train_ids_from_ids(label_ids)
        accuracy.add(train_ids, truth, instances=instances)
    return accuracy.figures()


def assert_equal(ours, theirs):
    for key, their_key in (
        ('iou', 'classScores'),
        ('category_iou', 'categoryScores'),
        ('instance_iou', 'classInstScores'),
        ('category_instance_iou', 'categoryInstScores'),
    ):
        for name, value in ours[key].items():
            expected = theirs[their_key][name]
            if value is None:
                assert np.isnan(expected), (key, name)
            else:
                assert value == pytest.approx(expected, abs=1e-9), (key, name)
    for key, their_key in (
        ('miou', 'averageScoreClasses'),
        ('category_miou', 'averageScoreCategories'),
        ('instance_miou', 'averageScoreInstClasses'),
        ('category_instance_miou', 'averageScoreInstCategories'),
    ):
        assert ours[key] == pytest.approx(theirs[their_key], abs=1e-9), key


def random_frame(seed):
    """Blocks of random classes and objects, predictions right for two thirds of the pixels."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 34, (8, 12))
    label_ids = np.kron(blocks, np.ones((6, 6), np.int64))
    numbers = np.kron(random.integers(0, 3, (8, 12)), np.ones((6, 6), np.int64))
    # People, vehicles and so on: most are objects, some a group without instances.
    has_instances = (label_ids >= 24) & (numbers > 0)
    instances = np.where(has_instances, label_ids * 1000 + numbers, label_ids).astype(np.uint16)
    truth = cityscapes_train_ids_from_ids(label_ids.astype(np.uint8))
    guess = random.integers(0, 19, truth.shape)
    right = (random.random(truth.shape) < 0.67) & (truth < 19)
    prediction = np.where(right, truth, guess).astype(np.uint8)
    return prediction, label_ids.astype(np.uint8), instances


@pytest.mark.parametrize('seed', range(3))
def test_equal_on_random_frames(official, tmp_path, seed):
    frames = [random_frame(10 * seed + i) for i in range(3)]
    assert_equal(our_figures(frames), official_figures(official, tmp_path, frames))


def test_equal_on_a_real_frame(official, tmp_path):
    files = [
        CITYSCAPES_FOLDER / f'{NAME}_gtFine_{kind}.png' for kind in ('labelIds', 'instanceIds')
    ]
    if not files[0].exists():
        pytest.skip('shared/data/cityscapes_sample is not on this machine')
    label_ids, instances = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in files)
    truth = cityscapes_train_ids_from_ids(label_ids)
    # The truth moved by some pixels, as a prediction that is right except at the edges.
    prediction = np.roll(truth, (2, 3), (0, 1))
    prediction[prediction > 18] = 2
    frames = [(prediction, label_ids, instances)]
    assert_equal(our_figures(frames), official_figures(official, tmp_path, frames))


def test_object_sizes_are_the_published_ones(official):
    published = official.args.avgClassSize
    assert dict(OBJECT_PIXELS) == {name: published[name] for name in OBJECT_PIXELS}


def test_hand_worked_instances():
    """Two cars of 2 and 4 pixels and a group: iTP and iFN are weighted, FP is not."""
    car, road = CITYSCAPES.names.index('car'), CITYSCAPES.names.index('road')
    instances = np.array([[26000, 26000, 26001, 26001], [26, 7, 26001, 26001]], np.uint16)
    label_ids = np.array([[26, 26, 26, 26], [26, 7, 26, 26]], np.uint8)
    prediction = np.array([[car, road, car, car], [car, car, car, car]], np.uint8)
    figures = our_figures([(prediction, label_ids, instances)])
    size = OBJECT_PIXELS['car']
    hits, misses = 1 * size / 2 + 4 * size / 4, 1 * size / 2
    assert figures['instance_iou']['car'] == pytest.approx(hits / (hits + misses + 1))
    assert figures['category_instance_iou']['vehicle'] == pytest.approx(hits / (hits + misses + 1))
    assert figures['instance_iou']['train'] is None


def test_frames_without_instances_give_no_iiou():
    frame = random_frame(1)
    accuracy = Accuracy(align(CITYSCAPES, CITYSCAPES), CITYSCAPES, boundary=False)
    truth = cityscapes_train_ids_from_ids(frame[1])
    accuracy.add(frame[0], truth, instances=frame[2])
    accuracy.add(frame[0], truth)
    assert accuracy.figures()['instance_iou'] is None
