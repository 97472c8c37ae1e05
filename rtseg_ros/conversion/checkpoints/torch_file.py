# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read a file of torch.save, new (zip) and old, through the safe unpickler."""

from collections.abc import Callable
from dataclasses import dataclass
import io
import os
from pathlib import Path
import pickle
import struct
from typing import Any
import zipfile

from rtseg_ros.conversion.checkpoints.inert import StorageRecord
from rtseg_ros.conversion.checkpoints.safe_unpickler import SafeUnpickler
from rtseg_ros.conversion.checkpoints.tensors import element_type
from rtseg_ros.errors import CheckpointError

# The first thing in an old file of torch.save.
_MAGIC = 0x1950A86A20F9469CFC6C
SAVE_AGAIN = (
    'load it where it was made and save the weights alone: torch.save(model.state_dict(), path)'
)
# From a storage to its bytes.
Bytes = Callable[[StorageRecord], bytes]


@dataclass(frozen=True)
class TorchContent:
    """What a file holds.

    Attributes:
        value: Plain types and inert records.
        read: Reads the bytes of a storage; those of the whole storage, also for a view of it.
    """

    value: Any
    read: Bytes


def read_torch_file(path: Path) -> TorchContent:
    """Read the pickle of a torch file; the tensors stay where they are.

    Raises:
        CheckpointError: If it is damaged, or not such a file.
    """
    with path.open('rb') as file:
        zipped = file.read(4) == b'PK\x03\x04'
    try:
        return _zip_file(path) if zipped else _old_file(path)
    except CheckpointError:
        raise
    except (EOFError, zipfile.BadZipFile, struct.error) as error:
        raise damaged(path, error) from error
    except Exception as error:  # a pickle that is none can fail in any way
        if 'truncated' in str(error) or zipped:
            raise damaged(path, error) from error
        raise CheckpointError(
            f"'{path}' is refused: it is not a file that torch.save writes for weights "
            f'({type(error).__name__}: {error}); {SAVE_AGAIN}'
        ) from error


def damaged(path: Path, why: object) -> CheckpointError:
    """Return the error for a file that is not whole."""
    text = str(why) or type(why).__name__
    return CheckpointError(f"'{path}' is damaged or cut off ({text}); copy or download it again")


def _zip_file(path: Path) -> TorchContent:
    archive = zipfile.ZipFile(path)  # stays open as long as the tensors are to be read
    names = archive.namelist()
    if any(name.endswith('/constants.pkl') for name in names):
        raise CheckpointError(f"'{path}' is a TorchScript program, not weights; {SAVE_AGAIN}")
    pickles = [name for name in names if name.split('/')[1:] == ['data.pkl']]
    if len(pickles) != 1:
        raise _other_zip(path, names)
    folder = pickles[0].split('/')[0]
    order = f'{folder}/byteorder'
    if order in names and _part(archive, order) != b'little':
        raise CheckpointError(
            f"'{path}' was written by a machine of the other byte order; {SAVE_AGAIN} on one like "
            'this, or as safetensors'
        )
    value = SafeUnpickler(io.BytesIO(_part(archive, pickles[0]))).load()
    return TorchContent(value, lambda storage: _part(archive, f'{folder}/data/{storage.key}'))


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a part of a zip; torch compresses nothing, so that no part is larger than the file.

    Raises:
        zipfile.BadZipFile: If one is.
    """
    size, most = archive.getinfo(name).file_size, os.path.getsize(str(archive.filename))
    if size > most:
        raise zipfile.BadZipFile(f'{name} would have {size} bytes, the whole file has {most}')
    return archive.read(name)


def _other_zip(path: Path, names: list[str]) -> CheckpointError:
    inside = [name for name in names if name.endswith(('.pth', '.pt', '.bin', '.safetensors'))]
    if any(name.endswith(('model.json', 'serialized_exported_program.json')) for name in names):
        what = (
            'is a program of torch.export (.pt2), not weights; load it with torch.export.load and '
            'save torch.save(program.state_dict, path), or export it to ONNX'
        )
    elif any(name.endswith('.weights.h5') for name in names):
        what = 'is a Keras model; only weights of torch can be read: export it to ONNX'
    elif inside:
        what = f'is a zip with {", ".join(inside[:3])} in it; unpack it and give that file'
    else:
        what = f'is a zip without torch weights (it has {", ".join(names[:5])})'
    return CheckpointError(f"'{path}' {what}")


def _old_file(path: Path) -> TorchContent:
    with path.open('rb') as file:
        first = SafeUnpickler(file).load()
        if first != _MAGIC:
            return TorchContent(first, _nothing)  # a pickle, but not of torch.save
        SafeUnpickler(file).load()  # protocol version
        machine = SafeUnpickler(file).load()
        if isinstance(machine, dict) and machine.get('little_endian') is False:
            raise CheckpointError(
                f"'{path}' was written by a machine of the other byte order; {SAVE_AGAIN} on one "
                'like this'
            )
        unpickler = SafeUnpickler(file)
        value = unpickler.load()
        keys = SafeUnpickler(file).load()
        places = {}
        for key in map(str, keys):
            (numel,) = struct.unpack('<q', file.read(8))
            storage = unpickler.storages.get(key)
            if storage is None or storage.numel != numel or numel < 0:
                raise damaged(path, f'storage {key} is not of the size that is announced')
            length = numel * element_type(storage.type_name).itemsize
            places[key] = (file.tell(), length)
            file.seek(length, io.SEEK_CUR)
        end = file.tell()
        if file.seek(0, io.SEEK_END) < end:
            raise damaged(path, 'storages are missing at its end')

    def read(storage: StorageRecord) -> bytes:
        if storage.key not in places:
            raise damaged(path, f'storage {storage.key} is missing')
        place, length = places[storage.key]
        with path.open('rb') as file:
            file.seek(place)
            return file.read(length)

    return TorchContent(value, read)


def _nothing(storage: StorageRecord) -> bytes:
    raise pickle.UnpicklingError(f'storage {storage.key} is not in the file')
