# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The one path from frame to labels: size, confidence, unlabelled pixels, groups, bad input."""

import sys

import numpy as np
import pytest

from rtseg_ros.errors import EngineError, FrameError, SettingError
from rtseg_ros.labels.groups import class_groups_from_yaml
from rtseg_ros.runtime import load_segmenter

COLORS = {'dark': (0, 0, 0), 'blue': (255, 0, 0), 'green': (0, 255, 0), 'red': (0, 0, 255)}


def halves(left, right, size_hw=(48, 64)):
    frame = np.empty((*size_hw, 3), np.uint8)
    frame[:, : size_hw[1] // 2] = COLORS[left]
    frame[:, size_hw[1] // 2 :] = COLORS[right]
    return frame


@pytest.mark.parametrize('options', [{}, {'float_input': True}, {'outputs': ('logits', 'labels')}])
def test_labels_by_hand(make_model, options):
    result = load_segmenter(make_model(**options))(halves('green', 'red'))
    expected = np.full((48, 64), 2)
    expected[:, 32:] = 3
    np.testing.assert_array_equal(result.labels, expected)
    assert result.labels.dtype == np.uint8
    assert result.confidence is None
    assert set(result.timing_ms) == {'preprocess', 'infer', 'upsample'}


def test_model_without_scores_takes_the_nearest_label(make_model):
    segmenter = load_segmenter(make_model(outputs=('labels',)))
    labels = segmenter(halves('green', 'red', (96, 192))).labels
    assert labels.shape == (96, 192)
    assert (labels[:, :94] == 2).all()
    assert (labels[:, 98:] == 3).all()
    with pytest.raises(EngineError, match='without scores'):
        segmenter(halves('green', 'red'), confidence=True)
    with pytest.raises(EngineError, match='without scores'):
        segmenter.set_unlabelled(min_confidence=0.5)


def test_labels_of_one_frame_survive_the_next(make_model):
    for outputs in (('logits',), ('labels',)):
        segmenter = load_segmenter(make_model(outputs=outputs))
        first = segmenter(halves('green', 'green')).labels
        segmenter(halves('red', 'red'))
        assert (first == 2).all()


def test_confidence_by_hand(make_model):
    """Logits 10 (dark), 25.5, 0, 0 at temperature 10: softmax of 1, 2.55, 0, 0."""
    segmenter = load_segmenter(make_model(temperature=10.0))
    exponentials = np.exp([1, 2.55, 0, 0])
    result = segmenter(halves('blue', 'blue'), confidence=True)
    assert (result.confidence == round(255 * exponentials.max() / exponentials.sum())).all()


def test_doubtful_pixels_become_unlabelled(make_model):
    """Blue has confidence 0.69 (see above), dark 0.48: softmax of 1, 0, 0, 0."""
    segmenter = load_segmenter(make_model(temperature=10.0), min_confidence=0.6)
    labels = segmenter(halves('blue', 'dark')).labels
    assert (labels[:, :28] == 1).all()
    assert (labels[:, 36:] == 255).all()
    segmenter.set_unlabelled(min_confidence=0.4)
    assert (segmenter(halves('blue', 'dark')).labels[:, 36:] == 0).all()
    segmenter.set_unlabelled(min_confidence=0.6, unlabelled_id=77)
    assert (segmenter(halves('blue', 'dark')).labels[:, 36:] == 77).all()


def test_unlabelled_output_is_no_class(make_model):
    """A model with an ignore output in the middle: ids behind it move down."""
    segmenter = load_segmenter(make_model(unlabelled_output=1))
    labels = segmenter(halves('blue', 'red')).labels
    assert set(np.unique(labels[:, :28])) == {1}
    assert set(np.unique(labels[:, 36:])) == {3}


def test_unlabelled_id_must_be_free(tiny_model):
    with pytest.raises(SettingError, match="0 is the class 'dark'"):
        load_segmenter(tiny_model, unlabelled_id=0)
    with pytest.raises(SettingError, match='0 to 255'):
        load_segmenter(tiny_model, unlabelled_id=256)
    with pytest.raises(SettingError, match='0 to 1'):
        load_segmenter(tiny_model, min_confidence=1.5)


GROUPS = """
groups:
  - {name: unknown, classes: [], color: [0, 0, 0]}
  - {name: drive, classes: [green, blue], color: [0, 255, 255]}
  - {name: stop, classes: rest}
unlabelled: [dark]
"""


def test_groups_merge_and_drop(tiny_model):
    """Green and blue become 1, dark becomes unlabelled, red is the rest."""
    groups = class_groups_from_yaml(GROUPS, source='g.yaml')
    segmenter = load_segmenter(tiny_model, groups=groups)
    assert segmenter.labels.names == ('unknown', 'drive', 'stop')
    assert segmenter.labels.colors == ((0, 0, 0), (0, 255, 255), (255, 0, 0))
    frame = np.hstack([halves('green', 'blue'), halves('dark', 'red')])
    labels = segmenter(np.ascontiguousarray(frame)).labels
    for first, last, expected in ((0, 28, 1), (36, 60, 1), (68, 92, 255), (100, 128, 2)):
        assert (labels[:, first:last] == expected).all(), expected
    segmenter.set_unlabelled(unlabelled_id=0)  # free: the group there has no classes
    assert (segmenter(np.ascontiguousarray(frame)).labels[:, 68:92] == 0).all()
    with pytest.raises(SettingError, match="'drive'"):
        segmenter.set_unlabelled(unlabelled_id=1)


def test_groups_with_an_unlabelled_output(make_model):
    groups = class_groups_from_yaml(GROUPS, source='g.yaml')
    segmenter = load_segmenter(make_model(unlabelled_output=0), groups=groups, unlabelled_id=0)
    assert (segmenter(halves('red', 'red')).labels == 2).all()
    assert (segmenter(halves('dark', 'dark')).labels == 0).all()


@pytest.mark.parametrize(
    'frame',
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
    ids=['grey', 'four channels', 'float', 'empty'],
)
def test_other_arrays_are_refused(tiny_model, frame):
    with pytest.raises(FrameError, match=r'expected uint8 \(H, W, 3\)'):
        load_segmenter(tiny_model)(frame)


@pytest.mark.parametrize('size_hw', [(1, 1), (1, 300), (300, 1), (48, 64), (47, 63), (333, 517)])
def test_any_size_of_frame(tiny_model, size_hw):
    labels = load_segmenter(tiny_model)(np.full((*size_hw, 3), COLORS['red'], np.uint8)).labels
    assert labels.shape == size_hw
    assert (labels == 3).all()


def test_closed_engine_says_so(tiny_model):
    segmenter = load_segmenter(tiny_model)
    segmenter.close()
    with pytest.raises(EngineError, match='closed'):
        segmenter(halves('red', 'red'))


def test_unknown_engine_and_provider(tiny_model):
    with pytest.raises(EngineError, match="'magic'"):
        load_segmenter(tiny_model, engine='magic')
    with pytest.raises(EngineError, match='has no NoExecutionProvider'):
        load_segmenter(tiny_model, providers=('NoExecutionProvider',))
    with pytest.raises(EngineError, match='providers is empty; accepted: .*CPUExecutionProvider'):
        load_segmenter(tiny_model, providers=())


def test_without_onnxruntime_it_says_what_to_install(tiny_model, monkeypatch):
    monkeypatch.delitem(sys.modules, 'rtseg_ros.runtime.onnx_engine', raising=False)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)  # as if it were not installed
    with pytest.raises(EngineError, match='onnxruntime.*pip install onnxruntime'):
        load_segmenter(tiny_model)


def test_batch_is_the_single_frames(make_model):
    """Frames of three sizes in one inference give what each gives alone, bit for bit."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((48, 64), (30, 90), (99, 70))]
    alone = load_segmenter(make_model())
    together = load_segmenter(make_model(batch=None))
    assert together.engine.max_batch > 1
    results = together.finish([together.prepare(frame) for frame in frames], confidence=True)
    assert len({result.timing_ms['infer'] for result in results}) == 1
    for frame, result in zip(frames, results, strict=True):
        expected = alone(frame, confidence=True)
        np.testing.assert_array_equal(result.labels, expected.labels)
        np.testing.assert_array_equal(result.confidence, expected.confidence)


def test_fixed_batch_takes_frames_one_by_one(tiny_model):
    segmenter = load_segmenter(tiny_model)
    frames = [halves('red', 'red'), halves('blue', 'blue')]
    results = segmenter.finish([segmenter.prepare(frame) for frame in frames])
    assert [result.labels[0, 0] for result in results] == [3, 1]
