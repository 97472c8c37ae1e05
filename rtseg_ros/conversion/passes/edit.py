# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The parts of an exported ONNX graph by name, and rewrites that keep what it computes."""

from collections import defaultdict

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rtseg_ros.errors import ConversionError

# Nodes that stand before the network carry this prefix; those behind it FINISH_PREFIX.
INPUT_PREFIX = 'input/'
# Between the two lies the body: the tensor that it reads, and the one that it makes.
BODY_INPUT, LOGITS = 'normalised', 'logits'
# Nodes that make logits of what a foreign body puts out; they compute in float32.
SCORES_PREFIX = 'scores/'
# Operations that treat all channels alike: a change of channel order can move behind them.
_CHANNELWISE = ('Pad', 'Resize', 'MaxPool', 'AveragePool')


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model after ONNX's own checks of types and shapes.

    Raises:
        ConversionError: If ONNX finds a fault.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f'the exported graph is not valid ONNX: {error}') from error
    return model


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return the initializers by name; they can be changed in place."""
    return {tensor.name: tensor for tensor in graph.initializer}


def consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that read each tensor, by the tensor's name."""
    readers = defaultdict(list)
    for node in graph.node:
        for name in dict.fromkeys(read_by(node)):
            readers[name].append(node)
    return dict(readers)


def read_by(node: onnx.NodeProto) -> list[str]:
    """Return all tensors that a node reads, those that its subgraphs take from outside too."""
    names = list(node.input)
    for item in node.attribute:
        for graph in (*([item.g] if item.HasField('g') else []), *item.graphs):
            own = {value.name for value in (*graph.input, *graph.initializer)}
            own.update(name for inner in graph.node for name in inner.output)
            read = [name for inner in graph.node for name in read_by(inner)]
            # A branch can hand on what it did not make.
            read += [value.name for value in graph.output]
            names += [name for name in read if name not in own]
    return names


def name_nodes(graph: onnx.GraphProto) -> None:
    """Give every node a name of its own; exporters of others leave them empty or alike."""
    seen: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = f'{node.op_type.lower()}_{number}'
        while node.name in seen:
            node.name += '_'
        seen.add(node.name)


def prefix_names(graph: onnx.GraphProto, prefix: str) -> None:
    """Put a prefix before every name, in subgraphs too, which read tensors from outside."""
    for node in graph.node:
        if node.name:
            node.name = prefix + node.name
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name:
                    names[index] = prefix + name
        for item in node.attribute:
            for inner in (*([item.g] if item.HasField('g') else []), *item.graphs):
                prefix_names(inner, prefix)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = prefix + value.name


def attribute(node: onnx.NodeProto, name: str, default: float) -> float:
    """Return a number that a node carries, or the operator's default."""
    for item in node.attribute:
        if item.name == name:
            return float(onnx.helper.get_attribute_value(item))
    return default


def set_constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    """Add an initializer, or give it a new value; returns its name."""
    tensor = numpy_helper.from_array(np.asarray(value), name)
    existing = constants(graph)
    if name in existing:
        existing[name].CopyFrom(tensor)
    else:
        graph.initializer.append(tensor)
    return name


def fold_constants(model: onnx.ModelProto) -> None:
    """Compute ahead what depends on no input; at fixed sizes that is every Shape chain."""
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        info.name: [dimension.dim_value for dimension in info.type.tensor_type.shape.dim]
        for info in (*inferred.input, *inferred.value_info)
    }
    known = {name: numpy_helper.to_array(tensor) for name, tensor in constants(graph).items()}
    for node in list(graph.node):
        if node.op_type == 'Shape' and all(shapes.get(node.input[0], [0])):
            values: list[np.ndarray] = [np.array(shapes[node.input[0]], np.int64)]
        elif _can_fold(node) and all(name in known for name in node.input if name):
            feeds = {name: known[name] for name in node.input if name}
            # A function, because a bare node would be read as of the newest opset.
            step = helper.make_function(
                'fold', 'step', list(feeds), list(node.output), [node], model.opset_import
            )
            results = ReferenceEvaluator(step).run(None, feeds, attributes={})
            values = [np.asarray(value) for value in results]
        else:
            continue
        for name, value in zip(node.output, values, strict=True):
            known[name] = value
            set_constant(graph, name, value)
        graph.node.remove(node)


def _can_fold(node: onnx.NodeProto) -> bool:
    """Whether a node always computes the same, and is worth more as what it computes."""
    is_random = node.op_type.startswith('Random') or node.op_type in ('Bernoulli', 'Multinomial')
    # A quantised weight folded into floats would no longer run in eight bits.
    is_quantized = node.op_type in ('QuantizeLinear', 'DequantizeLinear')
    has_graph = any(item.HasField('g') for item in node.attribute)
    return node.domain in ('', 'ai.onnx') and not (is_random or is_quantized or has_graph)


def omit_empty_inputs(graph: onnx.GraphProto) -> None:
    """Leave out optional inputs of Resize that the exporter gave as empty tensors.

    They mean the same, and TensorRT complains of each empty tensor.
    """
    empty = {tensor.name for tensor in graph.initializer if 0 in tensor.dims}
    for node in graph.node:
        if node.op_type == 'Resize':
            kept = ['' if name in empty else name for name in node.input]
            del node.input[:]
            node.input.extend(kept)


def reverse_input_channels(graph: onnx.GraphProto, image: str) -> bool:
    """Make the graph take ``image`` in reversed channel order by reversing its first weights.

    Returns:
        False, with nothing changed, where something other than an ordinary convolution sees
        the channels (a concatenation, a sum).
    """
    readers, known = consumers(graph), constants(graph)
    first: list[onnx.NodeProto] = []
    waiting = [image]
    while waiting:
        for node in readers[waiting.pop()]:
            if node.op_type in _CHANNELWISE:
                waiting.append(node.output[0])
            elif node.op_type == 'Conv' and _is_plain(node, known):
                first.append(node)
            else:
                return False
    weights = {node.input[1] for node in first}
    if any(reader not in first for name in weights for reader in readers[name]):
        return False
    for name in weights:
        set_constant(graph, name, numpy_helper.to_array(known[name])[:, ::-1])
    return True


def _is_plain(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    return node.input[1] in known and known[node.input[1]].dims[1] == 3


def remove_unused(graph: onnx.GraphProto) -> None:
    """Drop nodes and initializers that no output depends on, and stale shape notes."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(read_by(node))
            kept.append(node)
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensors)
