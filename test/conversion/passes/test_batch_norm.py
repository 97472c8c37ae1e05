# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation disappears into convolutions and changes nothing."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
import onnxruntime as ort
import pytest

from rtseg_ros.conversion.passes.batch_norm import fold_batch_norms
from rtseg_ros.networks import list_networks

RNG = np.random.default_rng(0)
SHAPE = [1, 4, 6, 8]


def norm(source, target, channels, constants, *, variance=None):
    values = {
        'scale': RNG.normal(1, 0.3, channels),
        'bias': RNG.normal(0, 1, channels),
        'mean': RNG.normal(0, 1, channels),
        'var': RNG.uniform(0.5, 2, channels) if variance is None else variance,
    }
    names = [f'{target}/{key}' for key in values]
    for name, value in zip(names, values.values(), strict=True):
        constants[name] = np.asarray(value, np.float32)
    return helper.make_node('BatchNormalization', [source, *names], [target], target, epsilon=1e-3)


def convolution(source, target, constants, *, bias, transposed=False, group=1, weight=None):
    if weight is None:
        weight = f'{target}/w'
        constants[weight] = RNG.normal(size=(4, 4 // group, 3, 3)).astype(np.float32)
    names = [source, weight]
    if bias:
        constants[f'{target}/b'] = RNG.normal(size=4).astype(np.float32)
        names.append(f'{target}/b')
    operator = 'ConvTranspose' if transposed else 'Conv'
    return helper.make_node(operator, names, [target], target, pads=[1] * 4, group=group)


def model_of(nodes, constants, outputs=('y',)):
    graph = helper.make_graph(
        nodes,
        'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def folded(model):
    """Fold, and return the largest change of the outputs and the remaining norms."""
    x = RNG.normal(size=SHAPE).astype(np.float32)

    def run():
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=['CPUExecutionProvider']
        )
        return session.run(None, {'x': x})

    before = run()
    fold_batch_norms(model.graph)
    change = max(np.abs(a - b).max() for a, b in zip(before, run(), strict=True))
    return change, [n for n in model.graph.node if n.op_type == 'BatchNormalization']


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize('group', [1, 2, 4])
def test_behind_a_convolution(bias, transposed, group):
    constants = {}
    nodes = [
        convolution('x', 'a', constants, bias=bias, transposed=transposed, group=group),
        norm('a', 'y', 4, constants),
    ]
    change, left = folded(model_of(nodes, constants))
    assert not left
    assert change < 1e-4


def test_through_an_interpolation_and_a_sum():
    """norm(conv(x) + enlarged(conv(x))): both convolutions take the scale, one the offset."""
    constants = {'size': np.array([1, 4, 12, 16], np.int64)}
    nodes = [
        convolution('x', 'small', constants, bias=True),
        helper.make_node(
            'Resize', ['small', '', '', 'size'], ['large'], 'r', mode='linear',
            coordinate_transformation_mode='half_pixel',
        ),
        helper.make_node('Resize', ['x', '', '', 'size'], ['wide'], 'r2', mode='nearest'),
        convolution('wide', 'lateral', constants, bias=False),
        helper.make_node('Add', ['large', 'lateral'], ['sum'], 'add'),
        norm('sum', 'y', 4, constants),
    ]  # fmt: skip
    change, left = folded(model_of(nodes, constants))
    assert not left
    assert change < 1e-4


def test_what_others_read_stays():
    constants = {}
    nodes = [
        convolution('x', 'a', constants, bias=True),
        norm('a', 'y', 4, constants),
        helper.make_node('Relu', ['a'], ['z'], 'relu'),
    ]
    change, left = folded(model_of(nodes, constants, ('y', 'z')))
    assert len(left) == 1
    assert change < 1e-4


def test_weights_that_two_convolutions_share():
    """One BN per convolution, as with an encoder that runs on two scales."""
    constants = {'w': RNG.normal(size=(4, 4, 3, 3)).astype(np.float32)}
    nodes = [
        convolution('x', 'a', constants, bias=False, weight='w'),
        norm('a', 'b', 4, constants),
        convolution('b', 'c', constants, bias=False, weight='w'),
        norm('c', 'y', 4, constants),
    ]
    change, left = folded(model_of(nodes, constants))
    assert not left
    assert change < 1e-3


def test_a_norm_that_stays_survives_float16():
    """A variance of 1e-6 is rounded to 1e-6 +- 5 % in float16; the scale that it makes is not."""
    constants = {}
    tiny = np.full(4, 1e-6)
    nodes = [
        helper.make_node('Relu', ['x'], ['a'], 'relu'),
        norm('a', 'y', 4, constants, variance=tiny),
    ]
    model = model_of(nodes, constants)
    change, (left,) = folded(model)
    assert change < 1e-3
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    _, scale, _, mean, variance = (tensors.get(name) for name in left.input)
    assert (mean == 0).all()
    assert (variance == 1).all()
    assert np.abs(scale.astype(np.float16) / scale - 1).max() < 1e-3
    assert left.attribute[0].f == 0


@pytest.mark.export
@pytest.mark.parametrize('name', [n for n in list_networks() if 'vgg16' not in n])
def test_no_norm_of_a_network_is_left_behind_a_convolution(name, exported):
    graph = exported(name, odd=True).graph
    producers = {output: node for node in graph.node for output in node.output}
    readers = {}
    for node in graph.node:
        for source in node.input:
            readers.setdefault(source, []).append(node)
    for node in graph.node:
        if node.op_type == 'BatchNormalization':
            before = producers[node.input[0]]
            alone = len(readers[node.input[0]]) == 1
            assert before.op_type not in ('Conv', 'ConvTranspose') or not alone, node.name
