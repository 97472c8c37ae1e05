# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A model whose answers can be worked out by hand: it names the brightest channel.

As a program it writes such models for a process that lacks onnx (channel_models_elsewhere.py).
"""

from pathlib import Path
import pickle
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_labels import TINY_LABELS

from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.model_file import FINISH_PREFIX, METADATA_KEY, ModelMetadata
from rtseg_ros.runtime.preprocess import Preprocessing


def write_channel_model(
    path: Path,
    *,
    size_hw: tuple[int, int] = (48, 64),
    stride: int = 4,
    gain: float = 0.1,
    outputs: tuple[str, ...] = ('logits',),
    float_input: bool = False,
    swapped: bool = False,
    temperature: float = 1.0,
    align_corners: bool = False,
    unlabelled_output: int | None = None,
    labels: LabelSet = TINY_LABELS,
    work: int = 0,
    poison: bool = False,
    batch: int | None = 1,
    metadata: str | None = None,
) -> Path:
    """Write a model that names the brightest channel.

    Args:
        path: Where to write it.
        size_hw: Size of its input.
        stride: The logits are the means of blocks of so many pixels.
        gain: Logits are ``gain`` times the channel's value (0..255); class 0 has ``gain * 100``.
        outputs: ``logits``, ``labels`` or both.
        float_input: Takes float32 (1, 3, H, W) in 0..255 instead of uint8 (1, H, W, 3).
        swapped: Blue and red change places, so that the answer differs from the usual model.
        temperature: Stored in the metadata.
        align_corners: Stored in the metadata.
        unlabelled_output: Adds an output that never wins.
        labels: Four classes.
        work: Adds so many 32 x 32 convolutions of 3 x 3 at full size, to take time.
        poison: Makes the model fail where the first pixel's blue is 77.
        batch: First dimension of everything; None for a free one.
        metadata: Replaces the stored metadata.
    """
    height, width = size_hw
    free = 'N' if batch is None else batch
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    if float_input:
        image = helper.make_tensor_value_info('image', TensorProto.FLOAT, [free, 3, *size_hw])
        planes = 'image'
    else:
        image = helper.make_tensor_value_info('image', TensorProto.UINT8, [free, *size_hw, 3])
        nodes.append(helper.make_node('Cast', ['image'], ['float'], to=TensorProto.FLOAT))
        nodes.append(helper.make_node('Transpose', ['float'], ['planes'], perm=[0, 3, 1, 2]))
        planes = 'planes'
    if work:
        kernel = constant('zero_in', np.zeros((32, 3, 3, 3), np.float32))
        nodes.append(helper.make_node('Conv', [planes, kernel], ['w0'], pads=[1] * 4))
        kernel = constant('zero', np.zeros((32, 32, 3, 3), np.float32))
        for step in range(work):
            names = [f'w{step}', kernel], [f'w{step + 1}']
            nodes.append(helper.make_node('Conv', *names, pads=[1] * 4))
        kernel = constant('zero_out', np.zeros((3, 32, 1, 1), np.float32))
        nodes.append(helper.make_node('Conv', [f'w{work}', kernel], ['nothing']))
        nodes.append(helper.make_node('Add', [planes, 'nothing'], ['worked']))
        planes = 'worked'
    if poison:  # a table with one entry less than needed: Gather fails on 77
        starts = constant('starts', np.zeros(4, np.int64))
        ends = constant('ends', np.ones(4, np.int64))
        nodes.append(helper.make_node('Slice', [planes, starts, ends], ['first']))
        wrong = constant('wrong', np.array(77, np.float32))
        nodes.append(helper.make_node('Equal', ['first', wrong], ['hit']))
        nodes.append(helper.make_node('Cast', ['hit'], ['index'], to=TensorProto.INT64))
        table = constant('table', np.zeros(1, np.float32))
        nodes.append(helper.make_node('Gather', [table, 'index'], ['nought'], axis=0))
        nodes.append(helper.make_node('Add', [planes, 'nought'], ['tried']))
        planes = 'tried'
    if stride > 1:
        shape = {'kernel_shape': [stride, stride], 'strides': [stride, stride]}
        nodes.append(helper.make_node('AveragePool', [planes], ['coarse'], **shape))
        planes = 'coarse'
    channels = 4 + (unlabelled_output is not None)
    weights = np.zeros((channels, 3, 1, 1), np.float32)
    bias = np.full(channels, -1000.0, np.float32)
    classes = [index for index in range(channels) if index != unlabelled_output]
    for index, channel in zip(classes[1:], (2, 1, 0) if swapped else (0, 1, 2), strict=True):
        weights[index, channel] = gain
        bias[index] = 0
    bias[classes[0]] = gain * 100
    names = [planes, constant('weights', weights), constant('bias', bias)]
    nodes.append(helper.make_node('Conv', names, ['logits']))
    if 'labels' in outputs:
        sizes = constant(f'{FINISH_PREFIX}sizes', np.array([1, channels, *size_hw], np.int64))
        resize = helper.make_node(
            'Resize', ['logits', '', '', sizes], ['full'], name=f'{FINISH_PREFIX}resize',
            mode='linear', coordinate_transformation_mode='half_pixel',
        )  # fmt: skip
        best = helper.make_node(
            'ArgMax', ['full'], ['best'], name=f'{FINISH_PREFIX}argmax', axis=1, keepdims=0
        )
        floats = helper.make_node(
            'Cast', ['best'], ['floats'], name=f'{FINISH_PREFIX}cast', to=TensorProto.FLOAT
        )
        cast = helper.make_node(
            'Cast', ['floats'], ['labels'], name=f'{FINISH_PREFIX}labels', to=TensorProto.UINT8
        )
        nodes += [resize, best, floats, cast]
    coarse = [height // stride, width // stride]
    values = {
        'logits': ('logits', TensorProto.FLOAT, [free, channels, *coarse]),
        'labels': ('labels', TensorProto.UINT8, [free, *size_hw]),
    }
    graph = helper.make_graph(
        nodes,
        'tiny',
        [image],
        [helper.make_tensor_value_info(*values[name]) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    if metadata is None:
        metadata = ModelMetadata(
            network='tiny',
            labels=labels,
            preprocessing=Preprocessing(size_hw, 'bgr', (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
            align_corners=align_corners,
            unlabelled_output=unlabelled_output,
            temperature=temperature,
        ).to_json()
    helper.set_model_props(model, {METADATA_KEY: metadata})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def _serve() -> None:
    """Write the models that a process asks for, until it ends."""
    while True:
        try:
            path, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = write_channel_model(path, **options)
        except Exception as error:  # noqa: BLE001  whatever it is, who asked must know
            answer = error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == '__main__':
    _serve()
