# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""float16 models: half body, float32 ends, the same labels but near ties."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime as ort
import pytest
from random_frames import smooth_frame

from rtseg_ros.conversion.finishing import file_content
from rtseg_ros.conversion.passes.half import half_model
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import FINISH_PREFIX, model_file_from_content

pytestmark = pytest.mark.export

NETWORKS = (
    'swiftnet_mnv2',
    'swiftnet_rn18_pyr',
    'lednet',
    'espnet',
    'esnet',
    'skipnet_shufflenet',
)


def run(content):
    session = ort.InferenceSession(content, providers=['CPUExecutionProvider'])
    return session.run(['logits', 'labels'], {'image': smooth_frame(0)[None]})


def types_of(model):
    """Element type of every tensor, by ONNX's own inference."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    infos = (*inferred.input, *inferred.value_info, *inferred.output)
    types = {info.name: info.type.tensor_type.elem_type for info in infos}
    return types | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


@pytest.mark.parametrize('name', NETWORKS)
def test_body_is_half_and_ends_are_single(name, exported, network, metadata):
    built = network(name)
    described = metadata(name, align_corners=built.align_corners, precision='fp16')
    model = exported(name)
    use_fast_operators(model)
    half = half_model(model)
    types = types_of(half)
    for node in half.graph.node:
        fixed = (1, 2) if node.op_type == 'Resize' else ()  # roi and scales
        reads = {types[n] for i, n in enumerate(node.input) if n and i not in fixed}
        if node.name.startswith(('input/', FINISH_PREFIX)) or node.op_type == 'Cast':
            continue
        assert TensorProto.FLOAT not in reads, node.name  # nothing mixes types
        assert types[node.output[0]] == TensorProto.FLOAT16, node.name
    casts = [node for node in half.graph.node if node.op_type == 'Cast']
    assert len(casts) == 5  # uint8 to float, to half, to float; classes to float, to uint8
    whole, small = file_content(model, described), file_content(half, described)
    assert len(small) < 0.62 * len(whole)
    assert model_file_from_content(small, 'x.onnx').outputs['logits'].dtype == 'float32'
    (exact, labels), (logits, half_labels) = run(whole), run(small)
    # Over six draws of random weights: up to 0.035 and 0.037 of these two, 0.004 of the others.
    bound = 0.05 if name in ('lednet', 'esnet') else 0.02
    assert 0 < (logits - exact).std() < bound * exact.std()
    assert (labels != half_labels).mean() < 0.02


def test_the_input_model_is_not_changed(exported):
    model = exported('espnet')
    before = model.SerializeToString(deterministic=True)
    half_model(model)
    assert model.SerializeToString(deterministic=True) == before


def test_weights_too_large_for_half_are_refused(exported):
    model = exported('espnet')
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    value = numpy_helper.to_array(tensor).copy()
    value.flat[0] = 70000
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    with pytest.raises(ConversionError, match='70000, too large for float16'):
        half_model(model)


def test_resize_keeps_its_float_scales():
    """ONNX wants the scales of a Resize in float32 whatever it resizes."""
    graph = helper.make_graph(
        [
            helper.make_node(
                'Cast', ['image'], ['normalised'], 'input/cast', to=TensorProto.FLOAT
            ),
            helper.make_node('Resize', ['normalised', '', 'scales'], ['large'], 'resize'),
            helper.make_node('Mul', ['large', 'factor'], ['logits'], 'mul'),
        ],
        'g',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 3, 4, 4])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, [1, 3, 8, 8])],
        [
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), 'scales'),
            numpy_helper.from_array(np.array(0.5, np.float32), 'factor'),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    half = half_model(model)
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert kinds == {'scales': TensorProto.FLOAT, 'factor': TensorProto.FLOAT16}
    session = ort.InferenceSession(half.SerializeToString(), providers=['CPUExecutionProvider'])
    (logits,) = session.run(None, {'image': np.full((1, 3, 4, 4), 7, np.uint8)})
    assert logits.dtype == np.float32
    assert (logits == 3.5).all()
