# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Operators that CPU kernels are slow at, written with ones that they are fast at.

Measured with ONNX Runtime on one core: ESPNet and the image pyramids of SwiftNet lose a quarter
of their time, SkipNet a fifth. What is computed stays the same but for rounding.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rtseg_ros.conversion.passes.edit import attribute, constants, remove_unused, set_constant

_TO_THE_END = np.iinfo(np.int64).max


def use_fast_operators(model: onnx.ModelProto) -> None:
    """Rewrite a model of fixed size in place: PRelu, large transposed convolutions, half sizes."""
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {info.name: info.type.tensor_type for info in (*inferred.input, *inferred.value_info)}
    known = {name: numpy_helper.to_array(tensor) for name, tensor in constants(graph).items()}
    nodes = []
    for node in graph.node:
        if node.op_type == 'PRelu' and node.input[1] in known:
            nodes += _prelu(graph, node, known[node.input[1]])
        elif node.op_type == 'ConvTranspose' and _is_large(node, known):
            nodes += _transposed(graph, node, known)
        elif node.op_type == 'Resize' and _halves(node, known, types):
            nodes += _half_size(graph, node, types[node.input[0]])
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    remove_unused(graph)


def _prelu(
    graph: onnx.GraphProto, node: onnx.NodeProto, slope: np.ndarray
) -> list[onnx.NodeProto]:
    """Write PRelu as max(x, slope * x), or relu(x) + slope * min(x, 0) if a slope exceeds 1.

    Its own kernel takes value by value.
    """
    name, (source, slope_name), (result,) = node.name, node.input, node.output
    if (slope <= 1).all():
        return [
            helper.make_node('Mul', [source, slope_name], [f'{result}_bent'], f'{name}/bent'),
            helper.make_node('Max', [source, f'{result}_bent'], [result], f'{name}/larger'),
        ]
    zero = set_constant(graph, f'{name}/nought', np.zeros((), slope.dtype))
    return [
        helper.make_node('Relu', [source], [f'{result}_above'], f'{name}/above'),
        helper.make_node('Min', [source, zero], [f'{result}_below'], f'{name}/below'),
        helper.make_node(
            'Mul', [f'{result}_below', slope_name], [f'{result}_bent'], f'{name}/bent'
        ),
        helper.make_node('Add', [f'{result}_above', f'{result}_bent'], [result], f'{name}/sum'),
    ]


def _ints(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    for item in node.attribute:
        if item.name == name:
            return list(helper.get_attribute_value(item))
    return default


def _is_large(node: onnx.NodeProto, known: dict[str, np.ndarray]) -> bool:
    """Whether the kernel covers each output pixel several times, a whole number of times.

    Smaller ones are faster as they are.
    """
    if any(name not in known for name in node.input[1:]):
        return False
    side, stride = known[node.input[1]].shape[2:], _ints(node, 'strides', [1, 1])
    dilated = _ints(node, 'dilations', [1, 1]) != [1, 1]
    grown = _ints(node, 'output_padding', [0, 0]) != [0, 0]
    plain = not dilated and not grown and attribute(node, 'group', 1) == 1
    square = side[0] == side[1] and stride[0] == stride[1]
    return plain and square and stride[0] > 1 and side[0] >= 2 * stride[0] and not (
        side[0] % stride[0]
    )  # fmt: skip


def _transposed(
    graph: onnx.GraphProto, node: onnx.NodeProto, known: dict[str, np.ndarray]
) -> list[onnx.NodeProto]:
    """Write a transposed convolution of stride s as one with s * s times the outputs.

    Each output pixel of one s x s block sees the same input pixels, through its own part of the
    kernel; DepthToSpace puts the pixels of the blocks in their places.
    """
    weights = known[node.input[1]]
    stride = _ints(node, 'strides', [1, 1])[0]
    num_in, num_out, side, _ = weights.shape
    taps = side // stride
    split = weights.reshape(num_in, num_out, taps, stride, taps, stride)[:, :, ::-1, :, ::-1]
    phases = split.transpose(3, 5, 1, 0, 2, 4).reshape(-1, num_in, taps, taps)
    name, (result,) = node.name, node.output
    inputs = [node.input[0], set_constant(graph, f'{name}/phases', phases)]
    if len(node.input) > 2:
        bias = np.tile(known[node.input[2]], stride * stride)
        inputs.append(set_constant(graph, f'{name}/bias', bias))
    top, left, bottom, right = _ints(node, 'pads', [0, 0, 0, 0])
    ends = [-bottom or _TO_THE_END, -right or _TO_THE_END]
    crop = {'starts': [top, left], 'ends': ends, 'axes': [2, 3]}
    crop_names = [
        set_constant(graph, f'{name}/{key}', np.array(value, np.int64))
        for key, value in crop.items()
    ]
    return [
        helper.make_node(
            'Conv', inputs, [f'{result}_phases'], f'{name}/conv', pads=[taps - 1] * 4,
            kernel_shape=[taps, taps],
        ),
        helper.make_node(
            'DepthToSpace', [f'{result}_phases'], [f'{result}_full'], f'{name}/blocks',
            blocksize=stride, mode='DCR',
        ),
        helper.make_node('Slice', [f'{result}_full', *crop_names], [result], f'{name}/crop'),
    ]  # fmt: skip


def _halves(
    node: onnx.NodeProto, known: dict[str, np.ndarray], types: dict[str, onnx.TypeProto.Tensor]
) -> bool:
    """Whether a Resize is bicubic, without smoothing, to exactly half of both sides."""
    modes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if modes.get('mode') != b'cubic' or node.input[0] not in types or len(node.input) < 4:
        return False
    if modes.get('coordinate_transformation_mode', b'half_pixel') != b'half_pixel':
        return False
    shape = [side.dim_value for side in types[node.input[0]].shape.dim]
    wanted = known.get(node.input[3], np.zeros(4)).tolist()
    return wanted == [*shape[:2], shape[2] / 2, shape[3] / 2]


def _half_size(
    graph: onnx.GraphProto, node: onnx.NodeProto, source: onnx.TypeProto.Tensor
) -> list[onnx.NodeProto]:
    """Write the resize as a strided convolution: all new pixels lie midway between old ones."""
    a = attribute(node, 'cubic_coeff_a', -0.75)
    taps = np.array([a, 4 - a, 4 - a, a]) / 8
    channels = source.shape.dim[1].dim_value
    kernel = np.broadcast_to(np.outer(taps, taps), (channels, 1, 4, 4))
    name, (result,) = node.name, node.output
    dtype = helper.tensor_dtype_to_np_dtype(source.elem_type)
    kernel_name = set_constant(graph, f'{name}/kernel', kernel.astype(dtype))
    pads = set_constant(graph, f'{name}/pads', np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return [
        helper.make_node(
            'Pad', [node.input[0], pads], [f'{result}_padded'], f'{name}/pad', mode='edge'
        ),
        helper.make_node(
            'Conv', [f'{result}_padded', kernel_name], [result], f'{name}/conv', group=channels,
            strides=[2, 2], kernel_shape=[4, 4],
        ),
    ]  # fmt: skip
