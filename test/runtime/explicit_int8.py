"""An int8 model of any network: explicit Q/DQ around every convolution, zero zero-points.

The scales of the activations are made up: what is tested is that TensorRT takes the graph and
builds its convolutions in int8, not how accurate they are.
"""

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper


def int8_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with int8 weights per output channel and quantized inputs."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes, made = [], set()

    def constant(name, value):
        graph.initializer.append(numpy_helper.from_array(value, name))

    constant('scale', np.float32(0.05))
    constant('zero', np.int8(0))
    for node in [NodeProto.FromString(node.SerializeToString()) for node in graph.node]:
        if node.op_type == 'Conv' and node.input[1] in weights:
            data, kernel = node.input[0], node.input[1]
            if data not in made:
                nodes += [
                    helper.make_node('QuantizeLinear', [data, 'scale', 'zero'], [f'{data}/q']),
                    helper.make_node(
                        'DequantizeLinear', [f'{data}/q', 'scale', 'zero'], [f'{data}/dq']
                    ),
                ]
            if kernel not in made:
                values = numpy_helper.to_array(weights[kernel])
                scales = np.maximum(np.abs(values).max(axis=(1, 2, 3)), 1e-6) / 127
                constant(f'{kernel}/scale', scales.astype(np.float32))
                constant(f'{kernel}/zero', np.zeros(len(scales), np.int8))
                steps = np.round(values / scales[:, None, None, None])
                constant(f'{kernel}/int8', steps.astype(np.int8))
                parts = [f'{kernel}/int8', f'{kernel}/scale', f'{kernel}/zero']
                nodes.append(helper.make_node('DequantizeLinear', parts, [f'{kernel}/dq'], axis=0))
                graph.initializer.remove(weights[kernel])
            made |= {data, kernel}
            node.input[0], node.input[1] = f'{data}/dq', f'{kernel}/dq'
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result
