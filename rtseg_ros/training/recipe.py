# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Training recipes: the settings that a paper states, as one dataclass each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rtseg_ros.errors import TrainingError

# Fields that make other streets, light and cameras, for --augment: each 0..1, 0 for none.
AUGMENTATIONS = ('gamma', 'shadow', 'dusk', 'blur', 'noise', 'jpeg', 'rare_crops', 'paste')


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a training run besides network, data and seed.

    Attributes:
        source: Paper and section the settings come from.
        epochs: Passes over the training split.
        batch_size: Images per step.
        crop_hw: Height and width of the training crop in pixels.
        scale_range: Smallest and largest random scale of the image before cropping.
        optimizer: ``adam``, ``adamw``, ``rmsprop`` or ``sgd``.
        learning_rate: Initial rate of the decoder.
        final_learning_rate: Rate at the end of the schedule.
        schedule: ``cosine``, ``poly`` (power 0.9) or ``constant``.
        warmup_steps: First steps in which the rate rises in a line to the schedule's; 0 for none.
        clip_norm: Largest norm of the gradient of all weights together; 0 for no limit.
        weight_decay: L2 penalty of the decoder.
        momentum: For ``rmsprop`` and ``sgd``; first beta of ``adam`` and ``adamw``.
        encoder_factor: Rate and decay of a pre-trained encoder relative to the decoder.
        class_weights: ``none``, ``enet`` for 1 / ln(1.02 + p) (ENet, section 5.2), or
            ``enet_sqrt`` for the square root of that.
        loss: ``cross_entropy``, ``ohem`` for the hardest quarter or more of the pixels, or
            ``lovasz`` for cross entropy plus the Lovasz-Softmax loss.
        flip: Mirror half of the images.
        color_jitter: Strength of random brightness, contrast and saturation; 0 for none.
        gamma: Strength of a random power of the values, 0..1; 0 for none, as those below.
        shadow: Of the shadow of something on half of the crops.
        dusk: Of a darkening on half of the crops.
        blur: Of a blur of half of the crops.
        noise: Of the sensor, on half of the crops.
        jpeg: Of JPEG's losses, on half of the crops.
        rare_crops: Share of crops centred on a pixel of a class that less than 2 % of the pixels
            are of.
        paste: Chance that a pedestrian, bicyclist, pole or sign of another training frame is
            pasted into a frame.
        ema_decay: Decay of the averaged weights that are validated and kept; 0 for none.
    """

    source: str
    epochs: int
    batch_size: int
    crop_hw: tuple[int, int]
    learning_rate: float
    optimizer: str = 'adam'
    scale_range: tuple[float, float] = (1.0, 1.0)
    final_learning_rate: float = 0.0
    schedule: str = 'cosine'
    warmup_steps: int = 0
    clip_norm: float = 0.0
    weight_decay: float = 0.0
    momentum: float = 0.9
    encoder_factor: float = 1.0
    class_weights: str = 'none'
    loss: str = 'cross_entropy'
    flip: bool = True
    color_jitter: float = 0.0
    ema_decay: float = 0.0
    gamma: float = 0.0
    shadow: float = 0.0
    dusk: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    rare_crops: float = 0.0
    paste: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for the checkpoint and the log."""
        return asdict(self)


def recipe_from_dict(document: Mapping[str, Any]) -> Recipe:
    """Return the recipe that ``Recipe.to_dict`` wrote, in this version or an earlier one.

    A field that the earlier version did not have gets the default, which is what it did.

    Raises:
        TrainingError: If a field is not known here, or one that has no default is absent.
    """
    try:
        return Recipe(**document)
    except TypeError as error:
        raise TrainingError(
            f'the recipe {dict(document)!r} is of another version of rtseg_ros ({error}); '
            'continue the run with the version that started it'
        ) from error


SWIFTNET = Recipe(
    source='SwiftNet, section 5.1 (CamVid)',
    epochs=400,
    batch_size=12,
    crop_hw=(448, 448),
    scale_range=(0.5, 2.0),
    learning_rate=4e-4,
    final_learning_rate=1e-6,
    weight_decay=1e-4,
    encoder_factor=0.25,
)

SWIFTNET_CITYSCAPES = replace(
    SWIFTNET, source='SwiftNet, section 5.1 (Cityscapes)', epochs=200, crop_hw=(768, 768)
)

# The paper gives no number of epochs.
LINKNET = Recipe(
    source='LinkNet, section IV (CamVid)',
    epochs=300,
    batch_size=8,
    crop_hw=(576, 768),
    learning_rate=5e-4,
    final_learning_rate=5e-4,
    optimizer='rmsprop',
    momentum=0.0,
    schedule='constant',
    class_weights='enet',
    flip=False,
)

