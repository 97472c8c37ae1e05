# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the result of a bag depends on: if none of it changed, it need not be made again."""

from collections.abc import Iterator
import hashlib
from pathlib import Path

from rtseg_ros.errors import BagError

_MIB = 1 << 20


def content_key(path: Path, *, whole: bool = False) -> str:
    """Return a SHA-256 over the names, sizes and contents of a bag's files.

    Args:
        path: Folder or file.
        whole: Whether to read everything, instead of the first and the last MiB of each file.

    Raises:
        BagError: If there is no such bag, or a file cannot be read.
    """
    key = hashlib.sha256()
    try:
        for file in _files(path):
            size = file.stat().st_size
            key.update(f'{file.name}\0{size}\0'.encode())
            with file.open('rb') as stream:
                if whole:
                    while block := stream.read(_MIB):
                        key.update(block)
                else:
                    key.update(stream.read(_MIB))
                    stream.seek(max(size - _MIB, 0))
                    key.update(stream.read(_MIB))
    except OSError as error:
        raise BagError(f"bag '{path}' cannot be read: {error.strerror or error}") from error
    return key.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():  # also a pipe, which would be waited for
        raise BagError(f"'{path}' is neither a file nor a folder; give the path of a bag")
    yield from sorted(file for file in path.iterdir() if file.is_file())
