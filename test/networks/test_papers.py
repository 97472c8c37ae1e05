# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Details that the papers insist on."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.networks import create_network
from rtseg_ros.networks.esnet import ParallelFactorisedUnit
from rtseg_ros.networks.lednet import AttentionPyramid, Downsampler, SplitShuffle
from rtseg_ros.networks.swiftnet import SpatialPyramidPooling


def test_linknet_table_1():
    """Maps of a 256x256 input, encoder then decoder, channels x size (Table I)."""
    network = create_network('linknet', 19).eval()
    sizes = []
    for decoder in network.decoders:
        decoder.register_forward_hook(lambda _, __, y: sizes.append(tuple(y.shape[1:])))
    with torch.no_grad():
        encoded = [tuple(x.shape[1:]) for x in network.encoder(torch.zeros(1, 3, 256, 256))]
        assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 19, 256, 256)
    assert encoded == [(64, 64, 64), (64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8)]
    assert sizes == [(256, 16, 16), (128, 32, 32), (64, 64, 64), (64, 64, 64)]


def test_linknet_bypass_is_the_sum_of_the_encoders_inputs():
    torch.manual_seed(0)
    network = create_network('linknet', 4).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        stem, e1, e2, e3, e4 = network.encoder(image)
        d4, d3, d2, d1 = network.decoders
        x = d4(e4) + e3
        x = d3(x) + e2
        x = d2(x) + e1
        expected = network.head(d1(x) + stem)
        assert torch.equal(network(image), expected)
        network.bypass = False
        assert torch.equal(network(image), network.head(d1(d2(d3(d4(e4))))))


def test_lednet_downsampler_has_the_convolution_first():
    unit = Downsampler(3, 32).eval()
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        y = unit(x)
    assert y.shape == (1, 32, 4, 4)
    pooled = F.max_pool2d(x, 2, 2)
    torch.testing.assert_close(y[:, 29:], pooled / (1 + 1e-3) ** 0.5)


def test_lednet_unit_shuffles_its_halves():
    """With branches that give zero, the unit is a ReLU and a shuffle of two groups."""
    unit = SplitShuffle(8, dropout=0.3, dilation=2).eval()
    for norm in (unit.left[-2], unit.right[-2]):
        nn.init.zeros_(norm.weight)
    x = torch.arange(1.0, 9).reshape(1, 8, 1, 1).expand(1, 8, 4, 4)
    with torch.no_grad():
        assert unit(x)[0, :, 0, 0].tolist() == [1, 5, 2, 6, 3, 7, 4, 8]


def test_lednet_branches_are_mirrored():
    unit = SplitShuffle(8, dropout=0.3, dilation=9)
    kernels = [
        [(part.kernel_size, part.dilation) for part in branch if isinstance(part, nn.Conv2d)]
        for branch in (unit.left, unit.right)
    ]
    tall, wide = (3, 1), (1, 3)
    assert kernels[0] == [(tall, (1, 1)), (wide, (1, 1)), (tall, (9, 1)), (wide, (1, 9))]
    assert kernels[1] == [(wide, (1, 1)), (tall, (1, 1)), (wide, (1, 9)), (tall, (9, 1))]


@pytest.mark.parametrize('size_hw', [(8, 16), (45, 60)])
def test_lednet_decoder(size_hw):
    """Attention of one channel times the class maps, plus a constant per class."""
    torch.manual_seed(0)
    decoder = AttentionPyramid(6, 5).eval()
    x = torch.randn(1, 6, *size_hw)
    with torch.no_grad():
        rest = decoder(x) - decoder.context(x.mean(dim=(2, 3), keepdim=True))
        middle = decoder.middle(x)
        ratio = torch.where(middle > 1e-2, rest / middle, torch.nan)
    spread = ratio.nan_to_num(-1e9).amax(1) - ratio.nan_to_num(1e9).amin(1)
    assert spread[(middle > 1e-2).any(1)].abs().max() < 1e-3


def test_lednet_interpolates_with_aligned_corners():
    """From 8 to 64 pixels: every 9th falls on one of the coarse ones."""
    network = create_network('lednet', 5).eval()
    with torch.no_grad():
        image = torch.randn(1, 3, 64, 64)
        full, coarse = network(image), network.coarse_logits(image)
    assert coarse.shape == (1, 5, 8, 8)
    torch.testing.assert_close(full[..., ::9, ::9], coarse, rtol=1e-4, atol=1e-4)


def test_esnet_shares_one_norm_between_three_branches():
    unit = ParallelFactorisedUnit(4)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in unit.modules()) == 2
    calls = []
    unit.shared_bn.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        unit(torch.randn(2, 4, 20, 20))
    assert len(calls) == 3
    assert [branch[0].dilation for branch in unit.branches] == [(2, 1), (5, 1), (9, 1)]


