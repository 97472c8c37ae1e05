# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Label sets: the names, colours and categories behind the class ids of a label image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import LabelSetError

Color = tuple[int, int, int]
# Where in plain data a value stands, e.g. ('classes', 3, 'color').
Place = tuple[str | int, ...]
# In every mask and ground truth of this package: no class. Nobody's class id, see LabelSet.
UNLABELLED = 255


@dataclass(frozen=True)
class LabelSet:
    """Classes of a segmentation task; the class id is the index into each tuple.

    Attributes:
        name: Short name, e.g. ``camvid``.
        names: One name per class.
        colors: One RGB triple (0..255) per class, as the data set publishes it.
        categories: One category name per class; empty if the set has none.
        ignore_id: Id (0..255, not a class id) that means "no label" in ground truth.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[Color, ...]
    categories: tuple[str, ...] = ()
    ignore_id: int = UNLABELLED

    def __post_init__(self) -> None:
        """Check that the tables fit together.

        Raises:
            LabelSetError: If they do not.
        """
        count = len(self.names)
        if not 1 <= count <= UNLABELLED:
            raise LabelSetError(f'{self.name}: {count} classes; a label image holds 1 to 255')
        if len(set(self.names)) != count:
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise LabelSetError(f'{self.name}: class names must differ; given twice: {twice}')
        if len(self.colors) != count:
            raise LabelSetError(f'{self.name}: {len(self.colors)} colors for {count} classes')
        if self.categories and len(self.categories) != count:
            raise LabelSetError(
                f'{self.name}: {len(self.categories)} categories for {count} classes'
            )
        if not 0 <= self.ignore_id <= 255 or self.ignore_id < count:
            raise LabelSetError(
                f'{self.name}: ignore_id {self.ignore_id} must lie in {count}..255 '
                '(a free id beyond the classes)'
            )

    @property
    def num_classes(self) -> int:
        """Number of classes, the ignore id not counted."""
        return len(self.names)

    def palette_bgr(self) -> np.ndarray:
        """Return a (256, 3) uint8 BGR table; ids without a class are black."""
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = np.array(self.colors, np.uint8)[:, ::-1]
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, as written to YAML and to a model's metadata."""
        return {
            'name': self.name,
            'ignore_id': self.ignore_id,
            'classes': [
                {'name': name, 'color': list(color)}
                | ({'category': self.categories[i]} if self.categories else {})
                for i, (name, color) in enumerate(zip(self.names, self.colors, strict=True))
            ],
        }


CAMVID = LabelSet(
    name='camvid',
    names=(
        'Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree',
        'SignSymbol', 'Fence', 'Car', 'Pedestrian', 'Bicyclist',
    ),
    colors=(
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222),
        (128, 128, 0), (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
    ignore_id=11,
)  # fmt: skip

CITYSCAPES = LabelSet(
    name='cityscapes',
    names=(
        'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign',
        'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train',
        'motorcycle', 'bicycle',
    ),
    colors=(
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
        (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
        (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
        (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
    categories=(
        'flat', 'flat', 'construction', 'construction', 'construction', 'object', 'object',
        'object', 'nature', 'nature', 'sky', 'human', 'human', 'vehicle', 'vehicle', 'vehicle',
        'vehicle', 'vehicle', 'vehicle',
    ),
    ignore_id=UNLABELLED,
)  # fmt: skip

# Cityscapes' full label ids of the 19 evaluated classes, in trainId order.
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

BUILT_IN = {label_set.name: label_set for label_set in (CAMVID, CITYSCAPES)}


def cityscapes_train_ids_from_ids(label_ids: np.ndarray) -> np.ndarray:
    """Map Cityscapes ``labelIds`` to ``labelTrainIds``.

    Args:
        label_ids: (H, W) uint8 of ids 0..33; -1 (licence plate) reads as 255.

    Returns:
        (H, W) uint8 of train ids 0..18, 255 where the class is not evaluated.
    """
    table = np.full(256, CITYSCAPES.ignore_id, np.uint8)
    table[list(CITYSCAPES_IDS)] = np.arange(CITYSCAPES.num_classes)
    return table[label_ids]


def label_set_from_dict(data: Mapping[str, Any], *, source: str) -> LabelSet:
    """Rebuild a label set from ``LabelSet.to_dict()``, e.g. out of a model's metadata.

    Args:
        data: Plain types; checked, for it comes from a file.
        source: Name of the file in messages.

    Raises:
        LabelSetError: If the data are wrong; the message starts with ``source: place:``, a
            place like ``classes[3].color``.
    """

    def mistake(place: Place, message: str) -> LabelSetError:
        steps = ''.join(f'[{step}]' if isinstance(step, int) else f'.{step}' for step in place)
        return LabelSetError(': '.join(filter(None, (source, steps.lstrip('.'), message))))

    return checked_label_set(data, default_name=Path(source).stem, mistake=mistake)


def checked_label_set(
    data: object, *, default_name: str, mistake: Callable[[Place, str], LabelSetError]
) -> LabelSet:
    """Make a label set of plain data that nobody has looked at.

    Args:
        data: What should be a mapping, as ``LabelSet.to_dict()`` makes it.
        default_name: Name of a set that has none.
        mistake: Makes the error to raise, of the place of a wrong value and what is wrong.

    Raises:
        LabelSetError: If the data are wrong.
    """
    top = _mapping(data, (), 'a label set', mistake)
    if 'classes' not in top:
        raise mistake((), "key 'classes' is missing")
    classes = top['classes']
    if not isinstance(classes, list | tuple) or not classes:
        raise mistake(('classes',), "'classes' must be a list of {name, color}")
    names: list[str] = []
    colors: list[Color] = []
    categories: list[str] = []
    for index, item in enumerate(classes):
        place = ('classes', index)
        entry = _mapping(item, place, 'a class', mistake)
        for key in ('name', 'color'):
            if key not in entry:
                raise mistake(place, f"a class needs the key '{key}'")
        name = entry['name']
        if not isinstance(name, str) or not name:
            raise mistake((*place, 'name'), f'class name must be text, got {name!r}')
        if name in names:
            raise mistake((*place, 'name'), f'class name {name!r} is given twice')
        if not is_color(entry['color']):
            raise mistake((*place, 'color'), color_mistake(entry['color']))
        names.append(name)
        colors.append(tuple(entry['color']))
        if 'category' in entry:
            categories.append(str(entry['category']))
    if categories and len(categories) != len(names):
        raise mistake(('classes',), "give 'category' for every class or for none")
    ignore_id = top.get('ignore_id', LabelSet.ignore_id)
    if type(ignore_id) is not int:  # True is one, too
        raise mistake(('ignore_id',), f'ignore_id must be a number, got {ignore_id!r}')
    name = str(top.get('name', '')) or default_name
    try:
        return LabelSet(name, tuple(names), tuple(colors), tuple(categories), ignore_id)
    except LabelSetError as error:
        key = 'ignore_id' if 'ignore_id' in top else 'classes'
        raise mistake((key,), str(error)) from error


def is_color(value: object) -> bool:
    """Whether a value is three whole numbers of 0..255."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(type(channel) is int and 0 <= channel <= 255 for channel in value)
    )


def color_mistake(value: object) -> str:
    """Say what ``is_color`` takes."""
    return f'color must be [r, g, b] of 0..255, got {value!r}'


def _mapping(
    value: object, place: Place, what: str, mistake: Callable[[Place, str], LabelSetError]
) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise mistake(place, f'{what} must be a mapping (key: value), got {value!r}')
    return value
