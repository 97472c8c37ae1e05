# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rewritten operators against the originals in ONNX Runtime."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime as ort
import pytest

from rtseg_ros.conversion.passes.operators import use_fast_operators


def model_of(node: onnx.NodeProto, constants, in_shape, out_shape) -> onnx.ModelProto:
    """A model of one node that reads x and writes y."""
    graph = helper.make_graph(
        [node],
        'one',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, in_shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, out_shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return session.run(None, {'x': x})[0]


def before_and_after(model: onnx.ModelProto) -> tuple[np.ndarray, np.ndarray, list[str]]:
    shape = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    before = run(model, x)
    use_fast_operators(model)
    return before, run(model, x), [node.op_type for node in model.graph.node]


@pytest.mark.parametrize('steepest', [1.0, 1.75])
def test_prelu_keeps_every_bit(steepest):
    slopes = np.array([0.25, 0.0, -0.5, steepest], np.float32).reshape(4, 1, 1)
    node = helper.make_node('PRelu', ['x', 'slopes'], ['y'], 'act')
    model = model_of(node, {'slopes': slopes}, [1, 4, 6, 7], [1, 4, 6, 7])
    before, after, operators = before_and_after(model)
    np.testing.assert_array_equal(before, after)
    assert operators == (['Mul', 'Max'] if steepest == 1 else ['Relu', 'Min', 'Mul', 'Add'])


@pytest.mark.parametrize(
    ('kernel', 'stride', 'pads'),
    [(4, 2, [1, 1, 1, 1]), (16, 8, [4, 4, 4, 4]), (6, 2, [2, 2, 2, 2]), (4, 2, [0, 1, 2, 0])],
)
@pytest.mark.parametrize('with_bias', [False, True])
def test_large_transposed_convolution(kernel, stride, pads, with_bias):
    rng = np.random.default_rng(1)
    constants = {'w': rng.normal(size=(5, 3, kernel, kernel)).astype(np.float32)}
    if with_bias:
        constants['b'] = rng.normal(size=3).astype(np.float32)
    node = helper.make_node(
        'ConvTranspose', ['x', *constants], ['y'], 'up', strides=[stride, stride], pads=pads
    )
    height = 4 * stride + kernel - pads[0] - pads[2]
    width = 6 * stride + kernel - pads[1] - pads[3]
    model = model_of(node, constants, [1, 5, 5, 7], [1, 3, height, width])
    before, after, operators = before_and_after(model)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert operators == ['Conv', 'DepthToSpace', 'Slice']


@pytest.mark.parametrize(
    ('kernel', 'stride', 'extra'),
    [
        (2, 2, {}),
        (3, 2, {'pads': [1] * 4, 'output_padding': [1, 1]}),
        (4, 2, {'pads': [1] * 4, 'dilations': [2, 2]}),
        (4, 2, {'output_padding': [1, 1]}),
    ],
)
def test_other_transposed_convolutions_stay(kernel, stride, extra):
    weights = np.ones((2, 3, kernel, kernel), np.float32)
    node = helper.make_node(
        'ConvTranspose', ['x', 'w'], ['y'], 'up', strides=[stride, stride], **extra
    )
    model = model_of(node, {'w': weights}, [1, 2, 5, 5], [1, 3, None, None])
    use_fast_operators(model)
    assert [node.op_type for node in model.graph.node] == ['ConvTranspose']


def resize(size_hw, **attributes) -> onnx.ModelProto:
    constants = {'none': np.zeros(0, np.float32), 'size': np.array([1, 3, *size_hw], np.int64)}
    modes = {'mode': 'cubic', 'coordinate_transformation_mode': 'half_pixel'} | attributes
    node = helper.make_node('Resize', ['x', 'none', 'none', 'size'], ['y'], 'half', **modes)
    return model_of(node, constants, [1, 3, 12, 20], [1, 3, *size_hw])


@pytest.mark.parametrize('a', [-0.75, -0.5])
def test_bicubic_half_size(a):
    before, after, operators = before_and_after(resize((6, 10), cubic_coeff_a=a))
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert operators == ['Pad', 'Conv']


@pytest.mark.parametrize(
    ('size', 'attributes'),
    [
        ((5, 10), {}),
        ((24, 40), {}),
        ((6, 10), {'mode': 'linear'}),
        ((6, 10), {'coordinate_transformation_mode': 'align_corners'}),
    ],
)
def test_other_sizes_and_modes_stay(size, attributes):
    model = resize(size, **attributes)
    use_fast_operators(model)
    assert [node.op_type for node in model.graph.node] == ['Resize']
