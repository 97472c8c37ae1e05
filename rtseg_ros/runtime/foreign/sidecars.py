# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All that lies beside a model, of whatever program, as one answer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rtseg_ros.runtime.foreign.huggingface import read_huggingface
from rtseg_ros.runtime.foreign.mmdeploy import read_mmdeploy
from rtseg_ros.runtime.foreign.sidecar import Reader, Sidecar, SidecarError
from rtseg_ros.runtime.foreign.ultralytics import read_ultralytics

_READERS: tuple[Reader, ...] = (read_ultralytics, read_mmdeploy, read_huggingface)


def find_sidecar(path: Path, properties: Mapping[str, str]) -> Sidecar:
    """Return what is said of a model outside of its graph; empty if nothing is.

    The first program that says something is believed: what a file carries itself before what
    lies beside it. What cannot be read is told in the notes and used for nothing.

    Args:
        path: Of the .onnx file.
        properties: Its metadata.
    """
    found: list[Sidecar] = []
    damaged: list[str] = []
    for read in _READERS:
        try:
            sidecar = read(path, properties)
        except SidecarError as error:
            damaged.append(f'not used: {error}')
            continue
        if sidecar is not None:
            found.append(sidecar)
    if not found:
        return Sidecar('', notes=tuple(damaged))
    first = found[0]
    others = [
        f'{first.program} is believed before {other.program}, which is there too'
        for other in found[1:]
    ]
    for other in found[1:]:
        if first.labels is None and other.labels is not None:
            first = replace(first, labels=other.labels, labels_from=other.labels_from)
        if first.normalisation is None and other.normalisation is not None:
            first = replace(
                first,
                normalisation=other.normalisation,
                normalisation_from=other.normalisation_from,
            )
    return replace(first, notes=(*first.notes, *others, *damaged))
