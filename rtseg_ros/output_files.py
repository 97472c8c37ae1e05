"""Files that are written: whether they can be, asked before long work, and in one step."""

from collections.abc import Mapping
import os
from pathlib import Path

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
    if path.is_dir():
        raise SettingError(f"'{path}' is a folder; give the path of a file")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise SettingError(f"'{path}' is not writable; mend its permissions or name another")
    elif not path.parent.is_dir():
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
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise SettingError(f"'{path}' cannot be a folder: '{folder}' is a file; choose another")
    _check_writable(folder)


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files so that a failure at any moment leaves each the old one or the whole new one.

    Args:
        contents: The files in the order in which they appear.

    Raises:
        OSError: If one cannot be written, with its path; nothing new is left then.
    """
    waiting = {path: path.with_name(f'.{path.name}.{os.getpid()}.tmp') for path in contents}
    try:
        for path, temporary in waiting.items():
            with temporary.open('wb') as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())  # a robot is switched off, not shut down
        for path, temporary in waiting.items():
            os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        for temporary in waiting.values():
            temporary.unlink(missing_ok=True)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingError(
            f"the folder '{folder}' is not writable; mend its permissions or choose another"
        )
