# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fitting and storing the temperature of a whole model."""

from collections import Counter
import errno
import os

import numpy as np
import pytest
from streets import TINY

from rtseg_ros.errors import EngineError, EvaluationError, ModelFileError
from rtseg_ros.evaluation.calibrate import (
    calibrate,
    check_temperature_can_be_stored,
    interpolated,
    store_temperature,
)
from rtseg_ros.frames.sources import Item
from rtseg_ros.labels import CAMVID
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file

SIZE_HW = (48, 64)


class NoisySource:
    """Frames in classes' colours; the truth is drawn from the softmax at a known temperature."""

    labels = TINY
    problems: Counter[str] = Counter()

    def __init__(self, segmenter, temperature, count=6):
        self.items = []
        for seed in range(count):
            random = np.random.default_rng(seed)
            frame = random.integers(60, 140, (*SIZE_HW, 3), np.uint8)
            logits = segmenter.logits(frame).transpose(1, 2, 0).astype(np.float64) / temperature
            weights = np.exp(logits - logits.max(axis=2, keepdims=True))
            shares = np.cumsum(weights / weights.sum(axis=2, keepdims=True), axis=2)
            labels = (random.random((*SIZE_HW, 1)) > shares).sum(axis=2).clip(0, 3)
            self.items.append((frame, labels.astype(np.uint8)))

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        for index, (frame, labels) in enumerate(self.items):
            yield Item(
                str(index), None, False, lambda f=frame: f, lambda t=labels: t, lambda: None
            )

    def facts(self):
        return {}


@pytest.fixture(scope='module')
def segmenter(make_model):
    segmenter = load_segmenter(make_model('sharp', stride=1, gain=0.1))
    yield segmenter
    segmenter.close()


@pytest.mark.parametrize('temperature', [0.5, 3.0])
def test_finds_the_temperature_and_lowers_the_error(segmenter, temperature):
    seen = []
    result = calibrate(segmenter, NoisySource(segmenter, temperature), progress=seen.append)
    assert result.temperature_before == 1.0
    assert result.temperature_after == pytest.approx(temperature, rel=0.05)
    assert result.ece_after < 0.02 < result.ece_before
    assert result.pixels == 3 * 48 * 64
    assert sum(point['pixels'] for point in result.curve_after) == result.pixels
    assert seen == [1, 2, 3, 4, 5, 6]


def test_an_unlabelled_output_shifts_the_classes(make_model):
    plain = load_segmenter(make_model('plain', stride=1))
    shifted = load_segmenter(make_model('shifted', stride=1, unlabelled_output=1))
    source = NoisySource(plain, 2.0)
    first, second = calibrate(plain, source), calibrate(shifted, source)
    assert first.temperature_after == pytest.approx(second.temperature_after, rel=2e-3)
    assert first.ece_after == pytest.approx(second.ece_after, abs=1e-3)


@pytest.mark.parametrize('align_corners', [False, True])
def test_interpolation_is_that_of_torch(align_corners):
    torch = pytest.importorskip('torch')
    logits = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], (23, 31), mode='bilinear', align_corners=align_corners
    )
    pixels = np.arange(23 * 31)
    ours = interpolated(logits, (23, 31), pixels, align_corners=align_corners)
    assert ours == pytest.approx(full[0].reshape(3, -1).T.numpy(), abs=1e-5)


def test_stored_in_the_model_without_touching_the_network(make_model):
    path = make_model('stored')
    before = read_model_file(path)
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)
    labels = load_segmenter(path)(frame).labels
    store_temperature(path, 2.5)
    after = read_model_file(path)
    assert after.metadata.temperature == 2.5
    assert after.metadata.labels == before.metadata.labels
    assert after.sha256 != before.sha256
    warmer = load_segmenter(path)(frame, confidence=True)
    assert (warmer.labels == labels).all()
    store_temperature(path, 1.0)
    assert (
        load_segmenter(path)(frame, confidence=True).confidence.mean() > warmer.confidence.mean()
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    onnx = pytest.importorskip('onnx')
    onnx.checker.check_model(str(path))


def test_refusals(segmenter, make_model, tmp_path):
    source = NoisySource(segmenter, 1.0, count=1)
    with pytest.raises(EvaluationError, match='at least 2'):
        calibrate(segmenter, source)
    source = NoisySource(segmenter, 1.0, count=2)
    source.labels = CAMVID
    with pytest.raises(EvaluationError, match='not camvid'):
        calibrate(segmenter, source)
    labels_only = load_segmenter(make_model('labels_only', outputs=('labels',)))
    with pytest.raises(EngineError, match='without scores'):
        calibrate(labels_only, NoisySource(segmenter, 1.0))
    text = tmp_path / 'text.onnx'
    text.write_text('hello')
    with pytest.raises(ModelFileError):
        store_temperature(text, 2.0)


def test_a_read_only_installation_is_refused_and_left_alone(make_model, monkeypatch):
    path = make_model('read_only')
    before = path.read_bytes()
    check_temperature_can_be_stored(path)

    def read_only(*_):
        raise OSError(errno.EROFS, 'Read-only file system')

    monkeypatch.setattr(os, 'replace', read_only)
    with pytest.raises(EvaluationError, match='Read-only file system'):
        store_temperature(path, 2.0)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    monkeypatch.setattr(os, 'access', lambda *_: False)
    with pytest.raises(EvaluationError, match='not writable.*copy of the model'):
        check_temperature_can_be_stored(path)
