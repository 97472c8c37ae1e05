# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Foreign .onnx files of every layout in the field, made small, become models that we run."""

import json
from pathlib import Path
import subprocess
import sys

import cv2
from foreign_models import FLOAT, LAYOUTS, SCORES, SIZE, TOLD, H, W, foreign, write_labels
import numpy as np
import onnx
from onnx import helper, numpy_helper
import onnxruntime as ort
import pytest

from rtseg_ros.cli import main
from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file


def silent(stage, done, total):
    pass


@pytest.fixture
def label_file(tmp_path):
    """Write a label set of so many classes."""
    return lambda classes: write_labels(tmp_path / f'labels{classes}.yaml', classes)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def image_of(frame, told):
    """What the foreign model is fed; worked out here once more."""
    if not told.get('std'):
        return frame[:, :, ::-1].copy()
    rgb = frame[:, :, ::-1].astype(np.float64)
    return ((rgb - np.array(told['mean'])) / np.array(told['std'])).astype(np.float32)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_comes_in(layout, tmp_path, label_file):
    case = dict(LAYOUTS[layout])
    name, size = case.pop('name', ''), case.pop('size', False)
    path = foreign(tmp_path / 'theirs.bin', **case)  # the name says nothing
    told = {'channel_order': 'rgb'} if layout.startswith('uint8 NHWC') else TOLD
    labels = label_file(2 if case.get('classes') == 1 else 3)
    output = tmp_path / 'model.onnx'
    done = convert(
        ConversionSettings(
            str(path), str(output), labels=labels, output_name=name,
            size_hw=SIZE if size else (0, 0), **told,
        ),
        silent,
    )  # fmt: skip
    assert done.parity.different_pixels == 0
    file = read_model_file(output)
    assert file.metadata.network == 'imported'
    assert file.metadata.extra['imported']['source_sha256'] == file.metadata.checkpoint_sha256
    segmenter = load_segmenter(output)
    session = ort.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    frame = noise()
    image = image_of(frame, told)
    given = session.get_inputs()[0]
    if case.get('given', (0, ()))[1] != (1, *SIZE, 3):
        image = image.transpose(2, 0, 1)
    kind = {'tensor(float16)': np.float16, 'tensor(uint8)': np.uint8}.get(given.type, np.float32)
    wanted = [name] if name else None
    values = session.run(wanted, {'x': image[None].astype(kind)})[0].astype(np.float64)
    assert_same_labels(segmenter(frame).labels, values, case.get('classes', 3))


def assert_same_labels(found, values, classes):
    """Hold our labels to those that follow from the original's values, by hand."""
    if values.ndim == 4 and values.shape[3] == classes and values.shape[1] != classes:
        values = values.transpose(0, 3, 1, 2)
    if values.ndim == 4 and values.shape[1] == classes > 1:
        scores = [cv2.resize(plane, SIZE[::-1]) for plane in values[0]]
        expected = np.argmax(scores, axis=0)
        # Enlarged scores of two libraries differ in the last bits.
        assert (found != expected).mean() < (0.002 if values.shape[2:] != SIZE else 1e-9)
        return
    if classes == 1:
        probability = values.min() >= 0 and values.max() <= 1
        expected = values.reshape(SIZE) > (0.5 if probability else 0)
    else:
        plane = values.reshape(-1, *SIZE)[0] if values.size == H * W else None
        if plane is None:
            plane = np.kron(values.reshape(H // 4, W // 4), np.ones((4, 4)))
        expected = plane
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('opset', [11, 20])
def test_the_metadata_say_the_opset_of_the_source(opset, tmp_path, label_file):
    path = foreign(tmp_path / 'a', **LAYOUTS[f'opset {opset}'])
    output = tmp_path / 'model.onnx'
    convert(ConversionSettings(str(path), str(output), labels=label_file(3), **TOLD), silent)
    assert read_model_file(output).metadata.extra['opset'] == opset
    (entry,) = [e for e in onnx.load(output).opset_import if not e.domain]
    assert entry.version == opset


@pytest.mark.process
def test_no_torch_is_needed(tmp_path, label_file):
    path = foreign(tmp_path / 'a', **LAYOUTS['softmax'])
    output = tmp_path / 'model.onnx'
    words = ['convert', str(path), '-o', str(output), '--labels', label_file(3)]
    program = (
        "import sys; sys.modules['torch'] = None; from rtseg_ros.cli import main; "
        f'sys.exit(main({[*words, "--preset", "imagenet"]!r}))'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'torch' not in read_model_file(output).metadata.extra['versions']


def test_what_branches_read_is_kept(tmp_path, label_file):
    """A constant that only the branches of an If use, which take it from outside."""
    path = foreign(tmp_path / 'a', **LAYOUTS['logits'])
    model = onnx.load(path)
    graph = model.graph
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ['scores', 'shift'], ['moved'])],
            kind,
            [],
            [helper.make_tensor_value_info('moved', FLOAT, SCORES[2])],
        )
        for kind in ('Add', 'Sub')
    ]
    shift = np.array([5, 0, -5], np.float32).reshape(1, 3, 1, 1)
    graph.initializer.append(numpy_helper.from_array(shift, 'shift'))
    graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), 'nought'))
    graph.node.extend(
        [
            helper.make_node('ReduceMean', ['scores'], ['mean'], keepdims=0),
            helper.make_node('Greater', ['mean', 'nought'], ['bright']),
            helper.make_node(
                'If', ['bright'], ['out'], then_branch=branches[0], else_branch=branches[1]
            ),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info('out', FLOAT, SCORES[2]))
    onnx.save(model, path)
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels=label_file(3), **TOLD
    )
    assert convert(settings, silent).parity.different_pixels == 0


