# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A bag out of a data set, an image folder or a video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bag_options import START_S
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.datasets import load_dataset
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.labels import LabelSet
from rtseg_ros.progress import Counted

DATASET_RATE_HZ = 10.0


@dataclass(frozen=True)
class BagSettings:
    """What to put into a bag, and how.

    Attributes:
        output: Folder of the bag, which must not be there yet.
        dataset: Name or label-set YAML of a data set, which comes with its labels; else empty.
        root: Folder of the data set.
        split: Of the data set.
        footage: Image folder or video; empty with a data set.
        storage: ``mcap`` or ``sqlite3``.
        image_format: ``raw``, ``jpeg`` or ``png``; labels are raw.
        camera: Namespace of the topics.
        frame_id: Of the headers.
        rate_hz: Frames per second; 0 for the video's own, else 10.
        start_s: First stamp in seconds.
        limit: Stop after so many frames; 0 for all.
    """

    output: str | Path
    dataset: str = ''
    root: str = ''
    split: str = 'val'
    footage: str = ''
    storage: str = 'mcap'
    image_format: str = 'raw'
    camera: str = '/camera'
    frame_id: str = 'camera'
    rate_hz: float = 0.0
    start_s: float = START_S
    limit: int = 0


@dataclass(frozen=True)
class MadeBag:
    """What was written.

    Attributes:
        count: Number of frames.
        problems: What could not be read and was left out, one line each.
    """

    count: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Material:
    """Frames with their labels, if they have any.

    Attributes:
        rate_hz: Their own rate.
        labels: What the labels mean; None without labels.
        pairs: Frames and labels.
        total: How many; 0 if that is not known.
        problems: Filled while the frames are read.
    """

    rate_hz: float
    labels: LabelSet | None
    pairs: Iterator[tuple[np.ndarray, np.ndarray | None]]
    total: int
    problems: list[str]


def make_bag(settings: BagSettings, *, progress: Counted) -> MadeBag:
    """Write every frame; what cannot be read is left out and named.

    Args:
        settings: What, and how.
        progress: Told how many frames are written of how many, None if that is not known.

    Raises:
        BagError: If there is nothing to write, or the bag is there already.
    """
    material = _open(settings)
    rate_hz = settings.rate_hz or material.rate_hz
    if rate_hz <= 0:
        raise BagError(f'the rate is {rate_hz}; it must be above 0 frames per second')
    known = [number for number in (material.total, settings.limit) if number]
    total = min(known) if known else None
    writer = BagWriter(
        settings.output,
        camera=settings.camera,
        frame_id=settings.frame_id,
        storage=settings.storage,
        image_format=settings.image_format,
        labels=material.labels,
    )
    with writer:
        for index, (frame, truth) in enumerate(material.pairs):
            if settings.limit and index == settings.limit:
                break
            writer.write(frame, round((settings.start_s + index / rate_hz) * 1e9), truth)
            progress(index + 1, total)
        if not writer.count:
            raise BagError('there are no frames to write')
    return MadeBag(writer.count, tuple(material.problems))


def _open(settings: BagSettings) -> _Material:
    if settings.dataset:
        if not settings.root:
            raise BagError('--dataset needs --root, the folder of the data set')
        dataset = load_dataset(settings.dataset, settings.root, settings.split)
        pairs = ((dataset.frame(i), dataset.labels(i)) for i in range(len(dataset)))
        return _Material(DATASET_RATE_HZ, dataset.label_set, pairs, len(dataset), [])
    footage = open_footage(settings.footage)
    frames = ((shot.frame, None) for shot in footage)
    return _Material(footage.rate_hz, None, frames, footage.total, footage.problems)
