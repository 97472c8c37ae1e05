# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT documents and TensorRT-RTX does not insist on; read from the graph instead."""

import onnx
from onnx import TensorProto

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def forbidden_casts(model):
    """Return the casts between uint8 and other types than float32 and float16.

    All versions from 8.6 to 11 say of UINT8: "conversions are not supported for {int8, int32,
    bool}".
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=False)
    graph = inferred.graph
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    types |= {constant.name: constant.data_type for constant in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type != 'Cast':
            continue
        pair = (types[node.input[0]], node.attribute[0].i)
        if TensorProto.UINT8 in pair and not set(pair) & set(FLOATS):
            found.append(node.name or node.output[0])
    return found