# Adam, as the authors' code has it: the paper's "momentum 0.9" is its first beta.
LEDNET = Recipe(
    source='LEDNet, section 3.1',
    epochs=300,
    batch_size=5,
    crop_hw=(512, 1024),
    learning_rate=5e-4,
    schedule='poly',
    weight_decay=1e-4,
    class_weights='enet',
)

ESNET = replace(LEDNET, source='ESNet, section 4.2', batch_size=4)

# The paper gives no number of epochs and no augmentation.
RTSEG = Recipe(
    source='RTSeg, section 3.1',
    epochs=200,
    batch_size=4,
    crop_hw=(512, 1024),
    learning_rate=1e-4,
    final_learning_rate=1e-4,
    schedule='constant',
    weight_decay=5e-4,
    class_weights='enet',
    flip=False,
)

# The authors start from ImageNet weights, and training has heads that are left out here.
DDRNET = Recipe(
    source='DDRNet, section IV-C (Cityscapes), without its auxiliary head',
    epochs=484,
    batch_size=12,
    crop_hw=(1024, 1024),
    scale_range=(0.5, 2.0),
    optimizer='sgd',
    learning_rate=1e-2,
    schedule='poly',
    weight_decay=5e-4,
    loss='ohem',
)

DDRNET_CAMVID = replace(
    DDRNET,
    source='DDRNet, section IV-C (CamVid), without its auxiliary head',
    epochs=968,
    crop_hw=(720, 960),
    learning_rate=1e-3,
    loss='cross_entropy',
)

PIDNET = replace(
    DDRNET, source='PIDNet, section 4.2 (Cityscapes), without its auxiliary and boundary heads'
)

# The authors start from their Cityscapes weights.
PIDNET_CAMVID = replace(
    PIDNET,
    source='PIDNet, section 4.2 (CamVid), without its auxiliary and boundary heads',
    epochs=200,
    crop_hw=(720, 960),
    learning_rate=5e-3,
)

ROAD = Recipe(
    source='rtseg_ros: SwiftNet, section 5.1, for half-size frames, with averaged weights, '
    'colour jitter and mild class weights',
    epochs=100,
    batch_size=12,
    crop_hw=(352, 352),
    scale_range=(0.6, 2.0),
    learning_rate=5e-4,
    final_learning_rate=1e-6,
    weight_decay=1e-4,
    encoder_factor=0.25,
    class_weights='enet_sqrt',
    color_jitter=0.3,
    ema_decay=0.998,
)

ROAD_FINE = replace(
    ROAD,
    source='rtseg_ros: a short second run on larger crops that aims at the mIoU itself',
    epochs=30,
    batch_size=8,
    crop_hw=(352, 480),
    scale_range=(0.75, 2.0),
    learning_rate=2e-4,
    loss='lovasz',
    color_jitter=0.4,
)

SCRATCH = Recipe(
    source='rtseg_ros: any network from random weights on half-size frames',
    epochs=60,
    batch_size=4,
    crop_hw=(256, 352),
    scale_range=(0.6, 1.6),
    learning_rate=2e-3,
    optimizer='adamw',
    warmup_steps=100,
    clip_norm=5.0,
    weight_decay=1e-3,
    class_weights='enet_sqrt',
    color_jitter=0.3,
    ema_decay=0.995,
)

RECIPES = {
    'road': ROAD,
    'road_fine': ROAD_FINE,
    'scratch': SCRATCH,
    'swiftnet': SWIFTNET,
    'swiftnet_cityscapes': SWIFTNET_CITYSCAPES,
    'linknet': LINKNET,
    'lednet': LEDNET,
    'esnet': ESNET,
    'rtseg': RTSEG,
    'ddrnet': DDRNET_CAMVID,
    'ddrnet_cityscapes': DDRNET,
    'pidnet': PIDNET_CAMVID,
    'pidnet_cityscapes': PIDNET,
}


def default_recipe(network: str, dataset: str) -> str:
    """Name the recipe of the paper that a network comes from.

    Args:
        network: Name in the zoo.
        dataset: Name of the training split, e.g. ``cityscapes/train``.
    """
    family = network.split('_')[0].removesuffix('23')
    if f'{family}_cityscapes' in RECIPES and dataset.startswith('cityscapes'):
        return f'{family}_cityscapes'
    # ESPNet's own recipe is not one of the five papers'; LEDNet's is its closest relative.
    families = {'skipnet': 'rtseg', 'unet': 'rtseg', 'dilation': 'rtseg'}
    families |= {'espnet': 'lednet', 'espnetv2': 'lednet'}
    return families.get(family, family)
