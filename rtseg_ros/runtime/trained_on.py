# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which frames trained a model: what its file says, so that no figure is measured on them."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
import hashlib
from pathlib import Path
from typing import Any

_BYTES = 6  # of a frame's hash: two of a million frames are alike with a chance of 0.2 %
_MOST_DRIVES = 100  # more are no drives, but names that count


@dataclass(frozen=True)
class TrainedOn:
    """Frames that a run learned from.

    Attributes:
        data: Data set and split, e.g. ``camvid/train without 0006R0``.
        licence: Terms of the data; empty if not known.
        drives: Frames per drive, which is what stands before the first ``_`` of a frame's name.
        frames: Base64 of 6 bytes per frame, the starts of the sorted sha256 of the image files.
    """

    data: str
    licence: str = ''
    drives: Mapping[str, int] = field(default_factory=dict)
    frames: str = ''

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for a file's metadata."""
        return {**asdict(self), 'drives': dict(self.drives)}

    def text(self) -> str:
        """Say it in a few words."""
        drives = ', '.join(f'{name} {count}' for name, count in self.drives.items())
        return f'{self.data}{f" ({drives})" if drives else ""}'


def trained_on(data: str, image_paths: Sequence[Path], *, licence: str = '') -> TrainedOn:
    """Read the image files of a training split and return what a model will say of them."""
    drives = Counter(path.stem.partition('_')[0] for path in image_paths if '_' in path.stem)
    return TrainedOn(
        data,
        licence,
        dict(sorted(drives.items())) if len(drives) <= _MOST_DRIVES else {},
        base64.b64encode(b''.join(sorted(frame_hashes(image_paths)))).decode(),
    )


def trained_on_from_dict(document: Mapping[str, Any]) -> TrainedOn:
    """Return what ``TrainedOn.to_dict`` wrote.

    Raises:
        KeyError, TypeError, ValueError: If the document is not of that form.
    """
    drives = {str(name): int(count) for name, count in dict(document['drives']).items()}
    found = TrainedOn(
        str(document['data']), str(document['licence']), drives, str(document['frames'])
    )
    known_frames([found])
    return found


def frame_hashes(image_paths: Iterable[Path]) -> set[bytes]:
    """Return the start of the sha256 of each file."""
    return {hashlib.sha256(path.read_bytes()).digest()[:_BYTES] for path in image_paths}


def known_frames(records: Iterable[TrainedOn]) -> set[bytes]:
    """Return the hashes of all frames that the records list.

    Raises:
        ValueError: If a record holds no whole hashes.
    """
    found: set[bytes] = set()
    for record in records:
        joined = base64.b64decode(record.frames, validate=True)
        if len(joined) % _BYTES:
            raise ValueError(f'{len(joined)} bytes of frame hashes are no multiple of {_BYTES}')
        found |= {joined[i : i + _BYTES] for i in range(0, len(joined), _BYTES)}
    return found


def joined_licences(records: Iterable[TrainedOn]) -> str:
    """Return the terms of all data that trained a model, each once; empty if none is known."""
    return '; '.join(dict.fromkeys(record.licence for record in records if record.licence))
