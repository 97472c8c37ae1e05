# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fold batch normalisation into convolutions, also through sums and interpolations."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from rtseg_ros.conversion.passes.edit import attribute, constants, consumers, set_constant

_CONVOLUTIONS = ('Conv', 'ConvTranspose')


def fold_batch_norms(graph: onnx.GraphProto) -> None:
    """Fold each BatchNormalization into the convolutions that alone feed it.

    A norm behind sums and interpolations of convolutions is folded into all of them:
    interpolation keeps constants, so that scale and offset can move in front of it. Where
    something else feeds the norm or reads its input, it stays, with its statistics folded into
    its scale and bias: a small variance would not survive float16.
    """
    for norm in [node for node in graph.node if node.op_type == 'BatchNormalization']:
        factor, offset = _factor_and_offset(graph, norm)
        source = norm.input[0]
        if _can_absorb(graph, source):
            _absorb(graph, source, factor, offset)
            _bypass(graph, norm)
        else:
            _replace_statistics(graph, norm, factor, offset)


def _factor_and_offset(
    graph: onnx.GraphProto, norm: onnx.NodeProto
) -> tuple[np.ndarray, np.ndarray]:
    known = constants(graph)
    gamma, beta, mean, variance = (
        numpy_helper.to_array(known[name]).astype(np.float64) for name in norm.input[1:5]
    )
    factor = gamma / np.sqrt(variance + attribute(norm, 'epsilon', 1e-5))
    return factor, beta - mean * factor


def _sources(node: onnx.NodeProto | None) -> Sequence[str] | None:
    """Inputs that a scale and an offset can move to; empty for a convolution, None if none."""
    if node is None:
        return None
    if node.op_type in _CONVOLUTIONS:
        return ()
    if node.op_type == 'Resize':
        return node.input[:1]
    if node.op_type == 'Add':
        return node.input
    return None


def _can_absorb(graph: onnx.GraphProto, name: str) -> bool:
    if len(consumers(graph).get(name, [])) != 1 or name in {o.name for o in graph.output}:
        return False
    sources = _sources(_producer(graph, name))
    return sources is not None and all(_can_absorb(graph, source) for source in sources)


def _absorb(graph: onnx.GraphProto, name: str, factor: np.ndarray, offset: np.ndarray) -> None:
    node = _producer(graph, name)
    assert node is not None
    if node.op_type in _CONVOLUTIONS:
        _scale_outputs(graph, node, factor, offset)
        return
    for index, source in enumerate(_sources(node) or ()):
        _absorb(graph, source, factor, offset if index == 0 else np.zeros_like(offset))


def _producer(graph: onnx.GraphProto, name: str) -> onnx.NodeProto | None:
    return next((node for node in graph.node if name in node.output), None)


def _scale_outputs(
    graph: onnx.GraphProto, convolution: onnx.NodeProto, factor: np.ndarray, offset: np.ndarray
) -> None:
    known = constants(graph)
    weight = numpy_helper.to_array(known[convolution.input[1]]).astype(np.float64)
    if convolution.op_type == 'Conv':
        weight = weight * factor[:, None, None, None]
    else:  # (in, out / groups, kh, kw)
        groups = int(attribute(convolution, 'group', 1))
        per_input = np.repeat(factor.reshape(groups, -1), len(weight) // groups, axis=0)
        weight = weight * per_input[:, :, None, None]
    if len(convolution.input) == 3:
        offset = offset + numpy_helper.to_array(known[convolution.input[2]]) * factor
    # New names: other convolutions may share the old weights.
    name = convolution.output[0]
    inputs = [
        convolution.input[0],
        set_constant(graph, f'{name}/weight', weight.astype(np.float32)),
        set_constant(graph, f'{name}/bias', offset.astype(np.float32)),
    ]
    del convolution.input[:]
    convolution.input.extend(inputs)


def _bypass(graph: onnx.GraphProto, norm: onnx.NodeProto) -> None:
    """Let the producer of the norm's input write the norm's output."""
    producer = _producer(graph, norm.input[0])
    assert producer is not None
    producer.output[0] = norm.output[0]
    graph.node.remove(norm)


def _replace_statistics(
    graph: onnx.GraphProto, norm: onnx.NodeProto, factor: np.ndarray, offset: np.ndarray
) -> None:
    name = norm.output[0]
    values = {
        'scale': factor,
        'bias': offset,
        'mean': np.zeros_like(factor),
        'var': np.ones_like(factor),
    }
    inputs = [norm.input[0]] + [
        set_constant(graph, f'{name}/{part}', value.astype(np.float32))
        for part, value in values.items()
    ]
    del norm.input[:], norm.attribute[:]
    norm.input.extend(inputs)
    norm.attribute.append(onnx.helper.make_attribute('epsilon', 0.0))
