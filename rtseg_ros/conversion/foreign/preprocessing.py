"""How frames become input of a foreign model: told by the user, never guessed."""

from rtseg_ros.conversion.foreign.input_layout import InputLayout
from rtseg_ros.conversion.foreign.source import Source
from rtseg_ros.conversion.presets import PRESETS, check_byte_range, preprocessing_from_preset
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.preprocess import Preprocessing


def told_preprocessing(
    settings: ConversionSettings, source: Source, given: InputLayout
) -> tuple[Preprocessing, str]:
    """Return the preprocessing, and where it came from.

    Raises:
        ConversionError: If nothing says it, or it contradicts the file.
    """
    size_hw = _size(settings, source, given)
    if given.dtype == 'uint8':
        return _of_bytes(settings, source, size_hw), 'the file: it takes uint8 and normalises'
    if any(settings.std):
        check_byte_range(settings)
        if not settings.channel_order:
            raise ConversionError('std is given: give --channel-order rgb or bgr too')
        told = Preprocessing(
            size_hw, settings.channel_order, settings.mean, settings.std, settings.scale
        )
        return told, 'the options'
    if any(settings.mean) or settings.scale != 1.0 or settings.channel_order:
        raise ConversionError('mean, channel order and scale need std: give --std too')
    if settings.preset:
        return preprocessing_from_preset(settings.preset, size_hw), f"preset '{settings.preset}'"
    raise ConversionError(
        f"nothing says how frames become input of '{source.path}'; give --preset "
        f'({", ".join(PRESETS)}), or --channel-order, --mean and --std on 0..255, as in the '
        'training code'
    )


def _of_bytes(
    settings: ConversionSettings, source: Source, size_hw: tuple[int, int]
) -> Preprocessing:
    if any(settings.std) or any(settings.mean) or settings.preset:
        raise ConversionError(
            f"'{source.path}' takes uint8, so it normalises by itself; leave out --mean, --std "
            'and --preset and give --channel-order alone'
        )
    if not settings.channel_order:
        raise ConversionError(
            f"'{source.path}' takes uint8: give --channel-order rgb or bgr, as it was trained"
        )
    return Preprocessing(size_hw, settings.channel_order, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _size(settings: ConversionSettings, source: Source, given: InputLayout) -> tuple[int, int]:
    height, width = settings.size_hw
    if min(height, width) < 0 or (height == 0) != (width == 0):
        raise ConversionError(
            f'size_hw is {height} {width}; give height and width in pixels, or 0 0'
        )
    declared = given.size_hw
    if not height:
        if 0 in declared:
            raise ConversionError(
                f"'{source.path}' takes images of any size: give --size-hw, the height and width "
                'that it is to run at'
            )
        return declared
    wrong = [a for a, b in zip(declared, (height, width), strict=True) if a not in (0, b)]
    if wrong:
        raise ConversionError(
            f"size_hw is {height} {width}, but '{source.path}' takes only {declared[0]} "
            f'{declared[1]}; leave out --size-hw, or export it again with free sizes'
        )
    return height, width
