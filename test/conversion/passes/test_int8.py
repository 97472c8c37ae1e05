# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""int8 models: calibrated, signed with zero zero-points, and no more wrong than eight bits are."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime as ort
import pytest
from random_frames import smooth_frame

from rtseg_ros.conversion.finishing import file_content
from rtseg_ros.conversion.passes.int8 import quantized_model
from rtseg_ros.conversion.passes.ranges import Range, measured_ranges
from rtseg_ros.runtime.int8_cpu import POSITIVE_PREFIX, PREFIX, with_unsigned_activations
from rtseg_ros.runtime.model_file import model_file_from_content
from rtseg_ros.runtime.onnx_engine import OnnxEngine

FRAMES = [lambda seed=seed: smooth_frame(seed)[None] for seed in range(6)]


def silent(done, total):
    assert 0 <= done <= total


def run(content, frame, *, in_float=False):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if in_float:  # what the file says: eight-bit kernels of CPUs without VNNI saturate
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    return session.run(['logits', 'labels'], {'image': frame})


@pytest.fixture(scope='module')
def models(exported):
    """A float model and its int8 twin."""
    model = exported()
    return model, quantized_model(model, FRAMES, silent)


@pytest.mark.export
def test_signed_zero_points_and_float_biases(models):
    """What TensorRT demands: int8, zero zero-points, no Q/DQ on biases, per-channel weights."""
    graph = models[1].model.graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    pairs = [n for n in graph.node if n.op_type in ('QuantizeLinear', 'DequantizeLinear')]
    assert len(pairs) > 100
    for node in pairs:
        zero, scale = tensors[node.input[2]], tensors[node.input[1]]
        assert zero.dtype == np.int8
        assert not zero.any()
        assert (scale > 0).all()
        assert scale.dtype == np.float32
        on_weights = node.input[0] in tensors
        assert zero.shape == scale.shape == ((len(tensors[node.input[0]]),) if on_weights else ())
    producers = {name: node for node in graph.node for name in node.output}
    count = 0
    for node in graph.node:
        if node.op_type == 'Conv' and node.input[1] in producers:
            count += 1
            assert producers[node.input[1]].op_type == 'DequantizeLinear'
            assert producers[node.input[0]].op_type == 'DequantizeLinear'
            assert all(tensors[name].dtype == np.float32 for name in node.input[2:])
    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    assert count == models[1].convolutions
    assert count + models[1].float_convolutions == len(convolutions)
    assert count > 0.8 * len(convolutions)


@pytest.mark.export
def test_the_last_convolution_stays_float(models):
    producers = {name: node for node in models[1].model.graph.node for name in node.output}
    logits = producers['logits']
    assert logits.op_type == 'Conv'
    assert logits.input[1] not in producers


@pytest.mark.export
def test_it_is_nearly_as_good(models, metadata):
    model, quantized = models
    whole = file_content(model, metadata())
    small = file_content(quantized.model, metadata(precision='int8'))
    assert len(small) < 0.33 * len(whole)
    frame = smooth_frame(11)[None]
    (exact, labels), (logits, int8_labels) = (
        run(whole, frame, in_float=True),
        run(small, frame, in_float=True),
    )
    assert np.corrcoef(exact.ravel(), logits.ravel())[0, 1] > 0.99
    # Random weights leave many pixels undecided: 0.043 to 0.102 over six draws of them.
    assert (labels != int8_labels).mean() < 0.15


@pytest.mark.export
def test_weights_are_the_nearest_levels(models):
    model, quantized = models
    exact = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.model.graph.initializer}
    by_output = {node.output[0]: node for node in model.graph.node if node.op_type == 'Conv'}
    checked = 0
    for name, levels in tensors.items():
        if name.startswith('weight/') and name.endswith('/quantized'):
            stem = name.removesuffix('/quantized')
            scale = tensors[f'{stem}/scale'][:, None, None, None]
            weight = exact[by_output[stem.removeprefix('weight/')].input[1]]
            assert np.abs(levels * scale - weight).max() <= 0.5001 * scale.max()
            assert np.abs(levels).reshape(len(levels), -1).max(axis=1).min() == 127
            checked += 1
    assert checked == quantized.convolutions


@pytest.mark.export
def test_unsigned_activations_mean_the_same(models, metadata):
    """Signed move by 128, bit for bit; those never negative get finer steps of one range."""
    content = file_content(models[1].model, metadata(precision='int8'))
    unsigned = with_unsigned_activations(content)
    before = {t.name: t for t in onnx.load_from_string(content).graph.initializer}
    after = {t.name: t for t in onnx.load_from_string(unsigned).graph.initializer}
    onnx.checker.check_model(onnx.load_from_string(unsigned), full_check=True)
    assert list(before) == list(after)
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    for name in changed:
        old, new = numpy_helper.to_array(before[name]), numpy_helper.to_array(after[name])
        positive = name.startswith(POSITIVE_PREFIX)
        assert positive or name.startswith(PREFIX)
        if name.endswith('/zero'):
            assert (new.dtype, int(new)) == (np.uint8, 0 if positive else 128)
        else:
            assert positive
            assert float(new) * 255 == pytest.approx(float(old) * 127, rel=1e-6)
    assert not any(name.startswith('weight/') for name in changed)
    frame = smooth_frame(12)[None]
    (signed, _), (logits, _) = (
        run(content, frame, in_float=True),
        run(unsigned, frame, in_float=True),
    )
    assert np.corrcoef(signed.ravel(), logits.ravel())[0, 1] > 0.99


