# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bytes of a model file against the onnx package, which reads them by its own schema."""

from dataclasses import replace
import struct

import numpy as np
import pytest

from rtseg_ros.errors import ModelFileError
from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.model_file import METADATA_KEY, model_file_from_content, read_model_file

onnx = pytest.importorskip('onnx', reason='compared with the onnx package')


@pytest.fixture(name='path')
def _path(make_model):
    return make_model('wire')


def schema(content):
    return onnx.load_from_string(content)


def test_numbers_are_those_of_the_schema():
    """Every ``_MESSAGE_FIELD`` of the module, by the descriptors of onnx.proto."""
    model, graph, tensor = onnx.ModelProto, onnx.GraphProto, onnx.TensorProto
    tensor_type = onnx.TypeProto.Tensor
    expected = {
        '_MODEL_PRODUCER': (model, 'producer_name'),
        '_MODEL_PRODUCER_VERSION': (model, 'producer_version'),
        '_MODEL_OPSET': (model, 'opset_import'),
        '_MODEL_FUNCTION': (model, 'functions'),
        '_OPSET_DOMAIN': (onnx.OperatorSetIdProto, 'domain'),
        '_OPSET_VERSION': (onnx.OperatorSetIdProto, 'version'),
        '_FUNCTION_NODE': (onnx.FunctionProto, 'node'),
        '_FUNCTION_DOMAIN': (onnx.FunctionProto, 'domain'),
        '_NODE_OPERATOR': (onnx.NodeProto, 'op_type'),
        '_NODE_ATTRIBUTE': (onnx.NodeProto, 'attribute'),
        '_NODE_DOMAIN': (onnx.NodeProto, 'domain'),
        '_ATTRIBUTE_GRAPH': (onnx.AttributeProto, 'g'),
        '_ATTRIBUTE_GRAPHS': (onnx.AttributeProto, 'graphs'),
        '_TENSOR_EXTERNAL': (tensor, 'external_data'),
        '_MODEL_GRAPH': (model, 'graph'),
        '_MODEL_METADATA': (model, 'metadata_props'),
        '_ENTRY_KEY': (onnx.StringStringEntryProto, 'key'),
        '_ENTRY_VALUE': (onnx.StringStringEntryProto, 'value'),
        '_GRAPH_NODE': (graph, 'node'),
        '_GRAPH_INITIALIZER': (graph, 'initializer'),
        '_GRAPH_INPUT': (graph, 'input'),
        '_GRAPH_OUTPUT': (graph, 'output'),
        '_NODE_NAME': (onnx.NodeProto, 'name'),
        '_TENSOR_TYPE': (tensor, 'data_type'),
        '_TENSOR_NAME': (tensor, 'name'),
        '_TENSOR_RAW': (tensor, 'raw_data'),
        '_VALUE_NAME': (onnx.ValueInfoProto, 'name'),
        '_VALUE_TYPE': (onnx.ValueInfoProto, 'type'),
        '_TYPE_TENSOR': (onnx.TypeProto, 'tensor_type'),
        '_TENSOR_TYPE_ELEMENT': (tensor_type, 'elem_type'),
        '_TENSOR_TYPE_SHAPE': (tensor_type, 'shape'),
        '_SHAPE_DIMENSION': (onnx.TensorShapeProto, 'dim'),
        '_DIMENSION_SIZE': (onnx.TensorShapeProto.Dimension, 'dim_value'),
    }
    ours = {name: getattr(wire, name) for name in expected}
    assert ours == {
        name: message.DESCRIPTOR.fields_by_name[field].number
        for name, (message, field) in expected.items()
    }
    for code, name in wire._DTYPES.items():
        assert onnx.helper.tensor_dtype_to_np_dtype(code) == np.dtype(name)


def test_with_metadata_changes_nothing_else(path):
    model = read_model_file(path)
    told = replace(model.metadata, temperature=2.5, extra={'note': 'é' * 200})
    content = model.with_metadata(told)
    again = model_file_from_content(content, path)
    assert again.metadata == told
    assert again.graph_sha256 == model.graph_sha256
    before, after = schema(model.content), schema(content)
    assert [entry.key for entry in after.metadata_props].count(METADATA_KEY) == 1
    del before.metadata_props[:], after.metadata_props[:]
    assert after == before


def test_properties_of_others_stay(path):
    content = wire.with_property(path.read_bytes(), 'author', 'somebody')
    content = wire.with_property(content, 'author', 'somebody else')
    found = {entry.key: entry.value for entry in schema(content).metadata_props}
    assert found == wire.summary(content).properties
    assert found['author'] == 'somebody else'
    assert METADATA_KEY in found


def test_constants_are_replaced_by_name(path):
    def changed(name, tensor):
        return wire.uint8_scalar(name, 200) if name == names[0] else None

    content = path.read_bytes()
    names = [tensor.name for tensor in schema(content).graph.initializer]
    tensors = schema(wire.with_initializers(content, changed)).graph.initializer
    assert [tensor.name for tensor in tensors] == names
    first = onnx.numpy_helper.to_array(tensors[0])
    assert (first.dtype, first.shape, int(first)) == (np.uint8, (), 200)
    assert list(tensors)[1:] == list(schema(content).graph.initializer)[1:]


def test_a_scalar_is_scaled():
    tensor = onnx.numpy_helper.from_array(np.float32(3.0), 'scale')
    scaled = onnx.TensorProto.FromString(
        wire.scaled_scalar(memoryview(tensor.SerializeToString()), 0.5)
    )
    assert (scaled.name, scaled.data_type) == ('scale', onnx.TensorProto.FLOAT)
    assert struct.unpack('<f', scaled.raw_data) == (1.5,)


@pytest.mark.parametrize('end', [1, 3, 0.25, 0.5, 0.9, -1])
def test_a_cut_file_is_no_model(path, end, tmp_path):
    content = path.read_bytes()
    cut = content[: int(len(content) * end) if isinstance(end, float) else end]
    with pytest.raises(ModelFileError):
        model_file_from_content(cut, tmp_path / 'cut.onnx')


def test_a_dimension_that_is_a_number_is_no_model(tmp_path):
    """Field 1 of the shape as a number where a message belongs; onnx refuses it, too."""
    shape = b'\x08\x05'
    tensor = wire._bytes_field(wire._TENSOR_TYPE_SHAPE, shape)
    info = wire._bytes_field(wire._VALUE_TYPE, wire._bytes_field(wire._TYPE_TENSOR, tensor))
    graph = wire._bytes_field(wire._GRAPH_INPUT, info)
    content = wire._bytes_field(wire._MODEL_GRAPH, graph)
    with pytest.raises(ModelFileError, match='not an ONNX file .a dimension is the number 5'):
        model_file_from_content(content, tmp_path / 'odd.onnx')


def field(number, content):
    """Return a length-delimited field; a length below 16384 takes two bytes."""
    assert len(content) < 1 << 14
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content


def nested(depth):
    """Return the nodes of a graph that holds graphs, so many deep."""
    node = field(1, field(4, b'Relu'))
    for _ in range(depth):
        node = field(1, field(4, b'If') + field(7, b'yard') + field(5, field(6, node)))
    return node


def test_operators_of_inner_graphs_are_found():
    found = wire.body(field(7, nested(3)))
    assert found.operators == {('', 'Relu'), ('yard', 'If')}


def test_graphs_nested_beyond_measure_are_refused():
    with pytest.raises(ValueError, match='nested more than 32 deep'):
        wire.body(field(7, nested(200)))
