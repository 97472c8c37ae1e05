# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From records of tensors to tensors, with every number of the record checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtseg_ros.conversion.checkpoints.inert import StorageRecord, TensorRecord
from rtseg_ros.errors import CheckpointError

_STORAGES = {
    'Float': torch.float32, 'Double': torch.float64, 'Half': torch.float16,
    'BFloat16': torch.bfloat16, 'Long': torch.int64, 'Int': torch.int32, 'Short': torch.int16,
    'Char': torch.int8, 'Byte': torch.uint8, 'Bool': torch.bool,
    'ComplexFloat': torch.complex64, 'ComplexDouble': torch.complex128,
    'QInt8': torch.qint8, 'QUInt8': torch.quint8, 'QInt32': torch.qint32,
    'Untyped': torch.uint8,
}  # fmt: skip
_DTYPES = {str(dtype): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
# Types of counters and masks: they may lie beside the weights, and never be a weight.
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool)
_WHAT_TO_DO = {
    'quantised': 'give the checkpoint from before the quantisation: --precision int8 quantises',
    'sparse': 'save them dense: value.to_dense()',
    'meta': 'they have a shape and no numbers: load the real weights before saving',
    'nested': 'save each as a tensor of its own',
}


def element_type(storage_name: str) -> torch.dtype:
    """Return the element type of a storage class, e.g. ``torch.cuda.FloatStorage``.

    Raises:
        ValueError: If torch has no such storage.
    """
    module, _, last = storage_name.rpartition('.')
    name = last.removesuffix('Storage')
    if module not in ('torch', 'torch.cuda', 'torch.storage') or name not in _STORAGES:
        raise ValueError(f"no storage is called '{storage_name}'")
    return _STORAGES[name]


def why_not(record: TensorRecord) -> str:
    """Say why a tensor cannot be weights, and what to do; empty if nothing speaks against it."""
    if record.kind:
        advice = _WHAT_TO_DO.get(record.kind, 'save it as a plain tensor')
        return (
            f'is a tensor {record.kind}; {advice}'
            if ' ' in record.kind
            else (f'is a {record.kind} tensor; {advice}')
        )
    if not isinstance(record.storage, StorageRecord):
        name = getattr(record.storage, 'name', type(record.storage).__name__)
        return f'keeps its numbers in {name}, and nothing in a file is run here'
    try:
        return why_not_type(_dtype(record))
    except ValueError:
        return f'keeps its numbers in {record.storage.type_name}, which is no storage of torch'


def why_not_type(dtype: torch.dtype) -> str:
    """Say why an element type cannot be that of weights; empty if nothing speaks against it."""
    if dtype in (*_FLOATS, *_WHOLE):
        return ''
    name = str(dtype).removeprefix('torch.')
    if dtype.is_complex:
        return f'is {name}: no network here has complex weights'
    return (
        f'is {name}: quantised weights, which mean nothing without their scales; '
        f'{_WHAT_TO_DO["quantised"]}'
    )


def _dtype(record: TensorRecord) -> torch.dtype:
    if record.dtype_name:
        return _DTYPES.get(record.dtype_name, torch.qint8)
    return element_type(record.storage.type_name)


class TensorReader:
    """Reads the tensors of one file; storages that several share are read once.

    Args:
        path: The file, for messages.
        read: Reads the bytes of a storage.
    """

    def __init__(self, path: Path, read: Callable[[StorageRecord], bytes]) -> None:
        self._path = path
        self._read = read
        self._flat: dict[tuple[str, torch.dtype], Tensor] = {}

    def tensor(self, key: str, record: TensorRecord) -> Tensor:
        """Return the tensor of a record for which ``why_not`` has nothing to say.

        Raises:
            CheckpointError: If the record reaches beyond its storage, or the storage is cut off.
        """
        flat = self._storage(key, record)
        size, stride, offset = record.size, record.stride, record.offset
        numbers = (*_numbers(size), *_numbers(stride), offset)
        if any(not isinstance(n, int) or n < 0 for n in numbers) or len(size) != len(stride):
            raise self._broken(key, f'shape {size!r}, stride {stride!r}, offset {offset!r}')
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if 0 not in size and last >= flat.numel():
            raise self._broken(key, f'it needs {last + 1} numbers of {flat.numel()}')
        count = 1
        for number in size:
            count *= number
        if count > max(flat.numel(), 1 << 20):  # stride 0: a few numbers repeated without end
            raise self._broken(key, f'{count} numbers are made of {flat.numel()}')
        return flat.as_strided(tuple(size), tuple(stride), offset).contiguous()

    def _storage(self, key: str, record: TensorRecord) -> Tensor:
        storage, dtype = record.storage, _dtype(record)
        cached = (storage.key, dtype)
        if cached not in self._flat:
            try:
                content = bytearray(self._read(storage))
            except CheckpointError:
                raise
            except Exception as error:  # zipfile and zlib raise many types for a broken file
                raise self._broken(key, f'{type(error).__name__}: {error}') from error
            expected = storage.numel * element_type(storage.type_name).itemsize
            if len(content) != expected:
                raise self._broken(key, f'{len(content)} bytes are there of {expected}')
            whole = len(content) // dtype.itemsize
            self._flat[cached] = (
                torch.frombuffer(content, dtype=dtype, count=whole)
                if whole
                else torch.empty(0, dtype=dtype)
            )
        flat = self._flat[cached]
        if record.dtype_name:  # its storage is untyped: a view of it is too
            return flat
        return flat[storage.start : storage.start + storage.length]

    def _broken(self, key: str, what: str) -> CheckpointError:
        return CheckpointError(
            f"'{self._path}' is damaged or cut off (tensor {key}: {what}); copy or download it "
            'again'
        )


def _numbers(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (None,)
