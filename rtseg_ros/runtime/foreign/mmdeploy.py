# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""mmdeploy and mmengine: ``pipeline.json``, ``deploy.json`` and the data set's meta information.

mmdeploy writes no class names for segmentation; mmengine keeps them in the checkpoint under
``meta.dataset_meta``, from where they can be written into ``metainfo.json``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtseg_ros.runtime.foreign.sidecar import (
    Normalisation,
    Sidecar,
    SidecarError,
    label_set,
    read_json,
    size_of,
    triple,
)

_PIPELINE, _DEPLOY = 'pipeline.json', 'deploy.json'
_META = ('metainfo.json', 'dataset_meta.json', 'detail.json', _DEPLOY)


def read_mmdeploy(path: Path, properties: Mapping[str, str]) -> Sidecar | None:
    """Return what mmdeploy's files beside a model say; None without them.

    Raises:
        SidecarError: If they are damaged.
    """
    folder = path.parent
    pipeline, deploy = read_json(folder / _PIPELINE), read_json(folder / _DEPLOY)
    if pipeline is not None and not isinstance(pipeline.get('pipeline'), dict):
        pipeline = None  # of another program
    labels, labels_from = None, ''
    for name in _META:
        meta = _meta(read_json(folder / name))
        if meta:
            labels_from = name
            labels = label_set(meta['classes'], f'classes in {name}', palette=meta.get('palette'))
            break
    if pipeline is None and labels is None:
        return None
    steps = [] if pipeline is None else _steps(pipeline['pipeline'])
    task = str((deploy or {}).get('task', 'Segmentor'))
    refusal = ''
    if task != 'Segmentor':
        refusal = f'{_DEPLOY} says that it is a {task}; here only semantic segmentation runs'
    return Sidecar(
        program='mmdeploy',
        labels=labels,
        labels_from=labels_from,
        normalisation=_normalisation(steps),
        normalisation_from=_PIPELINE,
        size_hw=_size(steps),
        refusal=refusal,
        notes=_notes(steps),
    )


def _meta(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Find classes and palette: at the top or under the names that mmengine gives them."""
    if data is None:
        return None
    for name in ('', 'dataset_meta', 'metainfo', 'meta'):
        inner = data.get(name) if name else data
        if isinstance(inner, dict):
            lower = {str(key).lower(): value for key, value in inner.items()}
            if isinstance(lower.get('classes'), list | tuple):
                return lower
            if name == 'meta' and isinstance(lower.get('dataset_meta'), dict):
                return _meta(lower['dataset_meta'])
    return None


def _steps(pipeline: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tasks = pipeline.get('tasks')
    for task in tasks if isinstance(tasks, list) else []:
        if isinstance(task, dict) and isinstance(task.get('transforms'), list):
            return [step for step in task['transforms'] if isinstance(step, dict)]
    raise SidecarError(f'{_PIPELINE} has no task with transforms')


def _step(steps: list[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    return next((step for step in steps if step.get('type') == kind), None)


def _normalisation(steps: list[Mapping[str, Any]]) -> Normalisation | None:
    """Translate ``Normalize``; its statistics are on 0..255, in the order behind ``to_rgb``."""
    step = _step(steps, 'Normalize')
    if step is None:
        return None
    return Normalisation(
        'rgb' if step.get('to_rgb', True) else 'bgr',
        triple(step.get('mean'), f'mean in {_PIPELINE}'),
        triple(step.get('std'), f'std in {_PIPELINE}'),
    )


def _size(steps: list[Mapping[str, Any]]) -> tuple[int, int] | None:
    size = (_step(steps, 'Resize') or {}).get('size')
    # mmcv writes width before height.
    if isinstance(size, list) and len(size) == 2:
        return size_of(size[1], size[0])
    return None


def _notes(steps: list[Mapping[str, Any]]) -> tuple[str, ...]:
    step = _step(steps, 'Resize')
    if step is not None and step.get('keep_ratio'):
        return (f'{_PIPELINE} keeps the aspect ratio; here frames are resized to the whole size',)
    return ()
