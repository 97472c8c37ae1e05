# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read an mcap file record by record, as far as it goes: what a cut-off recording still holds."""

from collections.abc import Iterator
from io import SEEK_END, BytesIO
from pathlib import Path
import struct
from typing import BinaryIO

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bags.zstd import zstd

MAGIC = b'\x89MCAP0\r\n'
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F
_HEAD = struct.Struct('<BQ')
_MESSAGE_HEAD = struct.Struct('<HIQQ')
# Topic, message type, log time in ns, CDR bytes.
Stored = tuple[str, str, int, bytes]


def mcap_messages(path: Path) -> Iterator[Stored]:
    """Read the messages in the order they were written, without the index at the file's end.

    Raises:
        BagError: Where the file breaks off, after everything before that was read.
    """
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise BagError('it does not start as an mcap file does')
        yield from _Records().read(file)


class _Records:
    def __init__(self) -> None:
        self._types: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}

    def read(self, file: BinaryIO, *, whole: bool = False) -> Iterator[Stored]:
        """Read records until the end of the data; ``whole``: of a chunk, which has no footer."""
        here = file.tell()
        end = file.seek(0, SEEK_END)
        file.seek(here)
        while True:
            head = file.read(_HEAD.size)
            if whole and not head:
                return
            if len(head) < _HEAD.size:
                raise BagError(f'it breaks off at byte {end}')
            kind, size = _HEAD.unpack(head)
            if kind in (_FOOTER, _DATA_END):
                return
            here = file.tell()
            missing = size > end - here
            if kind == _CHUNK:
                yield from self._chunk(file.read(min(size, end - here)), complete=not missing)
            elif missing:
                raise BagError(f'it breaks off at byte {end}')
            elif kind == _MESSAGE:
                body = file.read(size)
                channel, _, log_time_ns, _ = _unpack(_MESSAGE_HEAD, body)
                if channel in self._channels:
                    yield (*self._channels[channel], log_time_ns, body[_MESSAGE_HEAD.size :])
            elif kind in (_SCHEMA, _CHANNEL):
                self._declare(kind, file.read(size))
            else:
                file.seek(size, 1)

    def _declare(self, kind: int, body: bytes) -> None:
        if kind == _SCHEMA:
            self._types[_unpack(struct.Struct('<H'), body)[0]] = _text(body, 2)
        else:
            number, schema = _unpack(struct.Struct('<HH'), body)
            self._channels[number] = (_text(body, 4), self._types.get(schema, ''))

    def _chunk(self, body: bytes, *, complete: bool) -> Iterator[Stored]:
        _, _, size, _, length = _unpack(struct.Struct('<QQQII'), body)
        compression = body[32 : 32 + length].decode('ascii', 'replace')
        data = body[32 + length + 8 :]
        records = BytesIO(_decompressed(data, compression, size))
        yield from self.read(records, whole=complete)
        if not complete:
            raise BagError('it breaks off within a chunk')


def _decompressed(data: bytes, compression: str, size: int) -> bytes:
    """Return what can be had of a chunk's records; at most as much as its head promises."""
    if not compression:
        return data
    try:
        if compression == 'zstd':
            return bytes(zstd().ZstdDecompressor().decompress(data, max_length=size))
        if compression == 'lz4':
            from lz4.frame import LZ4FrameDecompressor

            return bytes(LZ4FrameDecompressor().decompress(data, max_length=size))
    except Exception as error:  # the decompressors fail in many ways on damaged bytes
        raise BagError(f'a chunk cannot be decompressed: {error}') from error
    raise BagError(f"a chunk is compressed with '{compression}'; accepted: zstd and lz4")


def _unpack(layout: struct.Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise BagError(f'a record of {len(body)} bytes is too short')
    return layout.unpack_from(body)


def _text(body: bytes, offset: int) -> str:
    (length,) = _unpack(struct.Struct('<I'), body[offset:])
    return body[offset + 4 : offset + 4 + length].decode('utf-8', 'replace')
