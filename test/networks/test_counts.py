# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters and multiply-accumulates against the papers' own code."""

import pytest
import torch
from torch import nn

from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.encoders.mobilenet import MobileNet
from rtseg_ros.networks.encoders.shufflenet import ShuffleNet
from rtseg_ros.networks.network import multiply_accumulates, parameter_count
from rtseg_ros.networks.zoo import network_facts

pytestmark = pytest.mark.zoo

# Counted on the authors' code, or on a replica of it in torch where that is TensorFlow.
COUNTS = [
    # name, classes, parameters, height and width, 10^9 multiply-accumulates
    ('linknet', 19, 11_535_699, (384, 640), 10.196),
    ('linknet', 12, 11_534_796, (512, 1024), None),
    ('linknet', 19, 11_535_699, (352, 640), 9.346),
    ('linknet', 19, 11_535_699, (1024, 2048), 87.007),
    ('linknet_nobypass', 19, 11_535_699, (384, 640), 10.196),
    ('lednet', 20, 923_083, (512, 1024), 11.210),
    # a class is a row of two 1x1 convolutions and their BN; the authors' code always has 20
    ('lednet', 19, 923_083 - 2 * (128 + 3), (512, 1024), None),
    ('esnet', 20, 1_659_136, (512, 1024), 24.063),
    ('esnet', 19, 1_659_071, (512, 1024), 24.054),
    ('swiftnet_rn18', 19, 11_797_071, (1024, 2048), 103.566),
    ('swiftnet_rn18', 19, 11_797_071, (512, 1024), 25.892),
    ('swiftnet_rn18', 19, 11_797_071, (360, 480), 8.664),
    ('swiftnet_mnv2', 19, 2_368_831, (1024, 2048), 38.154),
    ('skipnet_vgg16', 20, 134_473_144, (512, 1024), 222.52),
    ('skipnet_resnet18', 20, 11_309_752, (512, 1024), 19.842),
    ('skipnet_mobilenet', 20, 3_369_240, (512, 1024), 6.861),
    ('skipnet_mobilenet', 20, 3_369_240, (384, 640), 3.216),
    ('skipnet_shufflenet', 20, 1_014_682, (384, 640), 1.051),
    ('skipnet_shufflenet', 20, 1_014_682, (512, 1024), 2.242),
    ('unet_shufflenet', 20, 6_400_090 - 19_220, (512, 1024), 8.817),
    ('dilation_mobilenet', 20, 11_677_284 - 3_082_240 - 20_500, (512, 1024), 71.03),
    ('dilation_shufflenet', 20, 987_242, (512, 1024), 7.907),
    ('espnet', 20, 364_569, (512, 1024), 4.709),
    ('espnetv2', 20, 789_242, (512, 1024), None),
    ('espnetv2_s05', 20, 80_342, (512, 1024), None),
    ('espnetv2_s15', 20, 468_362, (512, 1024), None),
    ('espnet_q3', 20, 202_649, (512, 1024), None),
    ('ddrnet23_slim', 19, 5_695_987, (1024, 2048), 36.281),
    ('pidnet_s', 19, 7_625_715, (1024, 2048), 47.194),
]


def ghost(name: str, num_classes: int) -> nn.Module:
    with torch.device('meta'):
        return create_network(name, num_classes)


@pytest.mark.parametrize(('name', 'classes', 'parameters', 'size_hw', 'gmacs'), COUNTS)
def test_count(name, classes, parameters, size_hw, gmacs):
    network = ghost(name, classes)
    assert parameter_count(network) == parameters
    if gmacs is not None:
        assert multiply_accumulates(network, size_hw) / 1e9 == pytest.approx(gmacs, rel=0.002)


def test_unet_mobilenet_is_the_published_count_less_what_is_unused():
    """Published: 9,930,632 parameters and 27.753 GMAC, unused layers counted."""
    network = ghost('unet_mobilenet', 20)
    with torch.device('meta'):
        to_conv5_6, to_conv6_1 = MobileNet(('conv5_6',)), MobileNet(('conv6_1',))
        classifier = nn.Conv2d(1024, 20, 1)
    unused_layer = parameter_count(to_conv6_1) - parameter_count(to_conv5_6)
    # depthwise 3x3 and pointwise 1x1, each with a bias and a BN, on 1024 channels
    assert unused_layer == 1024 * 9 + 1024 * 1024 + 2 * (1024 + 2 * 1024)
    assert parameter_count(classifier) == 20_500
    assert parameter_count(network) + unused_layer + 20_500 == 9_930_632
    cells = 512 * 1024 // 32**2
    unused_macs = cells * (1024 * 9 + 1024 * 1024 + 1024 * 20)
    macs = multiply_accumulates(network, (512, 1024))
    assert (macs + unused_macs) / 1e9 == pytest.approx(27.753, abs=0.001)
    assert macs / 1e9 == pytest.approx(27.753 - 0.552, abs=0.001)


def test_unused_parts_of_the_other_rtseg_networks():
    with torch.device('meta'):
        stages = ShuffleNet(('stage4',))
        tail = parameter_count(MobileNet(('conv6_1',))) - parameter_count(MobileNet(('conv4_1',)))
    assert stages.channels[0] * 20 + 20 == 19_220  # unet_shufflenet: the unused classifier
    assert tail == 3_082_240  # dilation_mobilenet: the unused half of the plain encoder


def test_parts_of_swiftnet():
    network = ghost('swiftnet_rn18', 19)
    parts = {
        name: parameter_count(network.get_submodule(name))
        for name in ('spp', 'upsample', 'logits', 'encoder')
    }
    assert parts == {
        'spp': 116_476, 'upsample': 501_376, 'logits': 2_707, 'encoder': 11_176_512,
    }  # fmt: skip


def test_swiftnet_pyramid():
    """12.02M and 123.4 GMAC by another build of the paper's description; BN per level on top."""
    network = ghost('swiftnet_rn18_pyr', 19)
    second_norms = 9_600  # ResNet-18 has 4,800 normalised channels
    joined = (64, 64 + 128, 128 + 256, 256 + 512, 512)
    decoder = sum(128 * c + 2 * c for c in joined) + 4 * (9 * 128 * 128 + 2 * 128) + 2_707
    assert parameter_count(network) == 11_176_512 + second_norms + decoder
    macs = multiply_accumulates(network, (1024, 2048))
    assert macs / 1e9 == pytest.approx(123.4, rel=0.002)
    ensemble = ghost('swiftnet_rn18_ens', 19)
    assert parameter_count(ensemble) == parameter_count(network) + 11_797_071


@pytest.mark.parametrize('name', list_networks())
def test_facts(name):
    facts = network_facts(name)
    network = ghost(name, facts.classes)
    assert network.stride == facts.stride
    assert (facts.published_operations is None) == (facts.published_size_hw is None)
    if facts.published_parameters and not name.startswith(('espnet', 'swiftnet_rn18_')):
        ours = parameter_count(network)
        assert ours == pytest.approx(facts.published_parameters, rel=0.02)


def test_transposed_convolutions_count_on_their_input():
    network = nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1)
    assert multiply_accumulates(network, (10, 20)) == 10 * 20 * 3 * 5 * 4 * 4
