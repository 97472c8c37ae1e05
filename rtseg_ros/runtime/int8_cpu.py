"""Let ONNX Runtime's CPU kernels run an int8 model fast.

A model file holds signed activations with zero zero-points, the only kind that every TensorRT
takes. CPU kernels fuse an activation function into a convolution only where the quantised zero
is the smallest number, which takes unsigned ones. Both mean the same values.
"""

import struct

from rtseg_ros.runtime import onnx_wire as wire

# Names of the scale and zero-point of an activation that the converter quantised, e.g.
# ``int8/relu_3/scale``; of one that is never negative ``int8+/relu_3/scale``.
PREFIX, POSITIVE_PREFIX = 'int8/', 'int8+/'
SCALE, ZERO = '/scale', '/zero'

_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_NAME, _TENSOR_RAW = 7, 5, 8, 9
_TENSOR_TYPE, _UINT8 = 2, 2


def with_unsigned_activations(content: bytes) -> bytes:
    """Return a model whose quantised activations are uint8.

    Signed values move up by 128. Values that are never negative get all 255 levels instead of
    127, for the same largest value.

    Args:
        content: A model file, or what ``ModelFile.logits_only`` returns; one without quantised
            activations comes back as it is.
    """
    model = memoryview(content)
    graph = wire.message(model, _MODEL_GRAPH)
    assert graph is not None
    changed = b''.join(
        _unsigned(bytes(raw), value)
        if number == _GRAPH_INITIALIZER and isinstance(value, memoryview)
        else bytes(raw)
        for number, value, raw in wire.fields(graph)
    )
    return wire.replaced(model, _MODEL_GRAPH, changed)


def _unsigned(raw: bytes, tensor: memoryview) -> bytes:
    name = wire.text(tensor, _TENSOR_NAME)
    positive = name.startswith(POSITIVE_PREFIX)
    if not positive and not name.startswith(PREFIX):
        return raw
    if name.endswith(ZERO):
        value = bytes([0 if positive else 128])
        new_type = wire.varint_bytes(_TENSOR_TYPE << 3) + wire.varint_bytes(_UINT8)
        return _initializer(new_type + _bytes(_TENSOR_NAME, name.encode()) + _bytes(9, value))
    if positive and name.endswith(SCALE):
        old = wire.message(tensor, _TENSOR_RAW)
        assert old is not None
        (scale,) = struct.unpack('<f', old)
        return _initializer(
            wire.replaced(tensor, _TENSOR_RAW, struct.pack('<f', scale * 127 / 255))
        )
    return raw


def _initializer(tensor: bytes) -> bytes:
    return _bytes(_GRAPH_INITIALIZER, tensor)


def _bytes(number: int, value: bytes) -> bytes:
    return wire.varint_bytes(number << 3 | 2) + wire.varint_bytes(len(value)) + value
