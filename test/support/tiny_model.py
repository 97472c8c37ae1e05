# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A model file small enough to build in a test."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.model_file import METADATA_KEY, ModelMetadata
from rtseg_ros.runtime.preprocess import Preprocessing


def write_model(path, *, size_hw=(32, 48), precision='fp32', seed=0, num_classes=3):
    """Write a model file as ``rtseg convert`` does, of one convolution with random weights."""
    height, width = size_hw
    weights = np.random.default_rng(seed).normal(size=(num_classes, 3, 5, 5)).astype(np.float32)
    nodes = [
        helper.make_node('Cast', ['image'], ['floats'], name='input/cast', to=TensorProto.FLOAT),
        helper.make_node('Transpose', ['floats'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node(
            'Conv', ['planes', 'w'], ['logits'], name='conv', pads=[2] * 4, strides=[4, 4]
        ),
        helper.make_node(
            'Resize', ['logits', '', '', 'finish/size'], ['finish/scores'], name='finish/resize',
            mode='linear', coordinate_transformation_mode='half_pixel',
        ),
        helper.make_node(
            'ArgMax', ['finish/scores'], ['finish/classes'], name='finish/argmax', axis=1,
            keepdims=0,
        ),
        helper.make_node(
            'Cast', ['finish/classes'], ['finish/floats'], name='finish/cast',
            to=TensorProto.FLOAT,
        ),
        helper.make_node(
            'Cast', ['finish/floats'], ['labels'], name='finish/labels', to=TensorProto.UINT8
        ),
    ]  # fmt: skip
    size = np.array([1, num_classes, height, width], np.int64)
    coarse = (1, num_classes, height // 4, width // 4)
    graph = helper.make_graph(
        nodes,
        'tiny',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, (1, height, width, 3))],
        [
            helper.make_tensor_value_info('logits', TensorProto.FLOAT, coarse),
            helper.make_tensor_value_info('labels', TensorProto.UINT8, (1, height, width)),
        ],
        [numpy_helper.from_array(weights, 'w'), numpy_helper.from_array(size, 'finish/size')],
    )
    onnx_model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    onnx_model.ir_version = 8
    names = tuple(f'class{index}' for index in range(num_classes))
    colors = tuple((index, 0, 0) for index in range(num_classes))
    metadata = ModelMetadata(
        network='tiny',
        labels=LabelSet('tiny', names, colors),
        preprocessing=Preprocessing(size_hw, 'bgr', (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        precision=precision,
    )
    helper.set_model_props(onnx_model, {METADATA_KEY: metadata.to_json()})
    onnx.checker.check_model(onnx_model)
    path.write_bytes(onnx_model.SerializeToString())
    return path
