# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a foreign model puts out: scores, probabilities or class ids, and in which order."""

from dataclasses import dataclass

import numpy as np

from rtseg_ros.conversion.foreign.input_layout import declared
from rtseg_ros.conversion.foreign.source import Source
from rtseg_ros.errors import ConversionError

_WHOLE = ('uint8', 'int8', 'int16', 'int32', 'int64', 'bool')
SMALLEST = 1e-7  # of a probability before its logarithm
# Softmax in float16 misses a sum of one by this much.
_SUM_TOLERANCE = 5e-3


@dataclass(frozen=True)
class OutputLayout:
    """The output that is used.

    Attributes:
        name: Of the tensor.
        kind: ``logits``, ``probabilities``, ``sigmoid`` or ``labels``.
        shape: Of one image.
        channel_axis: Where the classes lie; None if the output has no channels.
        channels: Their number, 1 without.
        why: How the kind was found, for the report.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    channel_axis: int | None
    channels: int
    why: str

    @property
    def is_binary(self) -> bool:
        """Whether one channel tells two classes apart."""
        return self.kind != 'labels' and self.channels == 1

    def planes(self, values: np.ndarray) -> np.ndarray:
        """Return the output as (C, h, w)."""
        if self.channel_axis is None:
            return values.reshape(1, *values.shape[-2:])
        return np.moveaxis(values, self.channel_axis, 1)[0]

    def scores(self, values: np.ndarray, threshold: float) -> np.ndarray:
        """Return the output as one score a class, (K, h, w) float32; the largest wins."""
        planes = self.planes(values).astype(np.float32)
        if self.kind == 'probabilities' and not self.is_binary:
            return np.log(np.maximum(planes, np.float32(SMALLEST)))
        if self.kind in ('sigmoid', 'probabilities'):
            kept = np.clip(planes, np.float32(SMALLEST), np.float32(1 - SMALLEST))
            planes = np.log(kept) - np.log(1 - kept)
        if self.is_binary:
            margin = np.float32(np.log(threshold / (1 - threshold)))
            return np.concatenate([np.zeros_like(planes), planes - margin])
        return planes


def output_name(source: Source, wanted: str) -> str:
    """Return the output to use.

    Raises:
        ConversionError: If there is no such output, or several and none is named.
    """
    outputs = {value.name: declared(value) for value in source.model.graph.output}
    table = ', '.join(f"'{name}' {what}" for name, what in outputs.items())
    if wanted and wanted not in outputs:
        raise ConversionError(f"'{source.path}' has no output '{wanted}'; it has {table}")
    if not wanted and len(outputs) != 1:
        raise ConversionError(
            f"'{source.path}' has {len(outputs)} outputs: {table}; choose one with --output-name"
        )
    return wanted or next(iter(outputs))


def output_layout(
    name: str, values: list[np.ndarray], size_hw: tuple[int, int], classes: int, wanted: str
) -> OutputLayout:
    """Tell what an output holds from what it gave for a few images.

    Args:
        name: Of the output.
        values: What it gave.
        size_hw: Of the images that went in.
        classes: Of the label set.
        wanted: Kind as the user says it, or ``auto``.

    Raises:
        ConversionError: If it fits no layout, or the wanted kind does not fit it.
    """
    shape, dtype = values[0].shape, values[0].dtype
    found = f"output '{name}' is {dtype} {shape}"
    whole = dtype.name in _WHOLE
    if not whole and dtype.name not in ('float32', 'float16', 'float64'):
        raise ConversionError(f'{found}; accepted: floating-point scores or integer class ids')
    axis = _channel_axis(shape, size_hw, 1 if whole or wanted == 'labels' else classes, found)
    channels = 1 if axis is None else shape[axis]
    kind, why = wanted, '--output-kind'
    if wanted == 'auto':
        kind, why = _kind(values, whole, axis, channels, found)
    if whole != (kind == 'labels') and not (kind == 'labels' and channels == 1):
        raise ConversionError(f'{found}, which cannot be {kind}; leave out --output-kind')
    if kind == 'labels':
        _check_ids(values, classes, found)
    elif channels == 1 and classes != 2:
        raise ConversionError(
            f'{found}: one channel tells two classes apart, the label set has {classes}; give '
            '--labels a YAML file with two classes, or --output-kind labels if these are class ids'
        )
    return OutputLayout(name, kind, shape, axis, channels, why)


def _channel_axis(
    shape: tuple[int, ...], size_hw: tuple[int, int], classes: int, found: str
) -> int | None:
    if len(shape) not in (2, 3, 4) or (len(shape) > 2 and shape[0] != 1):
        raise ConversionError(
            f'{found}; accepted: (1, K, h, w), (1, h, w, K), (1, h, w) and (h, w) of one image'
        )
    if len(shape) < 4:
        return None
    accepted = (1,) if classes == 1 else (1, classes, classes + 1)
    axes = [axis for axis in (1, 3) if shape[axis] in accepted]
    if len(axes) == 2:  # the image has as many pixels a side as there are classes
        ratio = size_hw[0] / size_hw[1]
        sides = {1: shape[2] / shape[3], 3: shape[1] / shape[2]}
        axes.sort(key=lambda axis: abs(np.log(sides[axis] / ratio)))
    if not axes:
        raise ConversionError(
            f'{found}; its channels are not {" or ".join(map(str, accepted))}, as the label set '
            'has it: give --labels the classes that the model was trained with'
        )
    return axes[0]


def _kind(
    values: list[np.ndarray], whole: bool, axis: int | None, channels: int, found: str
) -> tuple[str, str]:
    if whole:
        return 'labels', 'its type is an integer'
    lowest = min(float(value.min()) for value in values)
    largest = max(float(value.max()) for value in values)
    if lowest < 0 or largest > 1 + _SUM_TOLERANCE:
        return 'logits', f'its values reach from {lowest:.3g} to {largest:.3g}'
    if channels == 1:
        return 'sigmoid', 'its one channel stays within 0 and 1'
    sums = [value.astype(np.float64).sum(axis=axis) for value in values]
    if all(np.abs(total - 1).max() <= _SUM_TOLERANCE for total in sums):
        return 'probabilities', 'its channels sum to 1'
    raise ConversionError(
        f'{found}; its values lie within 0 and 1 and do not sum to 1: say what they are with '
        '--output-kind logits, or sigmoid if every class has a sigmoid of its own'
    )


def _check_ids(values: list[np.ndarray], classes: int, found: str) -> None:
    ids = np.unique(np.concatenate([np.unique(value) for value in values]).astype(np.int64))
    wrong = [int(i) for i in ids if not 0 <= i < classes and i != 255]
    if wrong:
        raise ConversionError(
            f'{found} and gave the class ids {wrong[:5]}; the label set has 0 to {classes - 1} '
            '(255 is unlabelled): give --labels the classes that the model was trained with'
        )
