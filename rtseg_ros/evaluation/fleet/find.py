# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which bags are meant: globs, folders, and text files of paths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import glob
import os
from pathlib import Path
from typing import NoReturn

from rtseg_ros.errors import EvaluationError
from rtseg_ros.frames.bags.storage import METADATA, SUFFIXES

LIST_SUFFIX = '.txt'


@dataclass(frozen=True)
class FoundBag:
    """A bag of a fleet.

    Attributes:
        name: Its path below the folder that all bags have in common; no two have the same.
        path: Absolute.
    """

    name: str
    path: Path


def find_bags(patterns: Sequence[str]) -> list[FoundBag]:
    """Return the bags that patterns mean, each once, in the order of their names.

    Args:
        patterns: Globs (``**`` crosses folders), bags, folders that hold bags at any depth, or
            ``.txt`` files with a path on each line, relative to the file. A line whose bag is
            not there is kept: reading it will say so.

    Raises:
        EvaluationError: If a pattern matches no bag, or a folder cannot be read.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        found = [_absolute(path) for path in _matches(pattern)]
        if not found:
            raise EvaluationError(
                f"no bag matches '{pattern}'; give a glob in quotes ('fleet/**'), a folder, bags "
                f'(folders with {METADATA}, or files {", ".join(SUFFIXES)}), or a .txt with paths'
            )
        paths |= dict.fromkeys(found)
    if len(paths) == 1:
        only = next(iter(paths))
        return [FoundBag(only.name, only)]
    common = os.path.commonpath([path.parent for path in paths])
    return sorted(
        (FoundBag(path.relative_to(common).as_posix(), path) for path in paths),
        key=lambda bag: bag.name,
    )


def is_bag(path: Path) -> bool:
    """Tell whether a path looks like a bag: a folder with metadata, or a storage file."""
    if path.is_dir():
        return (path / METADATA).is_file()
    return path.name.endswith(SUFFIXES)


def _matches(pattern: str) -> Iterator[Path]:
    if glob.has_magic(pattern) and not os.path.exists(pattern):
        for match in sorted(glob.glob(pattern, recursive=True)):
            path = Path(match)
            if path.is_dir() and not is_bag(path):
                yield from _below(path)
            elif is_bag(path):
                # A file in a recorded folder means that whole bag.
                yield path.parent if path.is_file() and is_bag(path.parent) else path
        return
    path = Path(pattern)
    if path.suffix == LIST_SUFFIX and path.is_file():
        yield from _listed(path)
    elif path.name == METADATA:
        yield path.parent
    elif path.is_dir() and not is_bag(path):
        yield from _below(path)
    elif path.exists():
        yield path


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder, onerror=_unreadable):
        if METADATA in files:
            yield Path(here)
            folders.clear()
            continue
        folders.sort()
        yield from (Path(here) / name for name in sorted(files) if is_bag(Path(here) / name))


def _listed(path: Path) -> Iterator[Path]:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"the list of bags '{path}' cannot be read: {error}") from error
    for line in lines:
        if line.strip() and not line.startswith('#'):
            yield path.parent / line.strip()


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _unreadable(error: OSError) -> NoReturn:
    raise EvaluationError(
        f"folder '{error.filename}' cannot be read: {error.strerror}; mend its permissions, or "
        'name the bags without it'
    ) from error