def test_only_signed_values_keep_every_bit():
    """Without non-negative tensors both forms are the same arithmetic."""
    zero, scale = np.int8(0), np.float32(0.03)
    names = [f'{PREFIX}x/scale', f'{PREFIX}x/zero']
    graph = helper.make_graph(
        [
            helper.make_node('QuantizeLinear', ['x', *names], ['q'], 'q'),
            helper.make_node('DequantizeLinear', ['q', *names], ['y'], 'dq'),
        ],
        'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [500])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [500])],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in zip(names, (scale, zero), strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    content = model.SerializeToString()
    x = np.linspace(-5, 5, 500).astype(np.float32)  # beyond the range on both sides

    def values(data):
        session = ort.InferenceSession(data, providers=['CPUExecutionProvider'])
        return session.run(None, {'x': x})[0]

    signed = values(content)
    assert (signed.min(), signed.max()) == pytest.approx((-128 * 0.03, 127 * 0.03))
    np.testing.assert_array_equal(values(with_unsigned_activations(content)), signed)


@pytest.mark.export
def test_the_cpu_engine_takes_the_unsigned_form(models, metadata):
    content = file_content(models[1].model, metadata(precision='int8'))
    file = model_file_from_content(content, 'x.onnx')
    engine = OnnxEngine(file)
    frame = smooth_frame(13)[None]
    expected = run(with_unsigned_activations(content), frame)[0]
    np.testing.assert_allclose(engine.infer(frame)['logits'], expected, atol=1e-5)
    assert np.abs(expected - run(content, frame)[0]).max() > 1e-3  # it does make a difference
    engine.close()


@pytest.mark.export
def test_a_float_model_is_left_alone(models, metadata):
    content = file_content(models[0], metadata())
    assert onnx.load_from_string(with_unsigned_activations(content)) == onnx.load_from_string(
        content
    )


def cancelling_model(spread):
    """A 1x1 convolution that takes the difference of two nearly equal channels."""
    weights = {
        'first': np.array([[1.0, 0, 0], [1.0, spread, 0]], np.float32).reshape(2, 3, 1, 1),
        'difference': np.array([[1.0, -1.0]], np.float32).reshape(1, 2, 1, 1),
        'last': np.ones((4, 1, 1, 1), np.float32),
    }
    nodes = [
        helper.make_node('Cast', ['image'], ['floats'], 'input/cast', to=TensorProto.FLOAT),
        helper.make_node('Transpose', ['floats'], ['normalised'], 'input/t', perm=[0, 3, 1, 2]),
        helper.make_node('Conv', ['normalised', 'first'], ['a'], 'first'),
        helper.make_node('Conv', ['a', 'difference'], ['b'], 'difference'),
        helper.make_node('Conv', ['b', 'last'], ['c'], 'third'),
        helper.make_node('Conv', ['c', 'eye'], ['logits'], 'fourth'),
    ]
    weights['eye'] = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    graph = helper.make_graph(
        nodes,
        'g',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 64, 96, 3])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, [1, 4, 64, 96])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


@pytest.mark.parametrize(
    ('spread', 'chosen'),
    # 1.0: the second channel is the sum of two colours, a difference that eight bits can carry.
    # 0.01: the difference is one level in a hundred; the convolution and what feeds it stay.
    [(1.0, {'first', 'difference', 'third'}), (0.01, {'third'})],
)
def test_convolutions_that_lose_too_much_stay_float(spread, chosen):
    quantized = quantized_model(cancelling_model(spread), FRAMES, silent)
    producers = {name: node for node in quantized.model.graph.node for name in node.output}
    found = {
        node.name
        for node in quantized.model.graph.node
        if node.op_type == 'Conv' and node.input[1] in producers
    }
    assert found == chosen
    assert quantized.convolutions == len(chosen)
    assert quantized.float_convolutions == 4 - len(chosen)


def test_ranges_of_known_values():
    """The identity of a frame: the ranges are those of its bytes."""
    model = cancelling_model(1.0)
    frame = np.zeros((1, 64, 96, 3), np.uint8)
    frame[0, 0, 0] = (200, 10, 0)
    found = measured_ranges(model, ['normalised', 'a'], [lambda: frame], silent)
    assert (found['normalised'].lowest, found['normalised'].largest) == (0.0, 200.0)
    assert found['a'].largest == 210.0


def test_the_scale_that_loses_least():
    """A step s loses s * s / 12 per value within its range, and the distance beyond it."""
    histogram = np.zeros(2048, np.int64)
    histogram[:512] = 200  # 102,400 values evenly from 0 to 2, a quarter of the largest value
    calm = Range(0.0, 8.0, histogram)
    assert calm.scale() == pytest.approx(2.0 / 127, rel=0.06)
    # One value at 8: least where 102400 * s / 6 = 2 * 127 * (8 - 127 * s), not at 8 / 127 = 0.063.
    histogram = histogram.copy()
    histogram[-1] = 1
    least = 2 * 127 * 8 / (102400 / 6 + 2 * 127**2)
    assert replace(calm, histogram=histogram).scale() == pytest.approx(least, rel=0.06)
    even = np.full(2048, 50)
    assert replace(calm, histogram=even).scale() == pytest.approx(8.0 / 127, rel=0.02)
