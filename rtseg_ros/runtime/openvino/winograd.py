# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Half the products of the widest convolution: Winograd's way, written as operators of the graph.

A decoder ends in a 3x3 convolution of many channels, in SwiftNet half of all the work, and a 1x1
one that makes scores of it. OpenVINO computes the 3x3 one directly. Four rows of its result can be
had from six rows of its input with six 1x3 convolutions instead of twelve, F(4, 3) of Lavin and
Gray (Fast Algorithms for Convolutional Neural Networks, 2016), here along the columns alone. The
rows are mixed before by depthwise convolutions and after by sums, which cost little.
"""

from typing import Any

import numpy as np

# The first and last step with these names, section 4.1 and appendix; rows by columns.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float64,
)
_WEIGHT = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    np.float64,
)
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float64,
)
_ROWS = len(_OUTPUT)
# Below, the sums cost what the products save.
FEWEST_CHANNELS = 64
# Part of the key of compiled models: raise it when the graph that is written changes.
VERSION = 1


def halve_products(graph: Any) -> int:
    """Rewrite convolutions of a model in place where that is faster.

    These are 3x3 with stride 1 on at least ``FEWEST_CHANNELS`` channels in float32, with a bias
    and a ReLU, whose result only a 1x1 convolution reads. The sums are the same but for rounding.

    Args:
        graph: ``openvino.Model``.

    Returns:
        How many were rewritten.
    """
    heads = [node for node in graph.get_ordered_ops() if _is_scores(node) and _is_head(node)]
    for scores in heads:
        _rewrite(scores)
    return len(heads)


def _is_scores(node: Any) -> bool:
    return _is_convolution(node, side=1, padding=0) and _weight(node) is not None


def _is_head(scores: Any) -> bool:
    """Tell whether what a 1x1 convolution reads is made in the way that can be rewritten."""
    chain = _chain(scores)
    if chain is None:
        return False
    wide, bias, relu = chain
    weight = _weight(wide)
    alone = all(_readers(node) == 1 for node in chain)
    shape = wide.output(0).get_partial_shape()
    return (
        alone
        and weight is not None
        and min(weight.shape[:2]) >= FEWEST_CHANNELS
        and _bias(bias, weight.shape[0]) is not None
        and shape[2].is_static
        and shape[3].is_static
    )


def _chain(scores: Any) -> tuple[Any, Any, Any] | None:
    relu = scores.input_value(0).get_node()
    if relu.get_type_name() != 'Relu':
        return None
    bias = relu.input_value(0).get_node()
    if bias.get_type_name() != 'Add':
        return None
    wide = bias.input_value(0).get_node()
    return (wide, bias, relu) if _is_convolution(wide, side=3, padding=1) else None


def _is_convolution(node: Any, *, side: int, padding: int) -> bool:
    if node.get_type_name() != 'Convolution':
        return False
    facts = node.get_attributes()
    return (
        list(node.input_value(1).get_partial_shape())[2:] == [side, side]
        and list(facts['strides']) == [1, 1]
        and list(facts['dilations']) == [1, 1]
        and list(facts['pads_begin']) == list(facts['pads_end']) == [padding, padding]
    )


def _weight(convolution: Any) -> np.ndarray | None:
    """Return (O, C, h, w) float32; None where it is computed, as in a model of int8."""
    node = convolution.input_value(1).get_node()
    if node.get_type_name() != 'Constant' or node.get_element_type().to_string() != 'f32':
        return None
    return np.array(node.data)


def _bias(add: Any, channels: int) -> np.ndarray | None:
    """Return (1, O, 1, 1) float32; a model is read with its shape still to be computed."""
    node = add.input_value(1).get_node()
    if node.get_type_name() == 'Reshape':
        node = node.input_value(0).get_node()
    if node.get_type_name() != 'Constant' or node.data.size != channels:
        return None
    return np.array(node.data).reshape(1, channels, 1, 1)


def _readers(node: Any) -> int:
    """Count what reads the values of a node, not its shape alone."""
    targets = node.output(0).get_target_inputs()
    return sum(target.get_node().get_type_name() != 'ShapeOf' for target in targets)


def _rewrite(scores: Any) -> None:
    import openvino.opset13 as ops

    chain = _chain(scores)
    assert chain is not None
    wide, add, _ = chain
    weight = _weight(wide)
    assert weight is not None
    bias = _bias(add, weight.shape[0])
    assert bias is not None
    height = wide.output(0).get_partial_shape()[2].get_length()
    mixed = [_mixed_rows(wide.input_value(0), row, weight.shape[1], height) for row in _INPUT]
    products = [
        ops.convolution(
            rows,
            _constant(np.einsum('j,ocjk->ock', row, weight)[:, :, None]),
            [1, 1], [0, 1], [0, 1], [1, 1],
        )
        for rows, row in zip(mixed, _WEIGHT, strict=True)
    ]  # fmt: skip
    kernel = scores.input_value(1)
    parts = []
    for row in _OUTPUT:
        summed = ops.relu(ops.add(_weighted_sum(products, row), _constant(bias)))
        part = ops.convolution(summed, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
        parts.append(ops.unsqueeze(part, _integers([3])))  # (N, K, h/4, 1, w)
    result = _as_rows(ops.concat(parts, 3), height, scores)
    result.set_friendly_name(scores.get_friendly_name())
    for target in scores.output(0).get_target_inputs():
        target.replace_source_output(result.output(0))


def _mixed_rows(source: Any, row: np.ndarray, channels: int, height: int) -> Any:
    """Return (N, C, ceil(H/4), W): a weighted sum of six rows for every four; zeros outside."""
    import openvino.opset13 as ops

    kernel = np.broadcast_to(row.reshape(1, 1, 1, -1, 1), (channels, 1, 1, row.size, 1))
    below = -(-height // _ROWS) * _ROWS + 1 - height
    return ops.group_convolution(source, _constant(kernel), [_ROWS, 1], [1, 0], [below, 0], [1, 1])


def _weighted_sum(values: list[Any], factors: np.ndarray) -> Any:
    import openvino.opset13 as ops

    total = None
    for value, factor in zip(values, factors, strict=True):
        if factor:
            term = value if factor == 1 else ops.multiply(value, _constant(np.array(factor)))
            total = term if total is None else ops.add(total, term)
    return total


def _as_rows(parts: Any, height: int, scores: Any) -> Any:
    """Return (N, K, H, W) of (N, K, H/4, 4, W), without the rows below the last."""
    import openvino.opset13 as ops

    shape = scores.output(0).get_partial_shape()
    sizes = [0, shape[1].get_length(), -(-height // _ROWS) * _ROWS, shape[3].get_length()]
    rows = ops.reshape(parts, _integers(sizes), True)  # 0 keeps the size of a batch
    if sizes[2] == height:
        return rows
    return ops.slice(rows, _integers([0]), _integers([height]), _integers([1]), _integers([2]))


def _constant(values: np.ndarray) -> Any:
    import openvino.opset13 as ops

    return ops.constant(np.ascontiguousarray(values, np.float32))


def _integers(values: list[int]) -> Any:
    import openvino.opset13 as ops

    return ops.constant(np.array(values, np.int64))
