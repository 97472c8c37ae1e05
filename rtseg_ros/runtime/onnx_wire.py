"""Just enough of the protobuf wire format to read, and to prune, an ONNX file.

A robot needs the metadata of a model before any engine exists, and not every robot that has
TensorRT has the ``onnx`` package.
"""

from collections.abc import Callable, Iterator

Field = tuple[int, int | memoryview, memoryview]


def varint_bytes(value: int) -> bytes:
    """Encode a non-negative number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(buffer: memoryview) -> Iterator[Field]:
    """Yield (field number, number or bytes, raw field) of one message.

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
        if kind == 0:
            value, position = _varint(buffer, position)
        else:
            if kind == 2:
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


def message(buffer: memoryview, number: int) -> memoryview | None:
    """Return the bytes of the first field ``number``, or None."""
    for found, value, _ in fields(buffer):
        if found == number and isinstance(value, memoryview):
            return value
    return None


def text(buffer: memoryview, number: int) -> str:
    """Return field ``number`` as text, empty if absent."""
    value = message(buffer, number)
    return '' if value is None else bytes(value).decode('utf-8')


def replaced(buffer: memoryview, number: int, new_value: bytes) -> bytes:
    """Return the message with field ``number`` (length-delimited, given once) replaced."""
    out = bytearray()
    for found, _, raw in fields(buffer):
        if found == number:
            out += varint_bytes(number << 3 | 2) + varint_bytes(len(new_value)) + new_value
        else:
            out += raw
    return bytes(out)


def without(buffer: memoryview, drop: Callable[[int, memoryview], bool]) -> bytes:
    """Return the message without the length-delimited fields for which ``drop`` is true."""
    return b''.join(
        raw
        for number, value, raw in fields(buffer)
        if not (isinstance(value, memoryview) and drop(number, value))
    )


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
