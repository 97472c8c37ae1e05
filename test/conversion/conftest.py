# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Networks whose labels are worth comparing, and checkpoints made of them."""

from collections.abc import Callable

import pytest

pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')

import onnx
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.conversion.export import export_network
from rtseg_ros.labels import CAMVID
from rtseg_ros.networks import create_network
from rtseg_ros.networks.encoders import vgg16
from rtseg_ros.runtime.model_file import ModelMetadata
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.training.checkpoint import FORMAT

SIZE_HW = (64, 96)
ODD_HW = (70, 100)


@pytest.fixture(scope='session', autouse=True)
def _one_thread():
    """These networks are too small for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _settled(network: nn.Module, *, spread: float = 2.0, centre: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = 1.0
    network.train()
    for part in network.modules():
        if isinstance(part, nn.Dropout | nn.Dropout2d):
            part.eval()
    images = F.interpolate(torch.randn(2, 3, 5, 7) * spread + centre, SIZE_HW, mode='bicubic')
    with torch.no_grad():
        network(images)
    for norm in norms:
        norm.running_var.clamp_(min=0.1)  # few samples at 1/32: no extreme gains
    network.eval()
    with torch.no_grad():
        mean = network(images).mean(dim=(0, 2, 3))
        # An even start for all classes, at the layer where that is a matter of its bias.
        for part in network.modules():
            if getattr(part, 'out_channels', 0) == len(mean) and part.bias is not None:
                before = part.bias.clone()
                part.bias -= mean
                if network(images).mean(dim=(0, 2, 3)).abs().max() < 1e-3 * mean.abs().max():
                    break
                part.bias.copy_(before)
    return network


def _drawn(name: str, outputs: int) -> nn.Module:
    """Draw weights from seeds 0, 1, ... until the network says more than one class.

    Whatever ran before must not decide which weights a test gets, and labels that are all the
    same would compare equal whatever an export did.
    """
    for seed in range(20):
        torch.manual_seed(seed)
        network = _settled(create_network(name, outputs))
        coarse = torch.randn(4, 3, 5, 7, generator=torch.Generator().manual_seed(1)) * 2
        with torch.no_grad():
            labels = network(F.interpolate(coarse, SIZE_HW, mode='bicubic')).argmax(1)
        if all(len(image.unique()) > 1 for image in labels):
            return network
    raise AssertionError(f'{name}: 20 draws of weights, and each says one class only')


@pytest.fixture(scope='session')
def settled() -> Callable[..., nn.Module]:
    """Give a network random BN weights and the statistics of some images."""
    return _settled


@pytest.fixture(scope='session')
def network() -> Callable[..., nn.Module]:
    """Make a settled network of the zoo; made once, not to be changed."""
    made: dict[tuple[str, int], nn.Module] = {}

    def get(name: str, outputs: int = 11) -> nn.Module:
        if (name, outputs) not in made:
            with pytest.MonkeyPatch.context() as patch:
                # VGG-16's last layers cut down from 4096, for the time that 119M values take.
                patch.setattr(vgg16, 'FC_CHANNELS', 32)
                made[name, outputs] = _drawn(name, outputs)
        return made[name, outputs]

    return get


@pytest.fixture(scope='session')
def metadata() -> Callable[..., ModelMetadata]:
    """Describe a model for 96 x 64 RGB images."""

    def make(name: str = 'swiftnet_mnv2', **changes) -> ModelMetadata:
        preprocessing = Preprocessing(
            changes.pop('size_hw', SIZE_HW),
            changes.pop('channel_order', 'rgb'),
            (110.0, 120.0, 90.0),
            (60.0, 50.0, 70.0),
        )
        return ModelMetadata(name, changes.pop('labels', CAMVID), preprocessing, **changes)

    return make


@pytest.fixture(scope='session')
def exported(network, metadata, tmp_path_factory) -> Callable[..., onnx.ModelProto]:
    """Export a settled network of the zoo as float32: exported once, every call gives a copy.

    ``odd`` ones are for 100 x 70 pixels, which no stride divides, so that they pad inside.
    """
    folder = tmp_path_factory.mktemp('exported')

    def get(name: str = 'swiftnet_mnv2', *, odd: bool = False) -> onnx.ModelProto:
        path = folder / f'{name}_{odd}.onnx'  # 38 of them in memory would be a gigabyte
        if not path.exists():
            built = network(name)
            described = metadata(
                name, size_hw=ODD_HW if odd else SIZE_HW, align_corners=built.align_corners
            )
            onnx.save(export_network(built, described), path)
        return onnx.load(path)

    return get


@pytest.fixture
def own_checkpoint(network, metadata, tmp_path):
    """Write what ``rtseg train`` would write for a settled network."""

    def write(name: str = 'swiftnet_mnv2', **changes):
        path = tmp_path / 'best.pth'
        described = metadata(name)
        content = {
            'format': FORMAT,
            'network': name,
            'label_set': described.labels.to_dict(),
            'preprocessing': described.preprocessing.to_dict(),
            'val_data': 'camvid/val',
            'best_miou': 0.5,
            'iou': [0.5] * 10 + [float('nan')],
            'model': network(name).state_dict(),
        }
        torch.save(content | changes, path)
        return path

    return write
