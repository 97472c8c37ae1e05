# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Unpickle without importing, calling or changing anything that the file names.

torch's own ``weights_only`` refuses a file as soon as it names something else than torch; most
training loops write such things beside the weights. Here every name becomes an inert record, and
what the pickle then calls, fills or sets is that record. Tensors too are records: their bytes are
read later, and only where they are wanted.
"""

import io
import pickle
import pickletools
from typing import Any, BinaryIO

from rtseg_ros.conversion.checkpoints.inert import KNOWN, Inert, StorageRecord


class SafeUnpickler(pickle.Unpickler):
    """Reads one pickle of a torch file into plain Python types and inert records.

    Args:
        file: Where the pickle starts.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Look through the pickle.

        Raises:
            ValueError: If it breaks off, or wants more memory than it has bytes.
        """
        _check_sizes(file)
        # Strings of Python 2 may be bytes in disguise: they must not stop the reading.
        super().__init__(file, encoding='utf-8', errors='surrogateescape')
        self._stand_ins: dict[str, type[Any]] = {}
        self.storages: dict[str, StorageRecord] = {}

    def find_class(self, module: str, name: str) -> type[Any]:
        """Return a record class for a name; nothing is imported.

        A class of its own for each name and file, so that no file can leave a trace in another.
        """
        full = f'{module}.{name}'
        if full not in self._stand_ins:
            base = KNOWN.get(full, Inert)
            self._stand_ins[full] = type(base.__name__, (base,), {'__slots__': (), 'name': full})
        return self._stand_ins[full]

    def persistent_load(self, pid: Any) -> Any:
        """Return a record for what torch keeps outside the pickle: storages, and old modules."""
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == 'module':
            return pid[1]  # the class of a module, with its source text: as good as its name
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != 'storage':
            return self.find_class('persistent', 'id')()
        kind, key, numel = getattr(pid[1], 'name', ''), str(pid[2]), pid[4]
        view = pid[5] if len(pid) > 5 and pid[5] is not None else (key, 0, numel)
        if not isinstance(view, tuple) or len(view) != 3:
            return self.find_class('persistent', 'id')()
        _, start, length = view
        if not all(isinstance(number, int) for number in (numel, start, length)):
            return self.find_class('persistent', 'id')()
        record = StorageRecord(key, kind, numel, start, length)
        self.storages.setdefault(key, record)
        return record


class _Rest(io.RawIOBase):
    """What is left of a file, of which no more is ever asked for than there is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        here = file.tell()
        self.end = file.seek(0, io.SEEK_END)
        file.seek(here)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line."""
        return self._file.readline(-1 if size is None else size)

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes, or what is left."""
        left = self.end - self.tell()
        return self._file.read(left if size < 0 else min(size, left))


def _check_sizes(file: BinaryIO) -> None:
    """Refuse a pickle that wants more memory than it has bytes; leaves the file where it was.

    Unpickling makes room for every announced length and number before it looks what is there.

    Raises:
        ValueError: If it does, or breaks off.
    """
    start, rest = file.tell(), _Rest(file)
    for operation, argument, place in pickletools.genops(rest):  # type: ignore[arg-type]
        # Objects are numbered as they come, and each has a byte or more.
        numbered = operation.name in ('PUT', 'LONG_BINPUT')
        if numbered and int(argument or 0) > (place or start) - start:
            raise ValueError(f'truncated or damaged: it numbers an object {argument}')
        if operation.name == 'FRAME' and int(argument or 0) > rest.end - rest.tell():
            raise ValueError(f'truncated: it announces {argument} bytes')
    file.seek(start)
