# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Half precision: a float16 body between a float32 normalisation and float32 logits."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rtseg_ros.conversion.passes.edit import (
    BODY_INPUT,
    INPUT_PREFIX,
    LOGITS,
    SCORES_PREFIX,
    checked,
)
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import FINISH_PREFIX

# Inputs that stay float32 by the operator's definition: Resize takes roi and scales.
_FLOAT32_INPUTS = {'Resize': (1, 2)}


def half_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an exported model with a float16 body.

    The frame is normalised in float32 and then cast; the logits are cast back before they are
    interpolated and compared, because near ties need more than eleven bits.

    Raises:
        ConversionError: If a weight does not fit into float16, or the body has branches.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    graph = half.graph
    ends = (INPUT_PREFIX, FINISH_PREFIX, SCORES_PREFIX)
    body = [n for n in graph.node if not n.name.startswith(ends)]
    _refuse_branches(body)
    kept = _float32_constants(body)
    used = {name for node in body for name in node.input}
    for tensor in graph.initializer:
        if tensor.name in used - kept and tensor.data_type == TensorProto.FLOAT:
            _halve(tensor)
    for node in body:
        for attribute in node.attribute:
            if node.op_type == 'Cast' and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
            if attribute.type == onnx.AttributeProto.TENSOR:
                if attribute.t.data_type == TensorProto.FLOAT:
                    _halve(attribute.t)
        _rename(node.input, BODY_INPUT, f'{INPUT_PREFIX}half')
        _rename(node.output, LOGITS, f'{LOGITS}_half')
    to_half = helper.make_node(
        'Cast', [BODY_INPUT], [f'{INPUT_PREFIX}half'], f'{INPUT_PREFIX}half',
        to=TensorProto.FLOAT16,
    )  # fmt: skip
    to_float = helper.make_node(
        'Cast', [f'{LOGITS}_half'], [LOGITS], 'logits/float', to=TensorProto.FLOAT
    )
    first = next(i for i, node in enumerate(graph.node) if node.name == body[0].name)
    nodes = list(graph.node)
    nodes.insert(first, to_half)
    makers = [i for i, node in enumerate(nodes) if f'{LOGITS}_half' in node.output]
    if makers:  # else the scores of a foreign model are made behind the body, in float32
        nodes.insert(max(makers) + 1, to_float)
    del graph.node[:]
    graph.node.extend(nodes)
    return checked(half)


def _refuse_branches(body: list[onnx.NodeProto]) -> None:
    for node in body:
        if any(item.HasField('g') or item.graphs for item in node.attribute):
            raise ConversionError(
                f"'{node.name}' ({node.op_type}) holds a graph of its own, which stays float32; "
                'convert in fp32, or export the model without branches'
            )


def _float32_constants(body: list[onnx.NodeProto]) -> set[str]:
    return {
        node.input[index]
        for node in body
        for index in _FLOAT32_INPUTS.get(node.op_type, ())
        if index < len(node.input)
    }


def _halve(tensor: onnx.TensorProto) -> None:
    value = numpy_helper.to_array(tensor)
    largest = float(np.abs(value).max(initial=0))
    if largest > float(np.finfo(np.float16).max):
        raise ConversionError(
            f'{tensor.name} holds {largest:g}, too large for float16; convert in fp32'
        )
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), tensor.name))


def _rename(names: 'onnx.NodeProto.input', old: str, new: str) -> None:  # type: ignore[name-defined]
    for index, name in enumerate(names):
        if name == old:
            names[index] = new