def test_confidence_of_a_softmax_output_is_its_probability(tmp_path, label_file):
    path = foreign(tmp_path / 'a', **LAYOUTS['softmax'])
    output = tmp_path / 'model.onnx'
    convert(ConversionSettings(str(path), str(output), labels=label_file(3), **TOLD), silent)
    frame = noise()
    session = ort.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    (values,) = session.run(None, {'x': image_of(frame, TOLD).transpose(2, 0, 1)[None]})
    found = load_segmenter(output)(frame, confidence=True).confidence
    assert np.abs(found - 255 * values[0].max(axis=0)).max() <= 1


def test_threshold_of_a_sigmoid(tmp_path, label_file):
    path = foreign(tmp_path / 'a', **LAYOUTS['sigmoid'])
    output = tmp_path / 'model.onnx'
    settings = ConversionSettings(
        str(path), str(output), labels=label_file(2), threshold=0.8, **TOLD
    )
    assert convert(settings, silent).parity.different_pixels == 0
    frame = noise()
    session = ort.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    (values,) = session.run(None, {'x': image_of(frame, TOLD).transpose(2, 0, 1)[None]})
    np.testing.assert_array_equal(load_segmenter(output)(frame).labels, values[0, 0] > 0.8)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'labels': ''}, 'give --labels'),
        ({'std': (0.0, 0.0, 0.0), 'mean': (0.0, 0.0, 0.0), 'channel_order': ''}, 'give --preset'),
        ({'mean': (0.5, 0.4, 0.3), 'std': (0.2, 0.2, 0.1)}, '--mean 127.5 102 76.5 --std 51 51'),
        ({'channel_order': ''}, 'give --channel-order'),
        ({'size_hw': (64, 64)}, 'takes only 32 48'),
        ({'output_name': 'nothing'}, "it has 'scores' float32 (1, 3, 32, 48)"),
        ({'output_kind': 'labels'}, 'are not 1'),
        ({'network': 'espnet'}, '--network is for checkpoints'),
    ],
)
def test_what_is_missing_is_said(changes, said, tmp_path, label_file):
    path = foreign(tmp_path / 'a.onnx', **LAYOUTS['logits'])
    settings = {'labels': label_file(3), **TOLD, **changes}
    with pytest.raises(ConversionError) as refused:
        convert(ConversionSettings(str(path), str(tmp_path / 'm.onnx'), **settings), silent)
    assert said in str(refused.value)
    assert not (tmp_path / 'm.onnx').exists()


def test_other_class_counts_are_refused(tmp_path, label_file):
    path = foreign(tmp_path / 'a.onnx', **LAYOUTS['logits'])
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels=label_file(5), **TOLD
    )
    with pytest.raises(ConversionError, match='its channels are not 1 or 5 or 6'):
        convert(settings, silent)


def test_several_outputs_are_listed(tmp_path, label_file):
    case = {key: value for key, value in LAYOUTS['two outputs'].items() if key != 'name'}
    path = foreign(tmp_path / 'a.onnx', **case)
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels=label_file(3), **TOLD
    )
    with pytest.raises(ConversionError, match="2 outputs: 'other' .*--output-name"):
        convert(settings, silent)


def test_the_other_channel_order_is_told(tmp_path, label_file):
    """Frames labelled by the network itself in rgb; told bgr, the report says so."""
    path = foreign(tmp_path / 'a.onnx', **LAYOUTS['logits'])
    split = tmp_path / 'data' / 'val'
    for part in ('images', 'labels'):
        (split / part).mkdir(parents=True)
    session = ort.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    for seed in range(3):
        frame = noise(seed)
        (values,) = session.run(None, {'x': image_of(frame, TOLD).transpose(2, 0, 1)[None]})
        cv2.imwrite(str(split / 'images' / f'{seed}.png'), frame)
        cv2.imwrite(str(split / 'labels' / f'{seed}.png'), values[0].argmax(0).astype(np.uint8))
    told = {key: value[::-1] for key, value in TOLD.items() if key != 'channel_order'}
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels=label_file(3), verify=str(split),
        channel_order='bgr', **told,
    )  # fmt: skip
    done = convert(settings, silent)
    assert any('give --channel-order rgb' in note for note in done.notes)


def test_on_the_command_line(tmp_path, label_file, capsys):
    path = foreign(tmp_path / 'a.onnx', **LAYOUTS['softmax'])
    output, figures = tmp_path / 'm.onnx', tmp_path / 'f.json'
    words = ['convert', str(path), '-o', str(output), '--labels', label_file(3)]
    assert main([*words, '--preset', 'imagenet', '--json', str(figures)]) == 0
    said = capsys.readouterr().out
    assert 'the output holds probabilities: its channels sum to 1' in said
    assert 'compared on drawn frames only' in said
    assert json.loads(figures.read_text())['parity']['reference'] == 'the original'
    assert 'Comparison with the original' in Path(tmp_path / 'm.report.md').read_text()
