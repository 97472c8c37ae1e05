# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Small .onnx files as others export them, one of every layout in the field."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = (32, 48)
FLOAT, HALF, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8
INT64, INT32 = TensorProto.INT64, TensorProto.INT32
TOLD = {'channel_order': 'rgb', 'mean': (120.0, 110.0, 100.0), 'std': (60.0, 50.0, 70.0)}


def foreign(
    path,
    ends,
    output,
    *,
    opset=17,
    given=(FLOAT, (1, 3, *SIZE)),
    stride=1,
    classes=3,
    head=None,
    source=None,
):
    """Write a small model: a convolution to ``scores``, then the nodes ``ends``.

    Args:
        path: Of the file.
        ends: Nodes from ``scores``, as (operator, inputs, output, attributes).
        output: Outputs as (name, type, shape).
        opset: Of the operators.
        given: Type and shape of the input ``x``.
        stride: Of the convolution.
        classes: Its channels.
        head: Nodes from ``x`` to ``image`` (NCHW float32); none if x is that.
        source: Name of the tensor that the convolution reads.
    """
    rng = np.random.default_rng(5)
    weight = rng.normal(0, 0.5, (classes, 3, 3, 3)).astype(np.float32)
    bias = rng.normal(0, 0.2, classes).astype(np.float32)
    if given[0] == HALF:
        weight, bias = weight.astype(np.float16), bias.astype(np.float16)
    nodes = [helper.make_node(op, i, [o], **a) for op, i, o, a in head or []]
    nodes.append(
        helper.make_node(
            'Conv', [source or ('image' if head else 'x'), 'w', 'b'], ['scores'],
            pads=[1, 1, 1, 1], strides=[stride, stride],
        )
    )  # fmt: skip
    nodes += [helper.make_node(op, i, [o], **a) for op, i, o, a in ends]
    graph = helper.make_graph(
        nodes,
        'theirs',
        [helper.make_tensor_value_info('x', *given)],
        [helper.make_tensor_value_info(*item) for item in output],
        [numpy_helper.from_array(weight, 'w'), numpy_helper.from_array(bias, 'b')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=7)
    onnx.save(model, path)
    return path


N, L, H, W = 1, 3, *SIZE
SCORES = ('scores', FLOAT, (N, L, H, W))
SOFTMAX = ('Softmax', ['scores'], 'p', {'axis': 1})
ARGMAX = ('ArgMax', ['scores'], 'ids', {'axis': 1, 'keepdims': 0})
ARGMAX_KEPT = ('ArgMax', ['scores'], 'ids', {'axis': 1, 'keepdims': 1})
TO_LAST = ('Transpose', ['scores'], 'last', {'perm': [0, 2, 3, 1]})
FROM_NHWC = [('Transpose', ['x'], 'image', {'perm': [0, 3, 1, 2]})]
BYTES = [
    ('Cast', ['x'], 'f', {'to': FLOAT}),
    ('Transpose', ['f'], 'image', {'perm': [0, 3, 1, 2]}),
]
FREE = ('n', 'c', 'h', 'w')

LAYOUTS = {
    'logits': {'ends': [], 'output': [SCORES]},
    'opset 11': {'ends': [], 'output': [SCORES], 'opset': 11},
    'opset 13': {'ends': [], 'output': [SCORES], 'opset': 13},
    'opset 20': {'ends': [], 'output': [SCORES], 'opset': 20},
    'a quarter, opset 11': {
        'ends': [], 'output': [('scores', FLOAT, (N, L, H // 4, W // 4))], 'opset': 11, 'stride': 4
    },
    'an eighth': {'ends': [], 'output': [('scores', FLOAT, None)], 'stride': 8},
    'a sixteenth': {'ends': [], 'output': [('scores', FLOAT, None)], 'stride': 16},
    'free sizes': {
        'ends': [], 'output': [('scores', FLOAT, FREE)], 'given': (FLOAT, FREE), 'size': True
    },
    'never inferred': {
        'ends': [], 'output': [('scores', FLOAT, (None,) * 4)], 'given': (FLOAT, (N, L, H, W))
    },
    'float16': {
        'ends': [], 'output': [('scores', HALF, (N, L, H, W))], 'given': (HALF, (1, 3, H, W))
    },
    'float NHWC': {
        'ends': [], 'output': [SCORES], 'given': (FLOAT, (1, H, W, 3)), 'head': FROM_NHWC
    },
    'uint8 NHWC': {
        'ends': [], 'output': [SCORES], 'given': (UINT8, (1, H, W, 3)), 'head': BYTES
    },
    'softmax': {'ends': [SOFTMAX], 'output': [('p', FLOAT, (N, L, H, W))]},
    'softmax NHWC (TAO)': {
        'ends': [TO_LAST, ('Softmax', ['last'], 'p', {'axis': 3})],
        'output': [('p', FLOAT, (N, H, W, L))],
    },
    'int64 (N,H,W)': {'ends': [ARGMAX], 'output': [('ids', INT64, (N, H, W))]},
    'int64 (N,1,H,W)': {'ends': [ARGMAX_KEPT], 'output': [('ids', INT64, (N, 1, H, W))]},
    'int32 (N,H,W,1)': {
        'ends': [
            TO_LAST,
            ('ArgMax', ['last'], 'ids', {'axis': 3, 'keepdims': 1}),
            ('Cast', ['ids'], 'small', {'to': INT32}),
        ],
        'output': [('small', INT32, (N, H, W, 1))],
    },
    'uint8 (B,H,W)': {
        'ends': [ARGMAX, ('Cast', ['ids'], 'small', {'to': UINT8})],
        'output': [('small', UINT8, (N, H, W))],
    },
    'labels at a quarter': {
        'ends': [ARGMAX], 'output': [('ids', INT64, (N, H // 4, W // 4))], 'stride': 4
    },
    'sigmoid': {
        'ends': [('Sigmoid', ['scores'], 'p', {})], 'output': [('p', FLOAT, (N, 1, H, W))],
        'classes': 1,
    },
    'one score': {'ends': [], 'output': [('scores', FLOAT, (N, 1, H, W))], 'classes': 1},
    'two outputs': {
        'ends': [('Neg', ['scores'], 'other', {})], 'output': [('other', FLOAT, None), SCORES],
        'name': 'scores',
    },
}  # fmt: skip


def write_labels(path, classes):
    """Write a label set of so many classes; returns its path as text."""
    lines = [f'- {{name: c{i}, color: [{40 * i}, 0, 90]}}' for i in range(classes)]
    path.write_text('name: yard\nclasses:\n' + '\n'.join(lines) + '\n')
    return str(path)
