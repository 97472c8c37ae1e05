# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The networks of this package by name; what their papers print stands in ``papers.py``."""

from collections.abc import Callable
from dataclasses import replace

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.ddrnet import DDRNet
from rtseg_ros.networks.dilation import (
    dilation_mobilenet,
    dilation_resnet18,
    dilation_shufflenet,
    dilation_vgg16,
)
from rtseg_ros.networks.encoders.mobilenet import MobileNet
from rtseg_ros.networks.encoders.mobilenetv2 import MobileNetV2
from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.encoders.shufflenet import ShuffleNet
from rtseg_ros.networks.encoders.vgg16 import VGG16
from rtseg_ros.networks.esnet import ESNet
from rtseg_ros.networks.espnet import ESPNet
from rtseg_ros.networks.espnetv2 import ESPNetv2
from rtseg_ros.networks.lednet import LEDNet
from rtseg_ros.networks.linknet import LinkNet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.papers import (
    DDRNET,
    ESNET,
    ESPNET,
    ESPNETV2,
    LEDNET,
    LINKNET,
    PIDNET,
    RTSEG,
    SWIFTNET,
    NetworkFacts,
)
from rtseg_ros.networks.pidnet import PIDNet
from rtseg_ros.networks.skipnet import SkipNet
from rtseg_ros.networks.swiftnet import SwiftNet, SwiftNetEnsemble, SwiftNetPyramid
from rtseg_ros.networks.unet import UNet, UNetResNet18, UNetVGG16
from rtseg_ros.networks.zh320.ddrnet import DDRNet as CollectedDDRNet
from rtseg_ros.networks.zh320.esnet import ESNet as CollectedESNet
from rtseg_ros.networks.zh320.espnet import ESPNet as CollectedESPNet
from rtseg_ros.networks.zh320.espnetv2 import ESPNetv2 as CollectedESPNetv2
from rtseg_ros.networks.zh320.lednet import LEDNet as CollectedLEDNet
from rtseg_ros.networks.zh320.linknet import LinkNet as CollectedLinkNet
from rtseg_ros.networks.zh320.swiftnet import SwiftNet as CollectedSwiftNet

# A name of a family, and the names of the other depths or widths that its authors published.
SIZES = {
    'espnet': ('espnet_q3', 'espnet_q5'),
    'espnetv2': ('espnetv2_s05', 'espnetv2_s10', 'espnetv2_s15'),
}


def _skipnet(encoder_name: str) -> NetworkFacts:
    return replace(RTSEG, section='2.1, Figure 2 (a)', encoder=encoder_name)


def _unet(encoder_name: str) -> NetworkFacts:
    return replace(RTSEG, section='2.1, Figure 2 (b)', encoder=encoder_name)


def _dilation(encoder_name: str) -> NetworkFacts:
    return replace(RTSEG, section='2.1, Dilation Frontend', encoder=encoder_name)


def _collected(
    build: Callable[[int], SegmentationNetwork],
    stride: int,
    parameters: float,
    val_miou: float,
    encoder: str | None = None,
) -> tuple[Callable[[int], SegmentationNetwork], NetworkFacts]:
    """Give a network of zh320's collection its facts; figures as that prints them."""
    facts = NetworkFacts(
        paper='zh320, realtime-semantic-segmentation-pytorch, 2025',
        section='README, and the file of the network',
        licence='Apache-2.0',
        default_size_hw=(1024, 2048),
        stride=stride,
        encoder=encoder,
        published_parameters=parameters,
        note=f'the collection prints {val_miou} % mIoU on Cityscapes val for its weights',
    )
    return build, facts


def _espnet(q: int) -> tuple[Callable[[int], SegmentationNetwork], NetworkFacts]:
    facts = replace(
        ESPNET, section=f'3 and 4.1, q = {q}', published_parameters=None, published_camvid=None,
        note='',
    )  # fmt: skip
    return lambda num_classes: ESPNet(num_classes, q=q), facts


def _espnetv2(scale: float) -> tuple[Callable[[int], SegmentationNetwork], NetworkFacts]:
    facts = replace(ESPNETV2, section=f'3.1 to 3.3, scale {scale}')
    return lambda num_classes: ESPNetv2(num_classes, scale=scale), facts


def _swiftnet_rn18(num_classes: int) -> SwiftNet:
    return SwiftNet(ResNet18(before_relu=True), num_classes)


def _swiftnet_rn18_pyr(num_classes: int) -> SwiftNetPyramid:
    return SwiftNetPyramid(ResNet18(before_relu=True), num_classes)


