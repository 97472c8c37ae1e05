# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All that is known here of the bytes of a .onnx file: field numbers, reading, rewriting.

A robot needs the metadata of a model before any engine exists, and not every robot that has
TensorRT has the ``onnx`` package. The format is protobuf; numbers are those of ``onnx.proto``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import struct

# A field of a message: its number, its value (a number or bytes), and all of its bytes.
Field = tuple[int, int | memoryview, memoryview]

_NUMBER, _BYTES = 0, 2  # wire types
_MODEL_PRODUCER, _MODEL_PRODUCER_VERSION, _MODEL_GRAPH = 2, 3, 7
_MODEL_OPSET, _MODEL_METADATA, _MODEL_FUNCTION = 8, 14, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_FUNCTION_NODE, _FUNCTION_DOMAIN = 7, 10
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 3, 4, 5, 7
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL = 2, 8, 9, 13
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_TYPE_ELEMENT, _TENSOR_TYPE_SHAPE, _SHAPE_DIMENSION, _DIMENSION_SIZE = 1, 2, 1, 1
_UINT8 = 2
_DTYPES = {
    1: 'float32', _UINT8: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64',
    9: 'bool', 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64', 16: 'bfloat16',
}  # fmt: skip
# Graphs within graphs: no exporter nests so deep, but a hostile file could.
_DEEPEST = 32


