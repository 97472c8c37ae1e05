# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames to calibrate and to compare on: an image folder, a data-set split, a bag, or made up."""

from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import ConversionError, FrameError
from rtseg_ros.frames.datasets.dataset import IMAGE_SUFFIXES
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.frames.sources import DatasetSource, Item, Source
from rtseg_ros.labels import LabelSet


def read_items(path: str | Path, *, limit: int, labels: LabelSet) -> list[Item]:
    """Choose frames, spread evenly, with ground truth where the source has it.

    Args:
        path: Folder of images; folder with ``images`` and ``labels`` in it, whose label images
            hold class ids of the label set; or a ROS 2 bag.
        limit: Most frames to choose.
        labels: The classes of the model; ground truth of other classes is left out.

    Raises:
        ConversionError: If the path is none of these, holds no frames, or is a bag and there is
            nothing to read it with.
        BagError: If the bag is damaged or has several cameras.
        DatasetError: If an image has no label file.
    """
    path = Path(path)
    if path.suffix in ('.mcap', '.db3') or (path / 'metadata.yaml').is_file():
        return _bag_items(path, limit, labels)
    if (path / 'images').is_dir() and (path / 'labels').is_dir():
        return _spread(DatasetSource(load_folder(path.parent, path.name, label_set=labels)), limit)
    folder = path / 'images' if (path / 'images').is_dir() else path
    if not folder.is_dir():
        raise ConversionError(
            f"'{path}' is not there; give a folder of images, a folder with images and labels in "
            'it, or a ROS 2 bag'
        )
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise ConversionError(
            f"'{folder}' holds no images ({', '.join(IMAGE_SUFFIXES)}) and is not a bag"
        )
    return [_item_from_file(files[i]) for i in _spread_indices(len(files), limit)]


def source_name(path: str | Path) -> str:
    """Return the last two parts of a path, to record where frames came from, e.g. camvid/val."""
    return '/'.join(Path(path).absolute().parts[-2:])


def made_items(size_hw: tuple[int, int], count: int) -> list[Item]:
    """Make street-like frames: sky, road, boxes and texture; the same ones each time."""
    return [
        Item(
            f'made {index}',
            None,
            False,
            lambda index=index: _made_frame(size_hw, index),  # type: ignore[misc]
            lambda: None,
            lambda: None,
        )
        for index in range(count)
    ]


def _bag_items(path: Path, limit: int, labels: LabelSet) -> list[Item]:
    try:
        # Imported here: only bags need rosbags.
        from rtseg_ros.frames.bag_source import BagSource
    except ModuleNotFoundError as error:
        if (error.name or '').split('.')[0] != 'rosbags':
            raise
        raise ConversionError(
            f"'{path}' is a bag, and the Python package rosbags, which reads it, is not "
            'installed: pip install rosbags, or give a folder of images'
        ) from error
    source = BagSource(path)
    items = _spread(source, limit)
    if source.labels is not None and source.labels.names != labels.names:
        return [_without_truth(item) for item in items]
    return items


def _spread(source: Source, limit: int) -> list[Item]:
    chosen = set(_spread_indices(len(source), limit))
    items = [item for index, item in enumerate(source) if index in chosen]
    if not items:
        raise ConversionError(f'no frames in {source.facts()["name"]}')
    return items


def _spread_indices(count: int, limit: int) -> list[int]:
    number = min(count, limit)
    return [i * count // number for i in range(number)]


def _without_truth(item: Item) -> Item:
    return Item(item.name, item.stamp_ns, item.continues, item.frame, lambda: None, lambda: None)


def _item_from_file(path: Path) -> Item:
    def read() -> np.ndarray:
        frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if frame is None:
            raise FrameError(f'{path} is not a readable image')
        return frame

    return Item(path.stem, None, False, read, lambda: None, lambda: None)


def _made_frame(size_hw: tuple[int, int], seed: int) -> np.ndarray:
    """Draw (H, W, 3) uint8 BGR."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    rows = np.linspace(0, 1, height)[:, None, None]
    sky, ground = rng.uniform(120, 255, 3), rng.uniform(40, 130, 3)
    picture = np.broadcast_to(sky * (1 - rows) + ground * rows, (height, width, 3)).copy()
    horizon = int(height * rng.uniform(0.35, 0.55))
    road = np.array(
        [
            (width * rng.uniform(0.4, 0.6), horizon),
            (width * rng.uniform(0.8, 1.3), height),
            (width * rng.uniform(-0.3, 0.2), height),
        ]
    )
    cv2.fillPoly(picture, [road.astype(np.int32)], rng.uniform(60, 110, 3).tolist())
    for _ in range(12):
        size = rng.uniform(0.03, 0.3, 2) * (width, height)
        corner = (rng.uniform(-0.1, 1) * width, horizon + rng.normal(-0.1, 0.15) * height)
        end = (int(corner[0] + size[0]), int(corner[1] + size[1]))
        start = (int(corner[0]), int(corner[1]))
        cv2.rectangle(picture, start, end, rng.uniform(0, 255, 3).tolist(), -1)
    for octave in (4, 16, 64):
        grid = rng.normal(0, 12, (max(2, height // octave), max(2, width // octave), 3))
        picture += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)
