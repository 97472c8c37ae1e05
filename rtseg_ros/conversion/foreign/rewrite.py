# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Write a foreign graph between the two ends of our contract, at one fixed size."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
import onnx.inliner
import onnx.version_converter

from rtseg_ros import __version__
from rtseg_ros.conversion.foreign.input_layout import InputLayout
from rtseg_ros.conversion.foreign.output_layout import SMALLEST, OutputLayout
from rtseg_ros.conversion.foreign.source import Source
from rtseg_ros.conversion.passes.batch_norm import fold_batch_norms
from rtseg_ros.conversion.passes.edit import (
    BODY_INPUT,
    INPUT_PREFIX,
    LOGITS,
    SCORES_PREFIX,
    checked,
    fold_constants,
    name_nodes,
    omit_empty_inputs,
    prefix_names,
    remove_unused,
    set_constant,
)
from rtseg_ros.conversion.passes.ends import append_labels, prepend_input
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import FINISH_PREFIX, ModelMetadata

BODY_PREFIX = 'body/'
RAISED_OPSET = 17
# Operators of other domains hide their shapes from ONNX's own inference.
_STANDARD = ('', 'ai.onnx')


def rewritten(
    source: Source,
    given: InputLayout,
    wanted: OutputLayout,
    metadata: ModelMetadata,
    *,
    threshold: float,
) -> onnx.ModelProto:
    """Return the model as ours: uint8 ``image`` in, ``logits`` and ``labels`` out.

    Args:
        source: The foreign model; not changed.
        given: Its input.
        wanted: The output to use.
        metadata: What the file will say about itself.
        threshold: Of a model with one channel.

    Raises:
        ConversionError: If the graph is not valid at this size.
    """
    model = onnx.inliner.inline_local_functions(source.model)
    graph = model.graph
    _fix(graph, given, metadata, wanted)
    name_nodes(graph)
    standard = all(node.domain in _STANDARD for node in graph.node)
    if standard:
        fold_constants(model)
        omit_empty_inputs(graph)
        fold_batch_norms(graph)
    prefix_names(graph, BODY_PREFIX)
    graph.name = 'imported'
    image, result = BODY_PREFIX + given.name, BODY_PREFIX + wanted.name
    _rename(graph, image, BODY_INPUT)
    _connect_input(graph, given, metadata)
    del graph.output[:]
    if wanted.kind == 'labels':
        _finish_labels(graph, result, wanted, metadata)
    else:
        _make_logits(graph, result, wanted, threshold)
        append_labels(graph, metadata, opset=source.opset)
    remove_unused(graph)
    if standard:
        use_fast_operators(model)
    del model.metadata_props[:]
    model.producer_name, model.producer_version = 'rtseg_ros', __version__
    return checked(model)


