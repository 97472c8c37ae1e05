# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Eight-bit models: explicit Q/DQ nodes with zero zero-points, calibrated on real frames.

Convolutions and sums are quantised where their input and their output (behind an activation) are;
each tensor has one scale, each output channel of a weight its own. Biases stay float32: TensorRT
takes no Q/DQ on them. What would lose too much stays float, see ``LOSS_LIMIT``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rtseg_ros.conversion.passes.edit import (
    INPUT_PREFIX,
    LOGITS,
    SCORES_PREFIX,
    checked,
    constants,
    consumers,
    remove_unused,
    set_constant,
)
from rtseg_ros.conversion.passes.ranges import (
    LEVELS,
    Range,
    float_tensors,
    measured_ranges,
    probe_session,
)
from rtseg_ros.progress import Counted
from rtseg_ros.runtime.int8_cpu import POSITIVE_PREFIX, PREFIX, SCALE, ZERO
from rtseg_ros.runtime.model_file import FINISH_PREFIX

# Largest error that eight bits may cause in one convolution, as a share of its output (root mean
# square). Most lose 0.01 to 0.06; the second block of MobileNetV2, whose input nearly cancels
# out, loses 0.4 and would cost the model more than all others together.
LOSS_LIMIT = 0.1
# Frames that the loss is measured on.
_LOSS_FRAMES = 4
_ACTIVATIONS = ('Relu', 'Clip', 'PRelu')
# Their output lies within the range of their input and shares its scale.
_WITHIN_RANGE = ('MaxPool', 'Resize')

Frames = Sequence[Callable[[], np.ndarray]]


@dataclass(frozen=True)
class Quantized:
    """An int8 model.

    Attributes:
        model: The graph.
        convolutions: Number of convolutions that compute in int8.
        float_convolutions: Of those that stay float.
    """

    model: onnx.ModelProto
    convolutions: int
    float_convolutions: int


@dataclass(frozen=True)
class _Step:
    """A node that can be quantised, with the tensors that it would read and write."""

    node: onnx.NodeProto
    inputs: tuple[str, ...]
    output: str