def test_esnet_table_1():
    network = create_network('esnet', 19).eval()
    image = torch.zeros(1, 3, 64, 128)
    sizes, x = [], image
    with torch.no_grad():
        for layer in (*network.trunk, *network.decoder):
            x = layer(x)
            sizes.append(tuple(x.shape[1:]))
    assert list(dict.fromkeys(sizes)) == [
        (16, 32, 64), (64, 16, 32), (128, 8, 16), (19, 64, 128),
    ]  # fmt: skip
    assert len(network.trunk) == 11
    assert len(network.decoder) == 7


def test_swiftnet_pools_to_grids_of_the_images_shape():
    """8, 4 and 2 rows; columns by the aspect, here 2: 16, 8 and 4."""
    module = SpatialPyramidPooling(64).eval()
    pooled = []
    for level in module.levels:
        level.register_forward_hook(lambda _, args, __: pooled.append(tuple(args[0].shape[1:])))
    with torch.no_grad():
        assert module(torch.randn(1, 64, 16, 32)).shape == (1, 128, 16, 32)
    assert pooled == [(128, 8, 16), (128, 4, 8), (128, 2, 4)]


def test_swiftnet_pyramid_joins_equal_resolutions():
    network = create_network('swiftnet_rn18_pyr', 5).eval()
    sizes = []
    for module in network.upsample:
        module.register_forward_hook(lambda _, args, __: sizes.append(tuple(args[1].shape[1:])))
    with torch.no_grad():
        network(torch.randn(1, 3, 128, 256))
    assert sizes == [(768, 4, 8), (384, 8, 16), (192, 16, 32), (64, 32, 64)]


def test_swiftnet_ensemble_is_the_mean():
    torch.manual_seed(0)
    network = create_network('swiftnet_rn18_ens', 5).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = (network.single(image) + network.pyramid(image)) / 2
        torch.testing.assert_close(network(image), expected)


def test_skipnet_starts_as_interpolation_of_class_maps():
    """Only the deepest class map is not zero: the decoder enlarges it 32 times."""
    torch.manual_seed(0)
    network = create_network('skipnet_resnet18', 3).eval()
    for skip in network.skips:
        nn.init.zeros_(skip[0].weight)
    image = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        deepest = network.score(network.encoder(image)[-1])
        found = network(image)
        x = deepest
        for factor in (2, 2, 8):
            x = F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=False)
    torch.testing.assert_close(found[..., 64:96, 64:96], x[..., 64:96, 64:96])


@pytest.mark.parametrize('name', ['unet_mobilenet', 'unet_shufflenet', 'unet_vgg16'])
def test_unet_decoder_is_linear(name):
    """No activation outside the encoder, as in the published code."""
    with torch.device('meta'):
        network = create_network(name, 3)
    encoder = set(network.encoder.modules())
    outside = [part for part in network.modules() if part not in encoder]
    assert not any(isinstance(part, nn.ReLU | nn.ReLU6) for part in outside)


@pytest.mark.parametrize(
    ('name', 'rates'),
    [
        ('lednet', {0.03: 2 * 5, 0.3: 2 * 8}),  # two branches each
        ('esnet', {0.03: 5, 0.3: 3, 0.0: 4}),
        ('skipnet_vgg16', {0.5: 2}),
        ('dilation_vgg16', {0.5: 2}),
        ('unet_mobilenet', {0.5: 1}),
        ('unet_shufflenet', {0.5: 1}),
        ('linknet', {}),
    ],
)
def test_dropout(name, rates):
    with torch.device('meta'):
        network = create_network(name, 20)
    found = [part.p for part in network.modules() if isinstance(part, nn.Dropout | nn.Dropout2d)]
    assert {rate: found.count(rate) for rate in found} == rates


@pytest.mark.parametrize(
    ('name', 'epsilons'),
    [
        ('linknet', {1e-5}),
        ('lednet', {1e-3}),
        ('esnet', {1e-3}),
        ('espnet', {1e-3}),
        ('swiftnet_rn18', {1e-5}),
        ('skipnet_mobilenet', {1e-3}),
        ('skipnet_shufflenet', {1e-3, 1e-5}),  # 1e-5 in grouped 1x1 convolutions
        ('skipnet_vgg16', set()),
        ('unet_resnet18', {1e-3, 1e-5}),  # decoder, encoder
    ],
)
def test_epsilon_of_the_norms(name, epsilons):
    with torch.device('meta'):
        network = create_network(name, 20)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == epsilons