def raised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with operators of a later opset.

    Raises:
        ConversionError: If one of them cannot be brought there.
    """
    try:
        return checked(onnx.version_converter.convert_version(model, RAISED_OPSET))
    except (RuntimeError, ValueError) as error:
        raise ConversionError(
            f'its operators cannot be raised to opset {RAISED_OPSET}: {error}; export it again '
            f'with opset_version={RAISED_OPSET}'
        ) from error


def _fix(
    graph: onnx.GraphProto, given: InputLayout, metadata: ModelMetadata, wanted: OutputLayout
) -> None:
    """Give the input its size, keep the one output, forget all that was said of other sizes."""
    stored = {tensor.name for tensor in graph.initializer}
    elem_type = next(v for v in graph.input if v.name == given.name).type.tensor_type.elem_type
    output = next(v for v in graph.output if v.name == wanted.name).type.tensor_type.elem_type
    del graph.input[:], graph.output[:], graph.value_info[:]
    assert given.name not in stored
    shape = given.shape(metadata.preprocessing.size_hw)
    graph.input.append(helper.make_tensor_value_info(given.name, elem_type, shape))
    graph.output.append(helper.make_tensor_value_info(wanted.name, output, list(wanted.shape)))
    remove_unused(graph)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename a tensor wherever it is read or written, subgraphs included."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
        for item in node.attribute:
            if item.HasField('g'):
                _rename(item.g, old, new)


def _connect_input(graph: onnx.GraphProto, given: InputLayout, metadata: ModelMetadata) -> None:
    preprocessing = metadata.preprocessing
    if given.dtype != 'uint8':
        after: list[onnx.NodeProto] = []
        # prepend_input writes float32 NCHW to BODY_INPUT: what else is wanted goes behind it.
        if given.channels_last:
            after.append(
                helper.make_node(
                    'Transpose', [BODY_INPUT], ['last'], f'{BODY_PREFIX}last', perm=[0, 2, 3, 1]
                )
            )
        if given.dtype == 'float16':
            after.append(
                helper.make_node(
                    'Cast', [BODY_INPUT], ['half'], f'{BODY_PREFIX}half', to=TensorProto.FLOAT16
                )
            )
        _insert_behind(graph, BODY_INPUT, after)
        prepend_input(graph, preprocessing)
        return
    height, width = preprocessing.size_hw
    nodes, name = [], 'image'
    if preprocessing.channel_order == 'rgb':
        order = set_constant(graph, f'{INPUT_PREFIX}order', np.array([2, 1, 0], np.int64))
        nodes.append(helper.make_node('Gather', [name, order], ['rgb'], 'rgb', axis=3))
    if not given.channels_last:
        nodes.append(helper.make_node('Transpose', ['image'], ['t'], 't', perm=[0, 3, 1, 2]))
    if not nodes:
        nodes.append(helper.make_node('Identity', [name], ['same'], 'same'))
    _chain(nodes, 'image', BODY_INPUT, INPUT_PREFIX)
    body = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*nodes, *body])
    graph.input.append(
        helper.make_tensor_value_info('image', TensorProto.UINT8, [1, height, width, 3])
    )


def _insert_behind(graph: onnx.GraphProto, name: str, nodes: list[onnx.NodeProto]) -> None:
    if nodes:
        _rename(graph, name, f'{BODY_PREFIX}fed')
        _chain(nodes, name, f'{BODY_PREFIX}fed', f'{BODY_PREFIX}fed/')
        body = list(graph.node)
        del graph.node[:]
        graph.node.extend([*nodes, *body])


def _chain(nodes: list[onnx.NodeProto], first: str, last: str, prefix: str) -> None:
    """Name the nodes, and let each read what the one before it wrote."""
    name = first
    for number, node in enumerate(nodes):
        node.name = f'{prefix}{node.op_type.lower()}{number}'
        node.input[0] = name
        name = last if node is nodes[-1] else node.name
        node.output[0] = name


def _op(op_type: str, *others: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op_type, ['', *others], [''], **attributes)


def _make_logits(
    graph: onnx.GraphProto, result: str, wanted: OutputLayout, threshold: float
) -> None:
    """Make float32 ``logits`` (1, K, h, w) of the output."""
    nodes = [_op('Cast', to=TensorProto.FLOAT)]
    height, width = wanted.shape[-2:]
    if wanted.channel_axis is None:
        shape = set_constant(
            graph, f'{SCORES_PREFIX}shape', np.array([1, 1, height, width], np.int64)
        )
        nodes.append(_op('Reshape', shape))
    elif wanted.channel_axis == 3:
        height, width = wanted.shape[1:3]
        nodes.append(_op('Transpose', perm=[0, 3, 1, 2]))
    if wanted.kind == 'probabilities' and not wanted.is_binary:
        low = set_constant(graph, f'{SCORES_PREFIX}low', np.float32(SMALLEST))
        nodes += [_op('Max', low), _op('Log')]
    elif wanted.kind in ('sigmoid', 'probabilities'):
        # log(p / (1 - p)), with p kept off both ends.
        low = set_constant(graph, f'{SCORES_PREFIX}low', np.float32(SMALLEST))
        high = set_constant(graph, f'{SCORES_PREFIX}high', np.float32(1 - SMALLEST))
        one = set_constant(graph, f'{SCORES_PREFIX}minus', np.float32(-1))
        nodes += [_op('Max', low), _op('Min', high), _op('Reciprocal'), _op('Add', one)]
        nodes += [_op('Log'), _op('Neg')]
    if wanted.is_binary:
        margin = np.float32(np.log(threshold / (1 - threshold)))
        nodes.append(_op('Sub', set_constant(graph, f'{SCORES_PREFIX}margin', margin)))
        pads = np.array([0, 1, 0, 0, 0, 0, 0, 0], np.int64)  # a class before it, with score 0
        nodes.append(_op('Pad', set_constant(graph, f'{SCORES_PREFIX}pads', pads)))
    _chain(nodes, result, LOGITS, SCORES_PREFIX)
    graph.node.extend(nodes)
    channels = 2 if wanted.is_binary else wanted.channels
    graph.output.append(
        helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, channels, height, width])
    )


def _finish_labels(
    graph: onnx.GraphProto, result: str, wanted: OutputLayout, metadata: ModelMetadata
) -> None:
    """Make uint8 ``labels`` (1, H, W) of class ids, enlarged by nearest neighbour if smaller."""
    height, width = label_size(wanted)
    size_hw = metadata.preprocessing.size_hw
    planes = set_constant(graph, f'{FINISH_PREFIX}planes', np.array([1, 1, height, width]))
    nodes = [_op('Cast', to=TensorProto.FLOAT), _op('Reshape', planes)]
    if (height, width) != size_hw:
        roi = set_constant(graph, f'{FINISH_PREFIX}roi', np.zeros(0, np.float32))
        size = set_constant(graph, f'{FINISH_PREFIX}size', np.array([1, 1, *size_hw], np.int64))
        nodes.append(
            _op(
                'Resize', roi, roi, size, mode='nearest', nearest_mode='round_prefer_ceil',
                coordinate_transformation_mode='half_pixel',
            )
        )  # fmt: skip
    shape = set_constant(graph, f'{FINISH_PREFIX}shape', np.array([1, *size_hw], np.int64))
    nodes += [_op('Reshape', shape), _op('Cast', to=TensorProto.UINT8)]
    _chain(nodes, result, 'labels', FINISH_PREFIX)
    graph.node.extend(nodes)
    graph.output.append(helper.make_tensor_value_info('labels', TensorProto.UINT8, [1, *size_hw]))


def label_size(wanted: OutputLayout) -> tuple[int, int]:
    """Return height and width of an output of class ids."""
    shape: Iterable[int] = wanted.shape
    if wanted.channel_axis is not None:
        shape = [side for axis, side in enumerate(wanted.shape) if axis != wanted.channel_axis]
    *_, height, width = shape
    return height, width
