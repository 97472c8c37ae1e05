# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that are written: whether they can be, asked before long work, and in one step."""

from collections.abc import Mapping
import json
import os
from pathlib import Path
import sys
from typing import Any

from rtseg_ros.errors import SettingError


def check_output_file(path: str | Path | None) -> None:
    """Refuse a file that could not be written after the work; changes nothing.

    Args:
        path: As the user gave it; nothing is checked if it is empty or None.

    Raises:
        SettingError: If it is a folder, or its folder is missing or not writable.
    """
    if not path:
        return
    path = Path(path)
    if _exists(path) and path.is_dir():
        raise SettingError(f"'{path}' is a folder; give the path of a file")
    if path.exists() and not os.access(path, os.W_OK):
        raise SettingError(f"'{path}' is not writable; mend its permissions or name another")
    if _is_stream(path):
        return
    if path.is_symlink():
        path = path.resolve()  # what it points at is written
    if not path.parent.is_dir():
        raise SettingError(
            f"'{path}' cannot be written: there is no folder '{path.parent}'; make it first"
        )
    else:
        _check_writable(path.parent)


def check_output_folder(path: str | Path) -> None:
    """Refuse a folder that could not be made or written into; changes nothing.

    Raises:
        SettingError: If it, or the first folder above it that exists, is none or not writable.
    """
    folder = Path(path).absolute()
    while not _exists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise SettingError(f"'{path}' cannot be a folder: '{folder}' is a file; choose another")
    _check_writable(folder)


def write_json(path: str | Path | None, document: Any) -> None:
    """Write figures for machines, whole or not at all; a stream gets them as they are.

    Args:
        path: As the user gave it; nothing is written if it is empty or None.
        document: Plain types.

    Raises:
        OSError: If it cannot be written, with its path; a file is then as it was before.
    """
    if path:
        write_text(path, json.dumps(document, indent=2) + '\n')


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; a stream gets it as it is.

    Raises:
        OSError: If it cannot be written, with its path; a file is then as it was before.
    """
    replace_files({Path(path): text.encode()})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files so that a failure at any moment leaves each the old one or the whole new one.

    What is no file, as /dev/stdout, a pipe or a terminal, is written into, after the files.

    Args:
        contents: The files in the order in which they appear.

    Raises:
        OSError: If one cannot be written, with its path; nothing new is left then.
    """
    streams = [path for path in contents if _is_stream(path)]
    # A link stays one: what it points at is replaced.
    targets = {path: path.resolve() for path in contents if path not in streams}
    waiting = {path: waiting_path(target) for path, target in targets.items()}
    try:
        for path, temporary in waiting.items():
            with temporary.open('wb') as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())  # a robot is switched off, not shut down
        for path, temporary in waiting.items():
            os.replace(temporary, targets[path])
        for path in streams:
            _write_stream(path, contents[path])
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        for temporary in waiting.values():
            temporary.unlink(missing_ok=True)


def waiting_path(path: Path) -> Path:
    """Return the hidden name under which a file is written until it is whole; same suffix."""
    return path.with_name(f'.{path.stem}.{os.getpid()}.tmp{path.suffix}')


def _is_stream(path: Path) -> bool:
    return _own_stream(path) is not None or (path.exists() and not path.is_file())


def _own_stream(path: Path) -> int | None:
    """Return the number of the open file that a name like /dev/stdout stands for."""
    for _ in range(3):  # /dev/stdout -> /proc/self/fd/1
        number = path.name
        if number.isdecimal() and path.parent.resolve() == Path(f'/proc/{os.getpid()}/fd'):
            return int(number)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _write_stream(path: Path, content: bytes) -> None:
    """Write where the stream stands: opened anew, a redirected one would start from the top."""
    number = _own_stream(path)
    if number in (1, 2):
        (sys.stdout if number == 1 else sys.stderr).flush()  # what was said before comes first
    with path.open('wb') if number is None else os.fdopen(os.dup(number), 'wb') as file:
        file.write(content)


def _exists(path: Path) -> bool:
    """Tell whether there is such a file or folder.

    Raises:
        SettingError: If its name is one that there cannot be.
    """
    try:
        return path.exists()
    except OSError as error:
        raise SettingError(
            f"'{path}' cannot be looked at: {error.strerror}; choose another"
        ) from error


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingError(
            f"the folder '{folder}' is not writable; mend its permissions or choose another"
        )
