# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Published key names: the authors' networks and ours give the same logits."""

import published
import pytest
import torch

from rtseg_ros.conversion.checkpoint import Checkpoint, read_checkpoint
from rtseg_ros.conversion.key_layouts import layouts_of, stored_normalisation
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.networks import create_network

CLASSES = 19
CASES = {
    'linknet base': ('linknet', lambda: published.LinkNet(CLASSES, trunk=False)),
    'linknet trunk': ('linknet', lambda: published.LinkNet(CLASSES, trunk=True)),
    'lednet': ('lednet', lambda: published.LedNet(CLASSES)),
    'esnet': ('esnet', lambda: published.EsNet(CLASSES)),
    'swiftnet': ('swiftnet_rn18', lambda: published.SwiftNet(CLASSES)),
    'swiftnet pyramid': ('swiftnet_rn18_pyr', lambda: published.SwiftNetSum(CLASSES)),
}


@pytest.mark.parametrize('case', CASES)
def test_published_weights_give_published_logits(case, settled, tmp_path):
    name, build = CASES[case]
    swift = name.startswith('swiftnet')
    theirs = settled(build(), **({'spread': 60.0, 'centre': 90.0} if swift else {}))
    path = tmp_path / 'published.pth'
    wrapped = {f'module.{key}': value for key, value in theirs.state_dict().items()}
    torch.save({'epoch': 3, 'state_dict': wrapped}, path)
    checkpoint = read_checkpoint(path)
    ours, found = load_weights(checkpoint, name, outputs=(CLASSES, CLASSES + 1))
    assert found.layout.title != 'rtseg_ros'
    torch.manual_seed(1)
    image = torch.rand(1, 3, 128, 192) * 255
    given = image
    if swift:
        mean, std = stored_normalisation(checkpoint.weights)
        assert mean == (73.15, 82.9, 72.3)
        assert std == (47.67, 48.49, 47.73)
        given = (image - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    with torch.no_grad():
        expected, logits = theirs(image), ours(given)
    assert logits.shape == expected.shape
    assert expected.std() > 0.01
    assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize('case', CASES)
def test_each_weight_has_one_place(case):
    """Both ways: our keys and theirs are a one-to-one match, but for layers nobody runs."""
    name, build = CASES[case]
    theirs = build().state_dict()
    for number, key in enumerate(theirs):  # a value of its own for each key
        theirs[key] = torch.full_like(theirs[key], number)
    layout = next(item for item in layouts_of(name) if item.title != 'rtseg_ros')
    renamed = layout.rename(theirs)
    assert set(renamed) == set(layout.build(CLASSES).state_dict())
    unused = {key.split('.weight')[0].split('.bias')[0] for key in theirs} & {
        'encoder.output_conv', 'encoder_output_conv', 'backbone.img_mean', 'backbone.img_std'
    }  # fmt: skip
    numbers = {int(value.flatten()[0]) for value in renamed.values()}
    left_out = [key for number, key in enumerate(theirs) if number not in numbers]
    assert all(key.removesuffix('.weight').removesuffix('.bias') in unused for key in left_out)
    assert len(numbers) == len(renamed)


OLD_BLOCK = ('0.0', '0.1', '', '1.0', '1.1', '', '2', '3')


def old_torchvision_keys(weights):
    """MobileNetV2 blocks as torchvision numbered them first: conv.0 to conv.7, or conv.4."""
    renamed = {}
    for key, value in weights.items():
        parts = key.split('.')
        if parts[:2] == ['encoder', 'features'] and parts[3] == 'conv':
            names = OLD_BLOCK if parts[2] != '1' else ('0.0', '0.1', '', '1', '2')
            inner = '.'.join(parts[4:-1])
            key = '.'.join([*parts[:4], str(names.index(inner)), parts[-1]])
        renamed[key] = value
    return renamed


def test_old_torchvision_encoder(network):
    ours = network('swiftnet_mnv2')
    old = old_torchvision_keys(ours.state_dict())
    assert 'encoder.features.2.conv.6.weight' in old
    checkpoint = Checkpoint(path='x', sha256='', container='', weights=old)
    loaded, found = load_weights(checkpoint, 'swiftnet_mnv2', outputs=(11,))
    assert found.layout.title == 'torchvision encoder'
    torch.manual_seed(0)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(image), ours(image))


def test_espnet_keys_are_the_published_ones(network):
    for layout in layouts_of('espnet'):
        built = layout.build(12)
        keys = set(built.state_dict())
        assert {'encoder.level2_0.d16.conv.weight', 'up_l2.1.act.weight', 'br.running_var'} <= keys
    sides = {layout.build(12).conv.conv.in_channels for layout in layouts_of('espnet')}
    assert sides == {12 + 16, 12 + 19}  # the later revision and the earlier


def test_all_networks_have_a_layout():
    assert layouts_of('unet_mobilenet')[0].build(5).num_classes == 5
    assert isinstance(create_network('linknet', 3), type(layouts_of('linknet')[1].build(3)))
