# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Imported models in every precision and batch, and in everything that takes a model."""

import json
import subprocess
import sys

import cv2
from foreign_models import FLOAT, HALF, LAYOUTS, SIZE, TOLD, foreign, write_labels
import numpy as np
import onnx
from onnx import helper, numpy_helper
import onnxruntime as ort
import pytest

from rtseg_ros.cli import main
from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError, ParityError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file


def silent(stage, done, total):
    pass


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture
def frames(tmp_path):
    """Eight frames on disk, in the folders of a data set with the labels of nobody."""
    folder = tmp_path / 'frames'
    folder.mkdir()
    for seed in range(8):
        cv2.imwrite(str(folder / f'{seed}.png'), noise(seed))
    return folder


def imported(path, tmp_path, frames, **options):
    output = tmp_path / 'ours.onnx'
    labels = write_labels(tmp_path / 'l.yaml', 3)
    if options.get('precision') == 'int8':
        options['calibration'] = str(frames)
    settings = ConversionSettings(str(path), str(output), labels=labels, **{**TOLD, **options})
    return convert(settings, silent)


def tokens(path, opset=17):
    """A body whose tensors are lists of tokens on the way, as in transformers, and a 1-D Conv."""
    rng = np.random.default_rng(3)
    height, width = SIZE
    values = {
        'w': rng.normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32),
        'b': rng.normal(0, 0.1, 8).astype(np.float32),
        'list': np.array([1, 8, height * width], np.int64),
        'w1': rng.normal(0, 0.3, (8, 8, 1)).astype(np.float32),
        'planes': np.array([1, 8, height, width], np.int64),
        'w2': rng.normal(0, 0.3, (3, 8, 1, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node('Conv', ['x', 'w', 'b'], ['a'], pads=[1] * 4),
        helper.make_node('Reshape', ['a', 'list'], ['c']),
        helper.make_node('Conv', ['c', 'w1'], ['d']),
        helper.make_node('Add', ['c', 'd'], ['e']),
        helper.make_node('Reshape', ['e', 'planes'], ['f']),
        helper.make_node('Relu', ['f'], ['g']),
        helper.make_node('Conv', ['g', 'w2'], ['scores']),
    ]
    graph = helper.make_graph(
        nodes,
        'tokens',
        [helper.make_tensor_value_info('x', FLOAT, (1, 3, *SIZE))],
        [helper.make_tensor_value_info('scores', FLOAT, (1, 3, *SIZE))],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=7)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize('layout', ['logits', 'softmax', 'a quarter, opset 11', 'float NHWC'])
@pytest.mark.parametrize('precision', ['fp16', 'int8'])
def test_other_precisions(layout, precision, tmp_path, frames):
    path = foreign(tmp_path / 'theirs', **LAYOUTS[layout])
    done = imported(path, tmp_path, frames, precision=precision)
    file = read_model_file(done.model)
    assert file.metadata.precision == precision
    model = onnx.load(done.model)
    if precision == 'fp16':
        kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        assert any(kind == HALF for name, kind in kinds.items() if name.startswith('body/'))
    else:
        assert any(node.op_type == 'QuantizeLinear' for node in model.graph.node)
        assert 'int8: 1 convolutions' in ' '.join(done.notes)
    assert load_segmenter(done.model)(noise(), confidence=True).confidence.shape == SIZE


@pytest.mark.parametrize('opset', [12, 17])
def test_int8_where_tensors_are_not_four_dimensional(opset, tmp_path, frames):
    done = imported(tokens(tmp_path / 'theirs', opset), tmp_path, frames, precision='int8')
    assert done.parity.passed
    said = ' '.join(done.notes)
    assert 'int8: 3 convolutions' in said or 'int8: 2 convolutions' in said
    assert ('raised to 17' in said) == (opset == 12)


def test_a_half_model_stays_half_and_says_so(tmp_path, frames):
    path = foreign(tmp_path / 'theirs', **LAYOUTS['float16'])
    assert imported(path, tmp_path, frames).metadata.precision == 'fp16'
    assert imported(path, tmp_path, frames, precision='fp16').metadata.precision == 'fp16'
    with pytest.raises(ConversionError, match='is fp16 already; leave out --precision'):
        imported(path, tmp_path, frames, precision='int8')


def test_a_model_that_others_quantised(tmp_path, frames):
    from onnxruntime.quantization import quantize_dynamic

    path = foreign(tmp_path / 'float.onnx', **LAYOUTS['logits'])
    quantize_dynamic(path, tmp_path / 'theirs.onnx', op_types_to_quantize=['Conv'])
    kinds = {node.op_type for node in onnx.load(tmp_path / 'theirs.onnx').graph.node}
    assert 'ConvInteger' in kinds
    done = imported(tmp_path / 'theirs.onnx', tmp_path, frames)
    assert done.metadata.precision == 'int8'
    assert done.parity.passed
    with pytest.raises(ConversionError, match='is int8 already'):
        imported(tmp_path / 'theirs.onnx', tmp_path, frames, precision='fp16')


@pytest.mark.parametrize('layout', ['logits', 'softmax', 'int64 (N,H,W)', 'labels at a quarter'])
def test_free_batch(layout, tmp_path, frames):
    path = foreign(tmp_path / 'theirs', **LAYOUTS[layout])
    done = imported(path, tmp_path, frames, free_batch=True)
    both = np.stack([noise(1), noise(2)])
    session = ort.InferenceSession(done.model.read_bytes(), providers=['CPUExecutionProvider'])
    (labels,) = session.run(['labels'], {'image': both})
    segmenter = load_segmenter(done.model)
    for frame, found in zip(both, labels, strict=True):
        assert (segmenter(frame).labels != found).mean() < 0.002


def test_a_batch_that_mixes_its_images_is_refused(tmp_path, frames):
    """The mean over everything, also over the images: no shape gives it away."""
    path = foreign(tmp_path / 'theirs', **LAYOUTS['logits'])
    model = onnx.load(path)
    model.graph.node.extend(
        [
            helper.make_node('ReduceMean', ['scores'], ['mean'], axes=[0, 2, 3]),
            helper.make_node('Sub', ['scores', 'mean'], ['out']),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info('out', FLOAT, (1, 3, *SIZE)))
    onnx.save(model, path)
    assert imported(path, tmp_path, frames).parity.passed
    with pytest.raises(ConversionError, match='do not give what each gives alone'):
        imported(path, tmp_path, frames, free_batch=True)


def test_evaluation_calibration_and_engines_take_it(tmp_path, frames, capsys):
    path = foreign(tmp_path / 'theirs', **LAYOUTS['softmax'])
    model = imported(path, tmp_path, frames).model
    data = tmp_path / 'data' / 'val'
    for part in ('images', 'labels'):
        (data / part).mkdir(parents=True)
    segmenter = load_segmenter(model)
    for seed in range(4):
        cv2.imwrite(str(data / 'images' / f'{seed}.png'), noise(seed))
        cv2.imwrite(str(data / 'labels' / f'{seed}.png'), segmenter(noise(seed)).labels)
    figures = tmp_path / 'f.json'
    words = ['evaluate', str(model), '--dataset', str(tmp_path / 'l.yaml'), '--root']
    words += [str(tmp_path / 'data'), '--split', 'val', '-o', str(tmp_path / 'r')]
    assert main([*words, '--calibrate', '--json', str(figures)]) == 0, capsys.readouterr().err
    assert json.loads(figures.read_text())['miou'] == 1.0
    assert read_model_file(model).metadata.network == 'imported'


def test_openvino_runs_it(tmp_path, frames):
    pytest.importorskip('openvino', reason='OpenVINO runs the model')
    path = foreign(tmp_path / 'theirs', **LAYOUTS['softmax'])
    model = imported(path, tmp_path, frames).model
    found = load_segmenter(model, engine='openvino')(noise()).labels
    assert (found != load_segmenter(model)(noise()).labels).mean() < 0.01


@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'int8'])
def test_tensorrt_rtx_builds_it(precision, tmp_path, frames):
    for name in ('tensorrt_rtx_libs', 'tensorrt_rtx_bindings'):
        pytest.importorskip(name, reason='TensorRT-RTX builds the model')
    path = foreign(tmp_path / 'theirs', **LAYOUTS['softmax'])
    model = imported(path, tmp_path, frames, precision=precision).model
    program = (
        'from pathlib import Path; from rtseg_ros.runtime.model_file import read_model_file; '
        'from rtseg_ros.runtime.tensorrt.build import build_engine; '
        'from rtseg_ros.runtime.tensorrt.library import load_tensorrt; '
        'from rtseg_ros.runtime.tensorrt.options import TensorRtOptions; '
        "o = TensorRtOptions(flavour='tensorrt_rtx', compute_targets='SM86'); "
        f"b = build_engine(load_tensorrt('tensorrt_rtx'), read_model_file({str(model)!r}), o, "
        'labels=True); assert len(b.content) > 1000'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_beyond_the_tolerance_only_if_told(tmp_path, frames):
    path = foreign(tmp_path / 'theirs', **LAYOUTS['logits'])
    strict = {'precision': 'int8', 'tolerance': 1.0}
    with pytest.raises(ParityError, match='differs from the original'):
        imported(path, tmp_path, frames, **strict)
    assert not (tmp_path / 'ours.onnx').exists()
    done = imported(path, tmp_path, frames, keep_anyway=True, **strict)
    assert read_model_file(done.model).metadata.extra['parity']['passed'] is False


def test_aligned_corners(tmp_path, frames):
    """Interpolated by hand: the outermost scores lie on the outermost pixels."""
    path = foreign(tmp_path / 'theirs', **LAYOUTS['a quarter, opset 11'])
    done = imported(path, tmp_path, frames, align_corners=True)
    assert 'enlarged bilinearly with aligned corners' in ' '.join(done.notes)
    rgb = noise()[:, :, ::-1].astype(np.float64)
    image = ((rgb - TOLD['mean']) / TOLD['std']).transpose(2, 0, 1)[None].astype(np.float32)
    session = ort.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    scores = session.run(None, {'x': image})[0][0].astype(np.float64)
    for axis, side in ((1, SIZE[0]), (2, SIZE[1])):
        old = np.arange(scores.shape[axis])
        at = np.linspace(0, len(old) - 1, side)
        scores = np.apply_along_axis(
            lambda row, at=at, old=old: np.interp(at, old, row), axis, scores
        )
    found = load_segmenter(done.model)(noise()).labels
    assert (found != scores.argmax(axis=0)).mean() < 0.002