@dataclass(frozen=True)
class TensorSpec:
    """Name, NumPy dtype name and shape of a model's input or output; -1 where not fixed."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """What a model file says beside its network.

    Attributes:
        properties: Metadata by key.
        inputs: Tensors that must be fed.
        outputs: Tensors that come out.
    """

    properties: dict[str, str]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


def summary(content: bytes) -> Summary:
    """Read metadata, inputs and outputs of a model.

    Raises:
        ValueError: If the bytes are no ONNX file; UnicodeDecodeError is one, too.
    """
    properties = {}
    for number, value, _ in _fields(memoryview(content)):
        if number == _MODEL_METADATA and isinstance(value, memoryview):
            properties[_text(value, _ENTRY_KEY)] = _text(value, _ENTRY_VALUE)
    initializers: set[str] = set()
    inputs, outputs = [], []
    for number, value, _ in _fields(_graph(content)):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH_INITIALIZER:
            initializers.add(_text(value, _TENSOR_NAME))
        elif number == _GRAPH_INPUT:
            inputs.append(_tensor_spec(value))
        elif number == _GRAPH_OUTPUT:
            outputs.append(_tensor_spec(value))
    fed = [spec for spec in inputs if spec.name not in initializers]
    return Summary(properties, fed, outputs)


@dataclass(frozen=True)
class Body:
    """What a model file says of its network.

    Attributes:
        opset: Version of ONNX's own operators; 0 if it says none.
        producer: Who wrote it, e.g. ``pytorch 2.13.0``.
        operators: As (domain, operator), those of subgraphs and functions too.
        weight_files: Names of the files beside it that hold its weights.
    """

    opset: int
    producer: str
    operators: frozenset[tuple[str, str]]
    weight_files: tuple[str, ...]


def body(content: bytes) -> Body:
    """Read what a model is made of.

    Raises:
        ValueError: If the bytes are no ONNX file.
    """
    whole = memoryview(content)
    opset, own = 0, set()
    operators: set[tuple[str, str]] = set()
    for number, value, _ in _fields(whole):
        if not isinstance(value, memoryview):
            continue
        if number == _MODEL_OPSET and _text(value, _OPSET_DOMAIN) in ('', 'ai.onnx'):
            opset = max([opset, *_numbers(value, _OPSET_VERSION)])
        elif number == _MODEL_FUNCTION:
            own.add(_text(value, _FUNCTION_DOMAIN))
            operators |= _operators(value, _FUNCTION_NODE, 0)
    graph = _graph(content)
    operators |= _operators(graph, _GRAPH_NODE, 0)
    files: dict[str, None] = {}
    for number, value, _ in _fields(graph):
        if number == _GRAPH_INITIALIZER and isinstance(value, memoryview):
            for inner, entry, _ in _fields(value):
                if inner == _TENSOR_EXTERNAL and isinstance(entry, memoryview):
                    if _text(entry, _ENTRY_KEY) == 'location':
                        files[_text(entry, _ENTRY_VALUE)] = None
    producer = f'{_text(whole, _MODEL_PRODUCER)} {_text(whole, _MODEL_PRODUCER_VERSION)}'.strip()
    kept = frozenset(item for item in operators if item[0] not in own or not item[0])
    return Body(opset, producer, kept, tuple(files))


def _operators(buffer: memoryview, field: int, depth: int) -> set[tuple[str, str]]:
    """Return the operators of a graph or function whose nodes are field ``field``."""
    if depth > _DEEPEST:
        raise ValueError(f'its graphs are nested more than {_DEEPEST} deep')
    found = set()
    for number, node, _ in _fields(buffer):
        if number != field or not isinstance(node, memoryview):
            continue
        found.add((_text(node, _NODE_DOMAIN), _text(node, _NODE_OPERATOR)))
        for inner, attribute, _ in _fields(node):
            if inner != _NODE_ATTRIBUTE or not isinstance(attribute, memoryview):
                continue
            for kind, graph, _ in _fields(attribute):
                if kind in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) and isinstance(graph, memoryview):
                    found |= _operators(graph, _GRAPH_NODE, depth + 1)
    return found


def _numbers(buffer: memoryview, number: int) -> list[int]:
    return [
        value for found, value, _ in _fields(buffer) if found == number and isinstance(value, int)
    ]


def parts_without_metadata(content: bytes) -> Iterator[memoryview]:
    """Yield the bytes of a model, in order, all but its metadata."""
    for number, _, raw in _fields(memoryview(content)):
        if number != _MODEL_METADATA:
            yield raw


def with_property(content: bytes, key: str, text: str) -> bytes:
    """Return a model whose metadata say ``text`` under ``key``; all else is byte for byte."""

    def is_key(number: int, value: memoryview) -> bool:
        return number == _MODEL_METADATA and _text(value, _ENTRY_KEY) == key

    entry = _bytes_field(_ENTRY_KEY, key.encode()) + _bytes_field(_ENTRY_VALUE, text.encode())
    return _without(memoryview(content), is_key) + _bytes_field(_MODEL_METADATA, entry)


def without_end(content: bytes, *, prefix: str, output: str) -> bytes:
    """Return a model without an output, and without the nodes and tensors that made it.

    Args:
        content: The model.
        prefix: What the names of those nodes and constants begin with.
        output: Name of the output.
    """

    def is_end(number: int, value: memoryview) -> bool:
        if number == _GRAPH_NODE:
            return _text(value, _NODE_NAME).startswith(prefix)
        if number == _GRAPH_INITIALIZER:
            return _text(value, _TENSOR_NAME).startswith(prefix)
        return number == _GRAPH_OUTPUT and _text(value, _VALUE_NAME) == output

    return _with_graph(content, _without(_graph(content), is_end))


def with_initializers(content: bytes, changed: Callable[[str, memoryview], bytes | None]) -> bytes:
    """Return a model with some of its constant tensors replaced.

    Args:
        content: The model.
        changed: Returns, of the name and the bytes of a tensor, what takes its place; None to
            keep it.
    """
    parts: list[bytes | memoryview] = []
    for number, value, raw in _fields(_graph(content)):
        new = None
        if number == _GRAPH_INITIALIZER and isinstance(value, memoryview):
            new = changed(_text(value, _TENSOR_NAME), value)
        parts.append(raw if new is None else _bytes_field(_GRAPH_INITIALIZER, new))
    return _with_graph(content, b''.join(parts))


def uint8_scalar(name: str, value: int) -> bytes:
    """Return a constant tensor without dimensions."""
    kind = _varint_bytes(_TENSOR_TYPE << 3 | _NUMBER) + _varint_bytes(_UINT8)
    name_field = _bytes_field(_TENSOR_NAME, name.encode())
    return kind + name_field + _bytes_field(_TENSOR_RAW, bytes([value]))


def scaled_scalar(tensor: memoryview, factor: float) -> bytes:
    """Return a float32 constant of one value, multiplied."""
    raw = _message(tensor, _TENSOR_RAW)
    assert raw is not None
    (value,) = struct.unpack('<f', raw)
    return _replaced(tensor, _TENSOR_RAW, struct.pack('<f', value * factor))


def _graph(content: bytes) -> memoryview:
    graph = _message(memoryview(content), _MODEL_GRAPH)
    if graph is None:
        raise ValueError('it holds no graph')
    return graph


def _with_graph(content: bytes, graph: bytes) -> bytes:
    return _replaced(memoryview(content), _MODEL_GRAPH, graph)


def _tensor_spec(value_info: memoryview) -> TensorSpec:
    empty = memoryview(b'')
    tensor = _message(_message(value_info, _VALUE_TYPE) or empty, _TYPE_TENSOR) or empty
    code, shape = 0, []
    for number, value, _ in _fields(tensor):
        if number == _TENSOR_TYPE_ELEMENT and isinstance(value, int):
            code = value
        elif number == _TENSOR_TYPE_SHAPE and isinstance(value, memoryview):
            shape += [_size(item) for n, item, _ in _fields(value) if n == _SHAPE_DIMENSION]
    name = _text(value_info, _VALUE_NAME)
    return TensorSpec(name, _DTYPES.get(code, f'type {code}'), tuple(shape))


def _size(dimension: int | memoryview) -> int:
    if not isinstance(dimension, memoryview):
        raise ValueError(f'a dimension is the number {dimension}')
    sizes = [value for number, value, _ in _fields(dimension) if number == _DIMENSION_SIZE]
    return sizes[0] if sizes and isinstance(sizes[0], int) else -1


def _fields(buffer: memoryview) -> Iterator[Field]:
    """Yield the fields of one message.

    Raises:
        ValueError: If the bytes are not a well-formed message.
    """
    position = 0
    while position < len(buffer):
        start = position
        tag, position = _varint(buffer, position)
        number, kind = tag >> 3, tag & 7
        value: int | memoryview
        if number == 0:
            raise ValueError(f'field number 0 at byte {start}')
        if kind == _NUMBER:
            value, position = _varint(buffer, position)
        else:
            if kind == _BYTES:
                length, position = _varint(buffer, position)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise ValueError(f'wire type {kind} at byte {start}')
            if position + length > len(buffer):
                raise ValueError(f'field {number} at byte {start} is cut off')
            value = buffer[position : position + length]
            position += length
        yield number, value, buffer[start:position]


def _message(buffer: memoryview, number: int) -> memoryview | None:
    """Return the bytes of the first field ``number``, or None."""
    for found, value, _ in _fields(buffer):
        if found == number and isinstance(value, memoryview):
            return value
    return None


def _text(buffer: memoryview, number: int) -> str:
    """Return field ``number`` as text, empty if absent."""
    value = _message(buffer, number)
    return '' if value is None else bytes(value).decode('utf-8')


def _replaced(buffer: memoryview, number: int, new_value: bytes) -> bytes:
    """Return the message with field ``number`` (length-delimited, given once) replaced."""
    return b''.join(
        _bytes_field(number, new_value) if found == number else raw
        for found, _, raw in _fields(buffer)
    )


def _without(buffer: memoryview, drop: Callable[[int, memoryview], bool]) -> bytes:
    """Return the message without the length-delimited fields for which ``drop`` is true."""
    return b''.join(
        raw
        for number, value, raw in _fields(buffer)
        if not (isinstance(value, memoryview) and drop(number, value))
    )


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint_bytes(number << 3 | _BYTES) + _varint_bytes(len(value)) + value


def _varint_bytes(value: int) -> bytes:
    """Encode a non-negative number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint(buffer: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(buffer) or shift > 63:
            raise ValueError(f'number cut off at byte {position}')
        byte = buffer[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