ZOO: dict[str, tuple[Callable[[int], SegmentationNetwork], NetworkFacts]] = {
    'linknet': (LinkNet, LINKNET),
    'linknet_nobypass': (
        lambda num_classes: LinkNet(num_classes, bypass=False),
        replace(
            LINKNET,
            section='IV, Tables IV and V',
            published_parameters=None,
            published_operations=None,
            published_size_hw=None,
            published_camvid=None,
            note='the ablation; the bypass has no parameters',
        ),
    ),
    'lednet': (LEDNet, LEDNET),
    'esnet': (ESNet, ESNET),
    'swiftnet_rn18': (_swiftnet_rn18, SWIFTNET),
    'swiftnet_rn18_pyr': (
        _swiftnet_rn18_pyr,
        replace(
            SWIFTNET,
            section='3.3, Figure 4',
            published_parameters=12.9e6,
            published_operations=114.0e9,
            published_camvid=(0.7386, '960x720, ImageNet; 65.7 without'),
            note='the printed figures cannot be had from the description in the paper',
        ),
    ),
    'swiftnet_rn18_ens': (
        lambda num_classes: SwiftNetEnsemble(
            _swiftnet_rn18(num_classes), _swiftnet_rn18_pyr(num_classes)
        ),
        replace(
            SWIFTNET,
            section='4.3, Table 1',
            published_parameters=24.7e6,
            published_operations=218.0e9,
            published_camvid=None,
            note='swiftnet_rn18 and swiftnet_rn18_pyr together',
        ),
    ),
    'swiftnet_mnv2': (
        lambda num_classes: SwiftNet(MobileNetV2(), num_classes),
        replace(
            SWIFTNET,
            encoder='mobilenetv2',
            published_parameters=2.4e6,
            published_operations=41.0e9,
            published_camvid=(0.7156, '960x720, ImageNet; 64.0 without'),
            note='no code was published; the parameters agree',
        ),
    ),
    'swiftnet_mnv2_pyr': (
        lambda num_classes: SwiftNetPyramid(MobileNetV2(), num_classes),
        replace(
            SWIFTNET,
            section='3.3, Figure 4',
            encoder='mobilenetv2',
            published_parameters=None,
            published_operations=None,
            published_size_hw=None,
            published_camvid=(0.7308, '960x720, ImageNet; 65.0 without'),
        ),
    ),
    'skipnet_vgg16': (
        lambda num_classes: SkipNet(
            VGG16(('pool3', 'pool4', 'fc7')), num_classes, batch_norm=False
        ),
        _skipnet('vgg16'),
    ),
    'skipnet_resnet18': (
        lambda num_classes: SkipNet(
            ResNet18(('layer2', 'layer3', 'layer4')), num_classes, batch_norm=False
        ),
        _skipnet('resnet18'),
    ),
    'skipnet_mobilenet': (
        lambda num_classes: SkipNet(
            MobileNet(('conv3_2', 'conv4_2', 'conv6_1')), num_classes, batch_norm=True
        ),
        replace(_skipnet('mobilenet'), published_operations=13.8e9, published_size_hw=(512, 1024)),
    ),
    'skipnet_shufflenet': (
        lambda num_classes: SkipNet(
            ShuffleNet(('stage2', 'stage3', 'stage4')), num_classes, batch_norm=True
        ),
        replace(_skipnet('shufflenet'), published_operations=2.0e9, published_size_hw=(360, 640)),
    ),
    'unet_vgg16': (UNetVGG16, _unet('vgg16')),
    'unet_resnet18': (UNetResNet18, _unet('resnet18')),
    'unet_mobilenet': (
        lambda num_classes: UNet(
            MobileNet(('conv2_1', 'conv3_1', 'conv4_1', 'conv5_5', 'conv5_6')),
            num_classes,
            head_channels=32,
        ),
        replace(
            _unet('mobilenet'),
            published_operations=55.9e9,
            published_size_hw=(512, 1024),
            note='the published code also runs conv6_1 and its classifier, 0.55 GMAC, unused',
        ),
    ),
    'unet_shufflenet': (
        lambda num_classes: UNet(
            ShuffleNet(('conv1', 'max_pool', 'stage2', 'stage3', 'stage4')),
            num_classes,
            head_channels=24,
        ),
        _unet('shufflenet'),
    ),
    'dilation_vgg16': (dilation_vgg16, _dilation('vgg16')),
    'dilation_resnet18': (dilation_resnet18, _dilation('resnet18')),
    'dilation_mobilenet': (dilation_mobilenet, _dilation('mobilenet')),
    'dilation_shufflenet': (dilation_shufflenet, _dilation('shufflenet')),
    'espnet': (ESPNet, ESPNET),
    'espnet_q3': _espnet(3),
    'espnet_q5': _espnet(5),
    'espnetv2': (ESPNetv2, ESPNETV2),
    'espnetv2_s05': _espnetv2(0.5),
    'espnetv2_s10': _espnetv2(1.0),
    'espnetv2_s15': _espnetv2(1.5),
    'ddrnet23_slim': (DDRNet, DDRNET),
    'pidnet_s': (PIDNet, PIDNET),
    'linknet_zh320': _collected(CollectedLinkNet, 1, 11.54e6, 73.39, 'resnet18'),
    'lednet_zh320': _collected(CollectedLEDNet, 8, 1.46e6, 72.63),
    'esnet_zh320': _collected(CollectedESNet, 1, 1.66e6, 71.82),
    'swiftnet_rn18_zh320': _collected(CollectedSwiftNet, 4, 11.95e6, 75.43, 'resnet18'),
    'espnet_zh320': _collected(CollectedESPNet, 1, 0.38e6, 66.39),
    'espnetv2_zh320': _collected(CollectedESPNetv2, 8, 0.86e6, 70.35),
    'ddrnet23_slim_zh320': _collected(CollectedDDRNet, 8, 5.54e6, 74.34),
}


def list_networks() -> tuple[str, ...]:
    """Names that ``create_network`` knows."""
    return tuple(ZOO)


def create_network(name: str, num_classes: int = 19) -> SegmentationNetwork:
    """Build a network with random weights.

    Args:
        name: One of ``list_networks()``.
        num_classes: Outputs of the last layer, 1 to 255.

    Returns:
        Module from (N, 3, H, W) normalised float to (N, num_classes, H, W) logits.

    Raises:
        NetworkError: If the name or the class count is not possible.
    """
    build, _ = _entry(name)
    return build(num_classes)


def network_facts(name: str) -> NetworkFacts:
    """Return what the paper says about a network.

    Raises:
        NetworkError: If there is no network of that name.
    """
    return _entry(name)[1]


def _entry(name: str) -> tuple[Callable[[int], SegmentationNetwork], NetworkFacts]:
    if name not in ZOO:
        raise NetworkError(f"no network named '{name}'; choose one of: {', '.join(ZOO)}")
    return ZOO[name]
