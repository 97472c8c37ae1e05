# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ultralytics: what its exporter writes into a model's own metadata."""

import ast
from collections.abc import Mapping
from pathlib import Path

from rtseg_ros.runtime.foreign.sidecar import (
    Normalisation,
    Sidecar,
    SidecarError,
    label_set,
    size_of,
)

_WHERE = 'the metadata of Ultralytics'
_LONGEST = 1_000_000
_TASKS = {
    'detect': 'boxes', 'segment': 'boxes and a mask for each object', 'pose': 'key points',
    'obb': 'turned boxes', 'classify': 'one class for the whole image', 'depth': 'distances',
}  # fmt: skip


def read_ultralytics(path: Path, properties: Mapping[str, str]) -> Sidecar | None:
    """Return what Ultralytics wrote into a model; None if it is of somebody else.

    Raises:
        SidecarError: If it cannot be read.
    """
    if not {'names', 'stride', 'task'} <= properties.keys():
        return None
    task = properties['task']
    refusal = ''
    if task != 'semantic':
        refusal = (
            f"its metadata say task '{task}': it gives {_TASKS.get(task, 'something else')}, and "
            'here only semantic segmentation runs; export a model of the task semantic'
        )
    names = _literal(properties['names'], 'names')
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
        raise SidecarError(f'names in {_WHERE} do not number the classes from 0')
    ordered = [names[index] for index in range(len(names))]
    if len(ordered) == 1:  # its output is 1 where the one class is
        ordered = ['background', *ordered]
    size = _literal(properties.get('imgsz', 'None'), 'imgsz')
    return Sidecar(
        program='Ultralytics',
        labels=label_set(ordered, f'names in {_WHERE}') if not refusal else None,
        labels_from=_WHERE,
        # Always: its own predictor divides RGB by 255 and does no more.
        normalisation=Normalisation('rgb', (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
        normalisation_from=f'{_WHERE}: RGB / 255',
        size_hw=size_of(*size) if isinstance(size, list) and len(size) == 2 else None,
        licence=properties.get('license', ''),
        refusal=refusal,
        notes=(
            'Ultralytics keeps the aspect ratio and pads; here frames are resized to the whole '
            'size: export at the aspect ratio of your camera',
        ),
    )


def _literal(text: str, what: str) -> object:
    """Read a Python literal; nothing else is evaluated."""
    if len(text) > _LONGEST:
        raise SidecarError(f'{what} in {_WHERE} has {len(text)} characters')
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise SidecarError(f'{what} in {_WHERE} cannot be read ({error})') from error
