# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every shipped model is what its card says, measured on real frames."""

from places import CAMVID_FOLDER
import pytest

from rtseg_ros.frames.datasets.camvid import load_camvid
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import DEFAULT_MODEL, SHIPPED_MODELS

MODELS = sorted(SHIPPED_MODELS.glob('*.onnx'))
CARDS = (SHIPPED_MODELS / 'README.md').read_text(encoding='utf-8')


def test_default_model_ships_and_all_stay_small():
    assert f'{DEFAULT_MODEL}.onnx' in [path.name for path in MODELS]
    assert len(MODELS) <= 3
    assert sum(path.stat().st_size for path in MODELS) < 25e6


@pytest.mark.parametrize('path', MODELS, ids=lambda path: path.stem)
def test_card_names_file_hash_and_licence(path):
    model = read_model_file(path)
    assert path.stat().st_size < 12e6
    assert f'## {path.stem}' in CARDS
    card = CARDS.split(f'## {path.stem}')[1].split('\n## ')[0]
    assert model.sha256 in card
    assert model.metadata.checkpoint_sha256 in card
    assert 'non-commercial' in card
    assert 'CC BY-NC 4.0 (CamVid)' in model.metadata.licence
    assert ('Cityscapes' in model.metadata.licence) == path.stem.startswith('espnetv2')
    assert model.metadata.licence in card
    assert model.metadata.trained_on[-1].drives == {'0001TP': 62, '0006R0': 101, '0016E5': 204}
    assert 'rtseg train' in card
    assert f'{model.metadata.accuracy["miou"]:.4f}' in card


@pytest.mark.dataset
@pytest.mark.skipif(not CAMVID_FOLDER.is_dir(), reason='CamVid is not beside the clone')
@pytest.mark.parametrize('path', MODELS, ids=lambda path: path.stem)
def test_accuracy_on_camvid_val_is_the_one_stated(path):
    segmenter = load_segmenter(path)
    val = load_camvid(CAMVID_FOLDER, 'val')
    matrix = ConfusionMatrix(segmenter.labels.num_classes)
    for index in range(len(val)):
        matrix.add(val.labels(index), segmenter(val.frame(index)).labels)
    stated = segmenter.engine.model.metadata.accuracy['miou']
    # Training validated in bfloat16; the model file computes in float32.
    assert matrix.miou() == pytest.approx(stated, abs=3e-3)
    assert matrix.miou() > 0.7
