# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The two ends of our contract: mean subtracted inside the model, labels out of its scores.

Models that take float32 are fed by runtime/preprocess.py, which does the same outside.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from rtseg_ros.conversion.passes.edit import (
    BODY_INPUT,
    INPUT_PREFIX,
    LOGITS,
    reverse_input_channels,
    set_constant,
)
from rtseg_ros.runtime.model_file import FINISH_PREFIX, ModelMetadata, output_table
from rtseg_ros.runtime.preprocess import Preprocessing, factor_and_offset


def prepend_input(graph: onnx.GraphProto, preprocessing: Preprocessing) -> None:
    """Put Cast, Transpose and normalisation before the network.

    The normalisation stays a node of its own: folded into the first convolution it would be
    wrong where that one pads with zeros, which mean the mean colour and not black. The order
    of channels can be folded: padding looks the same in every order.
    """
    factor, offset = factor_and_offset(preprocessing)
    is_rgb = preprocessing.channel_order == 'rgb'
    step = -1 if is_rgb else 1  # the frame is BGR
    # Transposed first: ONNX Runtime scales three planes much faster than pixels of three values.
    names = [
        set_constant(graph, f'{INPUT_PREFIX}{name}', value[::step].reshape(3, 1, 1))
        for name, value in (('factor', factor), ('offset', offset))
    ]
    nodes = [
        _node(INPUT_PREFIX, 'Cast', ['image'], 'floats', to=TensorProto.FLOAT),
        _node(INPUT_PREFIX, 'Transpose', [f'{INPUT_PREFIX}floats'], 'planes', perm=[0, 3, 1, 2]),
        _node(INPUT_PREFIX, 'Mul', [f'{INPUT_PREFIX}planes', names[0]], 'scaled'),
        _node(INPUT_PREFIX, 'Add', [f'{INPUT_PREFIX}scaled', names[1]], 'centred'),
    ]
    if is_rgb and not reverse_input_channels(graph, BODY_INPUT):
        order = set_constant(graph, f'{INPUT_PREFIX}order', np.array([2, 1, 0], np.int64))
        nodes.append(
            _node(INPUT_PREFIX, 'Gather', [f'{INPUT_PREFIX}centred', order], 'rgb', axis=1)
        )
    nodes[-1].output[0] = BODY_INPUT
    body = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*nodes, *body])
    height, width = preprocessing.size_hw
    graph.input.append(
        helper.make_tensor_value_info('image', TensorProto.UINT8, [1, height, width, 3])
    )


def append_labels(graph: onnx.GraphProto, metadata: ModelMetadata, *, opset: int) -> None:
    """Put interpolation, argmax and the unlabelled output behind the logits."""
    height, width = metadata.preprocessing.size_hw
    nodes, scores = [], LOGITS
    shape = [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim]
    if shape[2:] != [height, width]:
        size = np.array([1, shape[1], height, width], np.int64)
        mode = 'align_corners' if metadata.align_corners else 'half_pixel'
        # Absent inputs may be left out from opset 13 on; before, they are empty tensors.
        nothing = set_constant(graph, f'{FINISH_PREFIX}nothing', np.zeros(0, np.float32))
        absent = ['', ''] if opset >= 13 else [nothing, nothing]
        nodes.append(
            _node(
                FINISH_PREFIX,
                'Resize',
                [scores, *absent, set_constant(graph, f'{FINISH_PREFIX}size', size)],
                'scores',
                mode='linear',
                coordinate_transformation_mode=mode,
            )
        )
        scores = f'{FINISH_PREFIX}scores'
    nodes.append(_node(FINISH_PREFIX, 'ArgMax', [scores], 'outputs', axis=1, keepdims=0))
    index, table = f'{FINISH_PREFIX}outputs', output_table(metadata)
    # Through float32: the only numbers that every TensorRT turns into bytes.
    if table is None:
        to_float = _node(FINISH_PREFIX, 'Cast', [index], 'classes', to=TensorProto.FLOAT)
    else:
        values = set_constant(graph, f'{FINISH_PREFIX}table', table[: shape[1]].astype(np.float32))
        to_float = _node(FINISH_PREFIX, 'Gather', [values, index], 'classes', axis=0)
    to_bytes = helper.make_node(
        'Cast', [f'{FINISH_PREFIX}classes'], ['labels'], f'{FINISH_PREFIX}labels',
        to=TensorProto.UINT8,
    )  # fmt: skip
    nodes += [to_float, to_bytes]
    graph.node.extend(nodes)
    graph.output.append(
        helper.make_tensor_value_info('labels', TensorProto.UINT8, [1, height, width])
    )


def _node(
    prefix: str, op_type: str, inputs: list[str], output: str, **attributes: Any
) -> onnx.NodeProto:
    return helper.make_node(
        op_type, inputs, [prefix + output], name=f'{prefix}{op_type.lower()}', **attributes
    )
