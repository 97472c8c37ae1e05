# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Converts every network in fp32 and fp16 and prints the table of docs/conversion.md.

    python test/conversion/convert_zoo.py FRAMES [NETWORK ...]

FRAMES is a folder of images. The weights are random, with the statistics of two of the frames in
the normalisations: there are no trained ones of all networks. Random scores lie near each other,
so that rounding decides more often than in trained networks: where fp16 misses the tolerance, the
table also says how many labels torch itself changes when it computes in float16.
"""

from pathlib import Path
import sys
import tempfile

import torch
from torch import nn
from torch.nn import functional

from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.frames.sample import read_items
from rtseg_ros.labels import CAMVID
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.preprocess import (
    IMAGENET_MEAN_RGB,
    IMAGENET_STD_RGB,
    Preprocessing,
    image_from_frame,
)

SIZE_HW = (360, 480)
FRAMES = 4


def main(frames: Path, names: list[str]) -> None:
    """Print one row per network as it is done."""
    print('| network | fp32 | fp16 |', '|---|---|---|', sep='\n')
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / f'{name}.pth'
            network = settled(name, frames).eval()
            torch.save(network.state_dict(), weights)
            cells = [converted(weights, name, frames, kind) for kind in ('fp32', 'fp16')]
            if 'missed' in cells[1]:
                cells[1] += f' (torch.half: {100 * halved(network, frames):.2f} %)'
        print(f'| {name} | {" | ".join(cells)} |', flush=True)


def settled(name: str, frames: Path) -> SegmentationNetwork:
    """Make a network whose normalisations know frames."""
    torch.manual_seed(0)
    network = create_network(name, 11).train()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0  # the statistics are those of the next images alone
        elif isinstance(part, nn.Dropout | nn.Dropout2d):
            part.eval()
    with torch.no_grad():
        network(torch.cat(images_of(frames)[:2]))
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.clamp_(min=0.1)  # no gains that training would not leave
    return network


def images_of(folder: Path) -> list[torch.Tensor]:
    """Read the frames that the gate compares on, as input of the networks."""
    preprocessing = Preprocessing(SIZE_HW, 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB)
    items = read_items(folder, limit=FRAMES, labels=CAMVID)
    return [torch.from_numpy(image_from_frame(item.frame(), preprocessing)) for item in items]


@torch.no_grad()
def halved(network: SegmentationNetwork, frames: Path) -> float:
    """Return the share of pixels that torch labels otherwise when it computes in float16."""
    images = images_of(frames)
    exact = [network.coarse_logits(image) for image in images]
    network.half()
    pairs = [
        (e, network.coarse_logits(i.half()).float()) for e, i in zip(exact, images, strict=True)
    ]
    corners = network.align_corners
    labels = [[finished(logits, corners) for logits in pair] for pair in pairs]
    return float(torch.cat([first != second for first, second in labels]).float().mean())


def finished(logits: torch.Tensor, align_corners: bool) -> torch.Tensor:
    """Label at the size of the input."""
    full = functional.interpolate(
        logits, size=SIZE_HW, mode='bilinear', align_corners=align_corners
    )
    return full.argmax(dim=1)


def converted(weights: Path, name: str, frames: Path, precision: str) -> str:
    """Convert, and return the cell of the table."""
    settings = ConversionSettings(
        checkpoint=str(weights),
        output=str(weights.with_name(f'{precision}.onnx')),
        network=name,
        labels='camvid',
        preset='imagenet',
        size_hw=SIZE_HW,
        precision=precision,
        verify=str(frames),
        verify_frames=FRAMES,
        keep_anyway=True,
    )
    done = convert(settings, lambda stage, done, total: None)
    parity = done.parity
    share_of_pixels = parity.different_pixels / parity.pixels
    size_mb = done.model.stat().st_size / 1e6
    worst = min(parity.agreement[label] or 0.0 for label in parity.judged)
    return (
        f'{size_mb:.1f} MB, {100 * share_of_pixels:.4f} %, {worst:.4f}'
        f'{"" if parity.passed else " missed"}'
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2:] or list_networks())
