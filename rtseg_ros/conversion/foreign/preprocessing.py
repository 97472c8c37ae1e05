# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How frames become input of a foreign model: told by the user, never guessed."""

import numpy as np

from rtseg_ros.conversion.foreign.input_layout import InputLayout
from rtseg_ros.conversion.foreign.source import Source
from rtseg_ros.conversion.presets import PRESETS, check_byte_range, preprocessing_from_preset
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.foreign.sidecar import Sidecar
from rtseg_ros.runtime.preprocess import Preprocessing


def told_preprocessing(
    settings: ConversionSettings, source: Source, given: InputLayout, sidecar: Sidecar
) -> tuple[Preprocessing, str, tuple[str, ...]]:
    """Return the preprocessing, where it came from, and notes: options, preset, sidecar.

    Raises:
        ConversionError: If nothing says it, or it contradicts the file.
    """
    size_hw, notes = _size(settings, source, given, sidecar)
    if given.dtype == 'uint8':
        told = _of_bytes(settings, source, sidecar, size_hw)
        return told, 'the file: it takes uint8 and normalises', notes
    stated = sidecar.normalisation
    if any(settings.std):
        if not settings.channel_order:
            raise ConversionError('std is given: give --channel-order rgb or bgr too')
        check_byte_range(settings)
        told = Preprocessing(
            size_hw, settings.channel_order, settings.mean, settings.std, settings.scale
        )
        return told, 'the options', (*notes, *_conflict(told, sidecar))
    if any(settings.mean) or settings.scale != 1.0 or settings.channel_order:
        raise ConversionError('mean, channel order and scale need std: give --std too')
    if settings.preset:
        told = preprocessing_from_preset(settings.preset, size_hw)
        return told, f"preset '{settings.preset}'", (*notes, *_conflict(told, sidecar))
    if stated is not None:
        told = Preprocessing(size_hw, stated.channel_order, stated.mean, stated.std)
        return told, sidecar.normalisation_from, notes
    raise ConversionError(
        f"nothing says how frames become input of '{source.path}'; give --preset "
        f'({", ".join(PRESETS)}), or --channel-order, --mean and --std on 0..255, as in the '
        'training code'
    )


def _conflict(told: Preprocessing, sidecar: Sidecar) -> tuple[str, ...]:
    """Say where a sidecar contradicts what the user told."""
    stated = sidecar.normalisation
    if stated is None:
        return ()
    ours = (*(v for v in told.mean), *(v / told.scale for v in told.std))
    same = stated.channel_order == told.channel_order and np.allclose(
        ours, (*stated.mean, *stated.std), atol=0.05
    )
    return () if same else (f'{sidecar.normalisation_from} says otherwise: {stated.words()}',)


def _of_bytes(
    settings: ConversionSettings, source: Source, sidecar: Sidecar, size_hw: tuple[int, int]
) -> Preprocessing:
    if any(settings.std) or any(settings.mean) or settings.preset:
        raise ConversionError(
            f"'{source.path}' takes uint8, so it normalises by itself; leave out --mean, --std "
            'and --preset and give --channel-order alone'
        )
    order = settings.channel_order
    if not order and sidecar.normalisation is not None:
        order = sidecar.normalisation.channel_order
    if not order:
        raise ConversionError(
            f"'{source.path}' takes uint8: give --channel-order rgb or bgr, as it was trained"
        )
    return Preprocessing(size_hw, order, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _size(
    settings: ConversionSettings, source: Source, given: InputLayout, sidecar: Sidecar
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the size to run at, and a note if it was not told."""
    height, width = settings.size_hw
    if min(height, width) < 0 or (height == 0) != (width == 0):
        raise ConversionError(
            f'size_hw is {height} {width}; give height and width in pixels, or 0 0'
        )
    declared = given.size_hw
    if not height:
        if 0 in declared and sidecar.size_hw is not None:
            height, width = sidecar.size_hw
            if all(a in (0, b) for a, b in zip(declared, sidecar.size_hw, strict=True)):
                return sidecar.size_hw, (
                    f'size {height} x {width} (height x width) from what {sidecar.program} says',
                )
        if 0 in declared:
            raise ConversionError(
                f"'{source.path}' takes images of any size: give --size-hw, the height and width "
                'that it is to run at'
            )
        return declared, ()
    wrong = [a for a, b in zip(declared, (height, width), strict=True) if a not in (0, b)]
    if wrong:
        raise ConversionError(
            f"size_hw is {height} {width}, but '{source.path}' takes only {declared[0]} "
            f'{declared[1]}; leave out --size-hw, or export it again with free sizes'
        )
    return (height, width), ()
