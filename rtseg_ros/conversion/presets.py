# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Published preprocessing: what the authors fed their networks, by name."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.preprocess import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, Preprocessing, Triple

if TYPE_CHECKING:
    from rtseg_ros.conversion.checkpoint import Checkpoint
    from rtseg_ros.conversion.key_layouts import Layout


@dataclass(frozen=True)
class Preset:
    """Preprocessing and where it is stated.

    Attributes:
        source: Who trained with it.
        channel_order: ``rgb`` or ``bgr``; mean and std are in this order.
        mean: Subtracted, 0..255.
        std: Divides, 0..255.
        scale: Multiplies the result.
        size_hw: Height and width of their input; None if the statistics go with any size.
    """

    source: str
    channel_order: str
    mean: Triple
    std: Triple
    scale: float = 1.0
    size_hw: tuple[int, int] | None = None


_ZERO, _ONE, _BYTE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (255.0, 255.0, 255.0)

PRESETS: dict[str, Preset] = {
    'imagenet': Preset('torchvision, ImageNet', 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB),
    'zero-one': Preset('RGB / 255 without statistics', 'rgb', _ZERO, _BYTE),
    'unscaled-rgb': Preset('RGB from 0 to 255 as it is', 'rgb', _ZERO, _ONE),
    'unscaled-bgr': Preset('BGR from 0 to 255 as it is', 'bgr', _ZERO, _ONE),
    'swiftnet-cityscapes': Preset(
        'SwiftNet repository, configs/rn18_single_scale.py and rn18_pyramid.py',
        'rgb', (73.15, 82.90, 72.3), (47.67, 48.49, 47.73), size_hw=(1024, 2048),
    ),
    'lednet-cityscapes': Preset(
        'LEDNet repository, test/eval_iou.py', 'rgb', _ZERO, _BYTE, size_hw=(512, 1024)
    ),
    'espnet-camvid': Preset(
        'ESPNet, espnet_p_2_q_8_camvid.pth: statistics, and then / 255',
        'bgr', (109.40, 107.42, 105.09), (77.16, 78.36, 77.03), 1 / 255, (360, 480),
    ),
    'espnet-cityscapes': Preset(
        'ESPNet, espnet_p_2_q_8.pth: statistics, and then / 255',
        'bgr', (72.392, 82.909, 73.158), (45.319, 46.153, 44.915), 1 / 255, (512, 1024),
    ),
    'espnetv2-cityscapes': Preset(
        'ESPNetv2, espnetv2_s_2.0_city_1024x512.pth',
        'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, size_hw=(512, 1024),
    ),
    'ddrnet-cityscapes': Preset(
        'DDRNet, trained in HRNet-Semantic-Segmentation, lib/datasets/cityscapes.py',
        'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, size_hw=(1024, 2048),
    ),
    'pidnet-cityscapes': Preset(
        'PIDNet repository, datasets/cityscapes.py',
        'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, size_hw=(1024, 2048),
    ),
    'pidnet-camvid': Preset(
        'PIDNet repository, datasets/camvid.py',
        'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, size_hw=(720, 960),
    ),
    'zh320-cityscapes': Preset(
        'zh320, realtime-semantic-segmentation-pytorch, datasets/cityscapes.py',
        'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, size_hw=(1024, 2048),
    ),
    'rtseg-cityscapes': Preset(
        'RTSeg repository, all encoders but ResNet-18',
        'bgr', (73.293, 83.044, 72.524), _BYTE, size_hw=(512, 1024),
    ),
}  # fmt: skip


def preprocessing_from_preset(name: str, size_hw: tuple[int, int] | None = None) -> Preprocessing:
    """Return a preset as the preprocessing of a model.

    Args:
        name: Key of ``PRESETS``.
        size_hw: Height and width of the network's input; None for the preset's own.

    Raises:
        ConversionError: If there is no such preset, or it has no size and none is given.
    """
    if name not in PRESETS:
        raise ConversionError(f"no preset '{name}'; choose one of: {', '.join(PRESETS)}")
    preset = PRESETS[name]
    size = size_hw or preset.size_hw
    if size is None:
        raise ConversionError(f"preset '{name}' goes with any input size: give --size-hw")
    return Preprocessing(size, preset.channel_order, preset.mean, preset.std, preset.scale)


def chosen_preprocessing(
    settings: ConversionSettings, checkpoint: 'Checkpoint', layout: 'Layout', labels: LabelSet
) -> tuple[Preprocessing, str]:
    """Decide how frames become input: options, a preset, the checkpoint, or its authors'.

    Returns:
        The preprocessing, and where it came from.

    Raises:
        ConversionError: If nothing says how; nothing is guessed.
    """
    for name, count in (('size_hw', 2), ('mean', 3), ('std', 3)):
        if len(getattr(settings, name)) != count:
            given = list(getattr(settings, name))
            raise ConversionError(f'{name} is {given}; expected {count} numbers')
    # Imported here: presets serve foreign models too, which need no torch.
    from rtseg_ros.conversion.key_layouts import stored_normalisation

    size = _size(settings)
    published = (layout.preset or {}).get(labels.name)
    stored = stored_normalisation(checkpoint.weights)
    if any(settings.std):
        if not settings.channel_order or size is None:
            raise ConversionError('std is given: give --channel-order and --size-hw too')
        check_byte_range(settings)
        chosen = Preprocessing(
            size, settings.channel_order, settings.mean, settings.std, settings.scale
        )
        return chosen, 'the options'
    if any(settings.mean) or settings.channel_order or settings.scale != 1.0:
        raise ConversionError('mean, channel order and scale need std: give --std too')
    if settings.preset:
        return preprocessing_from_preset(settings.preset, size), f"preset '{settings.preset}'"
    if checkpoint.preprocessing is not None:
        own = checkpoint.preprocessing
        return replace(own, size_hw=size or own.size_hw), 'the training run'
    if stored is not None:
        if size is None:
            raise ConversionError('the checkpoint does not say its input size: give --size-hw')
        return Preprocessing(size, 'rgb', *stored), 'the buffers img_mean and img_std'
    if published is not None:
        return (
            preprocessing_from_preset(published, size),
            f"preset '{published}', which its authors trained with",
        )
    raise ConversionError(
        f"nothing says how frames become input of '{checkpoint.path}' ({layout.network}, "
        f'{labels.name}); give --preset ({", ".join(PRESETS)}), or --channel-order, --mean, '
        '--std and --size-hw as in the training code'
    )


def check_byte_range(settings: ConversionSettings) -> None:
    """Refuse statistics that are meant for images from 0 to 1.

    Raises:
        ConversionError: With the values for 0..255.
    """
    if not 0 < min(settings.std) < 2 or max(settings.mean) > 1:
        return
    mean, std = (
        ' '.join(f'{255 * value:g}' for value in values)
        for values in (settings.mean, settings.std)
    )
    raise ConversionError(
        f'mean {list(settings.mean)} and std {list(settings.std)} look like those of images '
        f'from 0 to 1, but options are on 0..255: give --mean {mean} --std {std}; or --preset '
        'unscaled-rgb or unscaled-bgr if the network takes 0..255 as it is'
    )


def _size(settings: ConversionSettings) -> tuple[int, int] | None:
    height, width = settings.size_hw
    if height < 0 or width < 0 or (height == 0) != (width == 0):
        raise ConversionError(
            f'size_hw is {height} {width}; give height and width in pixels, or 0 0'
        )
    return (height, width) if height else None
