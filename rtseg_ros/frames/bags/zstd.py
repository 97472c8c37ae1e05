# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The Zstandard module, by whichever name this Python has it."""

import importlib
from pathlib import Path
import shutil
from typing import Any

MAGIC = b'\x28\xb5\x2f\xfd'
# Of the standard library since Python 3.14; before, the backport that rosbags installs.
_MODULES = ('compression.zstd', 'backports.zstd')


def zstd() -> Any:
    """Return the module.

    Raises:
        ModuleNotFoundError: If there is none.
    """
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError('no Zstandard module', name=_MODULES[-1])


def decompress_file(path: Path, target: Path) -> str:
    """Decompress a file as far as it goes; return why it ended early, or nothing."""
    module = zstd()
    with path.open('rb') as packed, target.open('wb') as file:
        try:
            with module.open(packed, 'rb') as data:
                shutil.copyfileobj(data, file)
        except (EOFError, module.ZstdError) as error:
            return str(error)
    return ''
