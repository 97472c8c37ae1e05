# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lets a graph that was exported for one image take any number of them at once."""

import numpy as np
import onnx
from onnx import helper, numpy_helper
import onnxruntime as ort

from rtseg_ros.conversion.passes.edit import constants, set_constant
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import FINISH_PREFIX

PREFIX = 'batch/'
# Largest difference of a score, as a share of the largest: kernels add up in another order.
_BATCH_ERROR = 0.02
# Which input of an operator is a shape that begins with the number of images.
_SHAPE_INPUT = {'Resize': 3, 'Reshape': 1, 'Expand': 1, 'ConstantOfShape': 0}


def free_batch(model: onnx.ModelProto) -> None:
    """Make the first dimension of input and outputs free.

    Fixed shapes inside of the graph get the number of images that came in.

    Args:
        model: From ``export_network``, in any precision; changed in place.

    Raises:
        ConversionError: If an operator's fixed shape does not begin with 1.
    """
    graph = model.graph
    known = constants(graph)
    shapes: dict[str, str] = {}  # fixed -> free
    added: list[onnx.NodeProto] = []
    for node in graph.node:
        at = _SHAPE_INPUT.get(node.op_type)
        if at is None or len(node.input) <= at or node.input[at] not in known:
            continue
        name = node.input[at]
        # What finishes the labels can be cut off, and takes its shapes along.
        prefix = FINISH_PREFIX + PREFIX if node.name.startswith(FINISH_PREFIX) else PREFIX
        key = prefix + name
        if key not in shapes:
            shape = numpy_helper.to_array(known[name])
            if not len(shape) or shape[0] != 1:
                raise ConversionError(
                    f"'{node.name}' ({node.op_type}) has the fixed shape {shape.tolist()}; a free "
                    'batch needs one that begins with 1: convert with a batch of one'
                )
            rest = set_constant(graph, f'{key}/rest', shape[1:].astype(np.int64))
            added.append(
                helper.make_node('Concat', [f'{PREFIX}count', rest], [f'{key}/free'], key, axis=0)
            )
            shapes[key] = f'{key}/free'
        node.input[at] = shapes[key]
    if added:
        added = [*_count(graph), *added]
    body = list(graph.node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend([*added, *body])
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = 'N'


def check_free_batch(model: onnx.ModelProto) -> None:
    """Make sure that two images at once give what each gives alone.

    Args:
        model: After ``free_batch``.

    Raises:
        ConversionError: If they do not; a graph can mix the images without any fixed shape.
    """
    advice = 'convert with a batch of one'
    sides = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim][1:]
    both = np.random.default_rng(0).integers(0, 256, (2, *sides), dtype=np.uint8)
    both[1] //= 4  # a dark one, so that a mean over both is neither's
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=['CPUExecutionProvider']
        )
        together = session.run(None, {'image': both})[0]
        alone = [session.run(None, {'image': both[i : i + 1]})[0] for i in range(2)]
    except Exception as error:  # ONNX Runtime raises its own unrelated types
        raise ConversionError(
            f'the model does not take two images at once ({error}); {advice}'
        ) from error
    apart = np.concatenate(alone).astype(np.float64)
    limit = _BATCH_ERROR * max(float(np.abs(apart).max()), 1.0)
    if together.shape != apart.shape or float(np.abs(together - apart).max()) > limit:
        raise ConversionError(f'two images at once do not give what each gives alone; {advice}')


def _count(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return nodes that make ``batch/count``, the number of images as (1,) int64."""
    start = set_constant(graph, f'{PREFIX}start', np.zeros(1, np.int64))
    end = set_constant(graph, f'{PREFIX}end', np.ones(1, np.int64))
    image, shape = graph.input[0].name, f'{PREFIX}shape'
    return [
        helper.make_node('Shape', [image], [shape], shape),
        helper.make_node('Slice', [shape, start, end], [f'{PREFIX}count'], f'{PREFIX}count'),
    ]
