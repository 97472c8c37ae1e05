# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What files beside a model, or its own metadata, say of classes and preprocessing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.label_set import BUILT_IN, Color, is_color
from rtseg_ros.runtime.preprocess import Triple

# No such file is larger; one that is was not written by these programs.
_LARGEST_BYTES = 16 << 20


class SidecarError(ValueError):
    """A sidecar that is there and cannot be used; says why."""


@dataclass(frozen=True)
class Normalisation:
    """Order and statistics of the channels, on 0..255.

    Attributes:
        channel_order: ``rgb`` or ``bgr``.
        mean: Subtracted.
        std: Divides.
    """

    channel_order: str
    mean: Triple
    std: Triple

    def words(self) -> str:
        """Say it as the options of ``rtseg convert``."""
        mean, std = (' '.join(f'{v:g}' for v in values) for values in (self.mean, self.std))
        return f'--channel-order {self.channel_order} --mean {mean} --std {std}'


@dataclass(frozen=True)
class Sidecar:
    """What one program left beside a model.

    Attributes:
        program: ``Hugging Face``, ``mmdeploy`` or ``Ultralytics``.
        labels: The classes, or None.
        labels_from: Where they stand.
        normalisation: How frames become input, or None.
        normalisation_from: Where that stands.
        size_hw: Height and width that it was exported or trained for, or None.
        licence: As stated; empty if not.
        refusal: Why the model cannot be used at all; empty if it can.
        notes: What else a user should know, one sentence each.
    """

    program: str
    labels: LabelSet | None = None
    labels_from: str = ''
    normalisation: Normalisation | None = None
    normalisation_from: str = ''
    size_hw: tuple[int, int] | None = None
    licence: str = ''
    refusal: str = ''
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for machines."""
        norm = self.normalisation
        return {
            'program': self.program,
            'classes': list(self.labels.names) if self.labels else None,
            'classes_from': self.labels_from,
            'preprocessing': norm
            and {'channel_order': norm.channel_order, 'mean': norm.mean, 'std': norm.std},
            'preprocessing_from': self.normalisation_from,
            'size_hw': self.size_hw,
            'licence': self.licence,
            'notes': list(self.notes),
        }


def read_json(path: Path) -> Mapping[str, Any] | None:
    """Return the mapping in a JSON file; None if there is no such file.

    Raises:
        SidecarError: If it is something else.
    """
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _LARGEST_BYTES:
            raise SidecarError(f'{path.name} is larger than {_LARGEST_BYTES >> 20} MiB')
        data = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise SidecarError(f'{path.name} cannot be read as JSON ({error})') from error
    if not isinstance(data, dict):
        raise SidecarError(f'{path.name} holds no mapping')
    return data


def triple(values: object, what: str, *, factor: float = 1.0) -> Triple:
    """Return three numbers, multiplied.

    Raises:
        SidecarError: If they are not three numbers.
    """
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise SidecarError(f'{what} is {values!r}; three numbers are needed')
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise SidecarError(f'{what} is {values!r}; three numbers are needed')
    first, second, third = (round(float(value) * factor, 6) for value in values)
    return first, second, third


def size_of(height: object, width: object) -> tuple[int, int] | None:
    """Return a size, or None where it is not two whole numbers of a camera image."""
    both = (height, width)
    if all(type(side) is int and 1 <= side <= 16384 for side in both):
        return (int(both[0]), int(both[1]))  # type: ignore[call-overload]
    return None


def label_set(names: object, what: str, *, palette: object = None) -> LabelSet:
    """Return a label set of class names in the order of their ids.

    Args:
        names: What should be a list of names.
        what: Where they stand, for messages.
        palette: RGB colours of the classes; drawn from a fixed table if not given.

    Returns:
        A built-in label set if the names are its own, else a new one.

    Raises:
        SidecarError: If the names or colours cannot be used.
    """
    if not isinstance(names, list | tuple) or not names:
        raise SidecarError(f'{what} is no list of class names')
    if not all(isinstance(name, str) and name for name in names):
        raise SidecarError(f'{what}: class names must be text')
    for known in BUILT_IN.values():
        if [n.lower() for n in known.names] == [n.lower() for n in names]:
            return known
    colors: list[Color] = [_color(index) for index in range(len(names))]
    if palette is not None:
        if not isinstance(palette, list | tuple) or len(palette) != len(names):
            raise SidecarError(f'{what}: the palette does not have {len(names)} colours')
        if not all(is_color(color) for color in palette):
            raise SidecarError(f'{what}: a colour of the palette is not three bytes')
        colors = [(color[0], color[1], color[2]) for color in palette]
    try:
        return LabelSet('imported', tuple(names), tuple(colors))
    except LabelSetError as error:
        raise SidecarError(f'{what}: {error}') from error


def _color(index: int) -> Color:
    """Return a colour for a class: the bits of its number, spread as PASCAL VOC does."""
    color, rest = [0, 0, 0], index + 1
    for shift in range(7, -1, -1):
        for channel in range(3):
            color[channel] |= (rest >> channel & 1) << shift
        rest >>= 3
    return color[0], color[1], color[2]


Reader = Callable[[Path, Mapping[str, str]], Sidecar | None]
