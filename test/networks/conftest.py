# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Networks with weights that make their labels worth comparing, without training."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.networks import create_network
from rtseg_ros.networks.encoders import vgg16

CLASSES = 11


@pytest.fixture(scope='session', autouse=True)
def _one_thread():
    """These networks are too small for more; waiting threads only slow others down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _smooth_image(size_hw: tuple[int, int], *, batch: int = 1) -> torch.Tensor:
    coarse = torch.randn(batch, 3, 5, 7) * 2
    return F.interpolate(coarse, size_hw, mode='bicubic', align_corners=False)


@pytest.fixture
def smooth_image() -> Callable[..., torch.Tensor]:
    """Make (batch, 3, H, W) with areas of different colour, as a picture has."""
    return _smooth_image


@pytest.fixture(scope='session')
def realistic() -> Callable[[str], nn.Module]:
    """Give a network whose BN has random weights and fitting statistics; not to be changed.

    With untouched random weights many of these networks give every pixel the same label.
    """
    made: dict[str, nn.Module] = {}

    def get(name: str) -> nn.Module:
        if name not in made:
            made[name] = _realistic(name)
        return made[name]

    return get


def _realistic(name: str) -> nn.Module:
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        # VGG-16's last layers cut down from 4096, for the time that 119M values take.
        patch.setattr(vgg16, 'FC_CHANNELS', 32)
        network = create_network(name, CLASSES)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = 1.0
    network.train()
    for part in network.modules():
        if isinstance(part, nn.Dropout | nn.Dropout2d):
            part.eval()
    with torch.no_grad():
        images = _smooth_image((64, 96), batch=2)
        network(images)
        for norm in norms:
            norm.running_var.clamp_(min=0.1)  # few samples at 1/32: no extreme gains
        # An even start for all classes: take the mean away where the last layer has a bias
        # (LEDNet ends with a product and BN).
        last = [
            part
            for part in network.modules()
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)
            and part.bias is not None
            and part.out_channels == CLASSES
            and name != 'lednet'
        ]
        network.eval()
        if last:
            last[-1].bias -= network(images).mean(dim=(0, 2, 3))
    return network
