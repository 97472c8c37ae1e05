# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken .onnx files: refused by name, and nothing outside their folder is read."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
import pytest

from rtseg_ros.conversion.foreign.importing import import_model
from rtseg_ros.conversion.foreign.source import read_source
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import is_onnx

WEIGHTS = np.arange(81, dtype=np.float32).reshape(3, 3, 3, 3)


def model(external=None, *, domain='', opset=17, extra=(), last='Relu'):
    tensor = numpy_helper.from_array(WEIGHTS, 'w')
    if external is not None:
        tensor.ClearField('raw_data')
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in external.items():
            tensor.external_data.add(key=key, value=str(value))
    graph = helper.make_graph(
        [
            helper.make_node('Conv', ['x', 'w'], ['y'], pads=[1, 1, 1, 1]),
            helper.make_node(last, ['y'], ['z'], domain=domain),
            *extra,
        ],
        'theirs',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info('z', TensorProto.FLOAT, (1, 3, 8, 8))],
        [tensor],
    )
    opsets = [helper.make_opsetid('', opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=7)


@pytest.fixture
def folder(tmp_path):
    """A folder of the model, and a secret beside it."""
    path = tmp_path / 'model'
    path.mkdir()
    for file in (tmp_path / 'secret.bin', path / 'weights.data'):
        file.write_bytes(WEIGHTS.tobytes())
    return path


def written(folder, proto):
    path = folder / 'theirs.onnx'
    path.write_bytes(proto.SerializeToString())
    return path


def test_weights_beside_the_model_are_read(folder):
    path = written(folder, model({'location': 'weights.data', 'offset': 0, 'length': 324}))
    (tensor,) = read_source(path).model.graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), WEIGHTS)


@pytest.mark.parametrize(
    ('external', 'said'),
    [
        ({'location': '../secret.bin'}, 'own folder'),
        ({'location': 'a/../../secret.bin'}, 'own folder'),
        ({'location': ''}, 'own folder'),
        ({'location': 'gone.data'}, 'not a file there'),
        ({'location': '.'}, 'not a file there'),
        ({'location': 'weights.data', 'offset': 4000}, 'ends at 324'),
        ({'location': 'weights.data', 'offset': 4, 'length': 324}, 'ends at 324'),
        ({'location': 'weights.data', 'length': 10**15}, 'ends at 324'),
        ({'location': 'weights.data', 'offset': -4}, 'no position'),
    ],
)  # fmt: skip
def test_other_weights_are_refused(external, said, folder):
    with pytest.raises(ConversionError, match=said) as refused:
        read_source(written(folder, model(external)))
    assert "'w'" in str(refused.value)


def test_an_absolute_path_is_refused(folder):
    secret = folder.parent / 'secret.bin'
    with pytest.raises(ConversionError, match='own folder'):
        read_source(written(folder, model({'location': str(secret)})))


def test_links_are_refused(folder):
    (folder / 'link.data').symlink_to(folder.parent / 'secret.bin')
    (folder / 'sub').symlink_to(folder.parent)
    for location in ('link.data', 'sub/secret.bin'):
        with pytest.raises(ConversionError, match='is a link'):
            read_source(written(folder, model({'location': location})))


def test_weights_in_a_node_are_held_to_the_same(folder):
    value = numpy_helper.from_array(WEIGHTS, 'v')
    value.ClearField('raw_data')
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key='location', value='../secret.bin')
    hidden = helper.make_node('Constant', [], ['c'], value=value)
    with pytest.raises(ConversionError, match='own folder'):
        read_source(written(folder, model(extra=[hidden])))


def test_custom_operators_are_refused(folder):
    with pytest.raises(ConversionError, match='mmdeploy::Warp, which ONNX Runtime does not have'):
        read_source(written(folder, model(domain='mmdeploy', last='Warp')))


@pytest.mark.parametrize('depth', [1, 3])
def test_custom_operators_in_branches_are_refused(depth, folder):
    body = helper.make_node('Warp', ['y'], ['out'], domain='mmdeploy')
    for level in range(depth):
        branch = helper.make_graph(
            [body], 'b', [], [helper.make_tensor_value_info('out', TensorProto.FLOAT, None)]
        )
        name = 'w2' if level == depth - 1 else 'out'
        body = helper.make_node('If', ['told'], [name], then_branch=branch, else_branch=branch)
    with pytest.raises(ConversionError, match='mmdeploy::Warp, which ONNX Runtime'):
        read_source(written(folder, model(extra=[body])))


@pytest.mark.parametrize('opset', [10, 21])
def test_other_opsets_are_refused(opset, folder):
    with pytest.raises(ConversionError, match='accepted: 11 to 20'):
        read_source(written(folder, model(opset=opset)))


def test_a_huge_tensor_is_refused_before_it_is_made(folder):
    proto = model()
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend([2**40, 2**20])
    with pytest.raises(ConversionError, match='declares the shape'):
        read_source(written(folder, proto))


@pytest.mark.parametrize('operator', ['ConstantOfShape', 'Expand'])
def test_a_huge_result_is_refused_before_it_is_made(operator, folder, tmp_path):
    proto = model()
    shape = numpy_helper.from_array(np.array([2**18, 2**18], np.int64), 'shape')
    proto.graph.initializer.append(shape)
    if operator == 'ConstantOfShape':
        proto.graph.node.append(helper.make_node(operator, ['shape'], ['huge']))
    else:
        one = numpy_helper.from_array(np.ones((1, 1), np.float32), 'one')
        proto.graph.initializer.append(one)
        proto.graph.node.append(helper.make_node(operator, ['one', 'shape'], ['huge']))
    proto.graph.output.append(helper.make_tensor_value_info('huge', TensorProto.FLOAT, None))
    path = written(folder, proto)
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels='camvid', preset='imagenet', output_name='z'
    )
    with pytest.raises(ConversionError, match="'huge' would hold"):
        import_model(settings)


def test_a_huge_input_is_refused(folder, tmp_path):
    proto = model()
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**30
    path = written(folder, proto)
    settings = ConversionSettings(
        str(path), str(tmp_path / 'm.onnx'), labels='camvid', preset='imagenet'
    )
    with pytest.raises(ConversionError, match='at most 16384 pixels a side'):
        import_model(settings)


def test_what_a_file_is_lies_in_its_content(folder):
    path = written(folder, model())
    assert is_onnx(path)
    other = folder / 'weights.onnx'
    other.write_bytes(b'PK\x03\x04 a torch file')
    assert not is_onnx(other)
    assert not is_onnx(folder / 'gone.onnx')
