# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What holds for every network of the zoo."""

import copy
from functools import cache
import math

import pytest
import torch

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.network import SegmentationNetwork

pytestmark = pytest.mark.zoo

NAMES = (
    'linknet', 'linknet_nobypass', 'lednet', 'esnet', 'swiftnet_rn18', 'swiftnet_rn18_pyr',
    'swiftnet_rn18_ens', 'swiftnet_mnv2', 'swiftnet_mnv2_pyr', 'espnet', 'espnet_q3', 'espnet_q5',
    'espnetv2', 'espnetv2_s05', 'espnetv2_s10', 'espnetv2_s15', 'ddrnet23_slim', 'pidnet_s',
    *(f'{decoder}_{encoder}' for decoder in ('skipnet', 'unet', 'dilation')
      for encoder in ('vgg16', 'resnet18', 'mobilenet', 'shufflenet')),
)  # fmt: skip


@cache
def ghost(name: str) -> SegmentationNetwork:
    """A network of shapes without values; only its mode may be changed."""
    with torch.device('meta'):
        return create_network(name, 7)


def test_all_names_are_there():
    assert set(NAMES) <= set(list_networks())


@pytest.mark.parametrize('name', list_networks())
@pytest.mark.parametrize('size_hw', [(360, 480), (101, 133), (33, 32)])
def test_logits_have_input_size(name, size_hw, monkeypatch):
    network, shapes = ghost(name).train(), []
    coarse_logits = network.coarse_logits

    def noted(image):
        coarse = coarse_logits(image)
        shapes.append(coarse.shape)
        return coarse

    monkeypatch.setattr(network, 'coarse_logits', noted)
    logits = network(torch.empty(2, 3, *size_hw, device='meta'))
    assert logits.shape == (2, 7, *size_hw)
    assert shapes == [(2, 7, *(math.ceil(side / network.stride) for side in size_hw))]


@pytest.mark.parametrize('name', list_networks())
def test_logits_are_the_coarse_ones_interpolated(name, realistic):
    network = realistic(name)
    image = torch.randn(1, 3, 50, 70)
    with torch.no_grad():
        full, coarse = network(image), network.coarse_logits(image)
        if network.stride > 1:
            coarse = torch.nn.functional.interpolate(
                coarse, (50, 70), mode='bilinear', align_corners=network.align_corners
            )
    assert torch.equal(full, coarse)
    assert full.std() > 0.01
    assert full.isfinite().all()


@pytest.mark.parametrize('name', list_networks())
def test_half_precision(name, realistic, smooth_image):
    network = copy.deepcopy(realistic(name))
    torch.manual_seed(1)
    image = smooth_image((64, 96))
    with torch.no_grad():
        expected = network(image)
        logits = network.half()(image.half())
    assert logits.dtype == torch.float16
    assert logits.isfinite().all()
    assert (logits.argmax(1) == expected.argmax(1)).float().mean() > 0.9


@pytest.mark.parametrize('name', [n for n in list_networks() if 'vgg16' not in n])
def test_every_weight_learns(name):
    """No part is built and not used."""
    torch.manual_seed(0)
    network = create_network(name, 6).train()
    network(torch.randn(2, 3, 32, 64)).square().mean().backward()
    idle = {key for key, p in network.named_parameters() if p.grad is None}
    # Three activations that the published file holds and nothing runs.
    if name.startswith('espnetv2') and not name.endswith('_zh320'):
        assert idle == {f'base_net.level{i}_0.eesp.module_act.weight' for i in (2, 3, 4)}
    else:
        assert not idle


def test_too_small_input_names_the_nearest():
    network = create_network('lednet', 3)
    with pytest.raises(NetworkError, match=r'20x100 .*nearest size it can take is 32x100'):
        network(torch.zeros(1, 3, 20, 100))


@pytest.mark.parametrize('name', list_networks())
def test_smallest_input(name):
    network = ghost(name).eval()
    side = network.minimum_side
    with torch.device('meta'):
        assert network(torch.empty(1, 3, side, side)).shape == (1, 7, side, side)
        with pytest.raises(NetworkError, match=f'nearest size it can take is {side}x{side}'):
            network(torch.empty(1, 3, side - 1, side))


@pytest.mark.parametrize('shape', [(3, 64, 64), (1, 4, 64, 64), (1, 64, 64, 3)])
def test_refuses_other_shapes(shape):
    with pytest.raises(NetworkError, match='must be'):
        create_network('esnet', 3)(torch.zeros(shape))


@pytest.mark.parametrize('count', [0, 256])
def test_refuses_class_count(count):
    with pytest.raises(NetworkError, match=str(count)):
        create_network('linknet', count)


def test_refuses_class_count_of_espnet():
    with pytest.raises(NetworkError, match='num_classes is 4.* at least 5'):
        create_network('espnet', 4)
    create_network('espnet', 5)


def test_unknown_name():
    with pytest.raises(NetworkError, match="'segnet'.*linknet"):
        create_network('segnet')


def test_padding_does_not_change_what_fits():
    """A network that looks at single pixels: padded or not, the same values."""

    class Pixelwise(SegmentationNetwork):
        size_multiple = 32

        def decode(self, image):
            assert image.shape[2] % 32 == image.shape[3] % 32 == 0
            return image[:, :2] * 2

    image = torch.randn(1, 3, 45, 67)
    assert torch.equal(Pixelwise(2)(image), image[:, :2] * 2)