def quantized_model(model: onnx.ModelProto, frames: Frames, progress: Counted) -> Quantized:
    """Return an exported model with an int8 body.

    Args:
        model: From ``export_network``.
        frames: Read real frames, resized: uint8 (1, H, W, 3).
        progress: Called with runs done and in all.
    """
    steps = list(_steps(model))
    names = list(dict.fromkeys(name for step in steps for name in (*step.inputs, step.output)))
    ranges = measured_ranges(model, [name for name in names if name != LOGITS], frames, progress)
    scales = {name: found.scale() for name, found in ranges.items()}
    for node in model.graph.node:
        if node.op_type in _WITHIN_RANGE and {node.input[0], node.output[0]} <= scales.keys():
            scales[node.output[0]] = scales[node.input[0]]
    lossy = _lossy(model, steps, scales, frames[:: -(-len(frames) // _LOSS_FRAMES)])
    chosen = _chosen(steps, lossy)
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    _insert(quantized.graph, chosen, scales, ranges)
    convolutions = [s.node.name for s in steps if s.node.op_type == 'Conv']
    count = sum(step.node.op_type == 'Conv' for step in chosen)
    return Quantized(checked(quantized), count, len(convolutions) - count)


def _steps(model: onnx.ModelProto) -> Iterator[_Step]:
    """Find the convolutions with constant weights and the sums of the body."""
    graph = model.graph
    readers, known, floats = consumers(graph), constants(graph), float_tensors(model)
    for node in graph.node:
        if node.name.startswith((INPUT_PREFIX, FINISH_PREFIX, SCORES_PREFIX)):
            continue
        if not floats.issuperset((*node.input[:1], *node.output)):
            continue  # sums of sizes, for one
        if node.op_type == 'Conv' and node.input[1] in known:
            inputs: tuple[str, ...] = (node.input[0],)
        elif node.op_type == 'Add' and not any(name in known for name in node.input):
            inputs = tuple(node.input)
        else:
            continue
        output = node.output[0]
        while len(found := readers.get(output, [])) == 1 and found[0].op_type in _ACTIVATIONS:
            output = found[0].output[0]
        yield _Step(node, inputs, output)


def _chosen(steps: Sequence[_Step], lossy: set[str]) -> list[_Step]:
    """Choose steps all of whose tensors can be quantised.

    What a lossy convolution reads stays float, and so does what computes it. A sum is quantised
    where both of its inputs are for other reasons.
    """
    spared = {LOGITS}
    for step in steps:
        if step.node.name in lossy:
            spared.update(step.inputs)
    chosen = [
        step
        for step in steps
        if step.node.op_type == 'Conv'
        and step.node.name not in lossy
        and spared.isdisjoint((*step.inputs, step.output))
    ]
    tensors = {name for step in chosen for name in (*step.inputs, step.output)}
    for step in steps:
        if step.node.op_type == 'Add' and tensors.issuperset(step.inputs):
            if step.output not in spared:
                chosen.append(step)
                tensors.add(step.output)
    return chosen


def _lossy(
    model: onnx.ModelProto, steps: Sequence[_Step], scales: Mapping[str, float], frames: Frames
) -> set[str]:
    """Return the names of the convolutions that eight bits would change too much."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    graph = probe.graph
    del graph.output[:]
    names = [step.node.name for step in steps if step.node.op_type == 'Conv']
    for name in dict.fromkeys(s.inputs[0] for s in steps if s.node.name in names):
        _add_pair(graph, name, scales[name], PREFIX)
    for step in steps:
        if step.node.name not in names:
            continue
        trial, exact = onnx.NodeProto(), step.node.output[0]
        trial.CopyFrom(step.node)
        trial.name = f'loss/{step.node.name}'
        trial.input[0] = f'{PREFIX}{step.inputs[0]}'
        trial.input[1] = _quantized_weight(graph, step.node)
        trial.output[0] = f'loss/{exact}'
        graph.node.append(trial)
        _node(graph, 'Sub', [exact, trial.output[0]], f'loss/{exact}/error')
        for tensor in (f'loss/{exact}/error', exact):
            _node(graph, 'Mul', [tensor, tensor], f'loss/{tensor}/square')
            _node(graph, 'ReduceMean', [f'loss/{tensor}/square'], f'loss/{tensor}/mean')
            graph.output.append(
                helper.make_tensor_value_info(f'loss/{tensor}/mean', TensorProto.FLOAT, None)
            )
    session = probe_session(probe)
    totals = np.zeros((len(names), 2))
    for frame in frames:
        values = session.run(None, {'image': frame()})
        totals += np.array([float(np.squeeze(value)) for value in values]).reshape(-1, 2)
    loss = np.sqrt(totals[:, 0] / np.maximum(totals[:, 1], 1e-12))
    return {name for name, share in zip(names, loss, strict=True) if share > LOSS_LIMIT}


def _insert(
    graph: onnx.GraphProto,
    chosen: Sequence[_Step],
    scales: Mapping[str, float],
    ranges: Mapping[str, Range],
) -> None:
    """Quantise the chosen steps in place."""
    tensors = dict.fromkeys(name for step in chosen for name in (*step.inputs, step.output))
    prefixes = {name: POSITIVE_PREFIX if ranges[name].lowest >= 0 else PREFIX for name in tensors}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in tensors:
                node.input[index] = f'{prefixes[name]}{name}'
    by_name = {node.name: node for node in graph.node}
    nodes = list(graph.node)
    del graph.node[:]
    for step in chosen:
        if step.node.op_type == 'Conv':
            node = by_name[step.node.name]
            node.input[1] = _quantized_weight(graph, node)
    for node in nodes:
        graph.node.append(node)
        for name in node.output:
            if name in tensors:
                _add_pair(graph, name, scales[name], prefixes[name])
    remove_unused(graph)


def _add_pair(graph: onnx.GraphProto, name: str, scale: float, prefix: str) -> None:
    """Append Q and DQ behind a tensor."""
    stem = f'{prefix}{name}'
    parameters = [
        set_constant(graph, f'{stem}{SCALE}', np.float32(scale)),
        set_constant(graph, f'{stem}{ZERO}', np.int8(0)),
    ]
    _node(graph, 'QuantizeLinear', [name, *parameters], f'{stem}/quantized')
    _node(graph, 'DequantizeLinear', [f'{stem}/quantized', *parameters], stem)


def _quantized_weight(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> str:
    """Append DQ of a convolution's weight, one scale per output channel; returns its output."""
    stem = f'weight/{convolution.output[0]}'
    weight = numpy_helper.to_array(constants(graph)[convolution.input[1]])
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scale = (np.maximum(largest, 1e-12) / LEVELS).astype(np.float32)
    levels = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
    inputs = [
        set_constant(graph, f'{stem}/quantized', np.clip(levels, -127, 127).astype(np.int8)),
        set_constant(graph, f'{stem}{SCALE}', scale),
        set_constant(graph, f'{stem}{ZERO}', np.zeros(len(scale), np.int8)),
    ]
    _node(graph, 'DequantizeLinear', inputs, stem)
    graph.node[-1].attribute.append(helper.make_attribute('axis', 0))
    return stem


def _node(graph: onnx.GraphProto, op_type: str, inputs: list[str], output: str) -> None:
    graph.node.append(helper.make_node(op_type, inputs, [output], name=output))
