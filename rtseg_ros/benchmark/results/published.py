# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Speed and accuracy as the papers print them, on the GPUs of their time; not measured here."""

from dataclasses import dataclass

from rtseg_ros.networks.zoo import network_facts


@dataclass(frozen=True)
class Published:
    """One row of a paper's table; what the zoo knows of the network is taken from there.

    Attributes:
        network: Name in the zoo.
        gpu: What it was measured on.
        size_hw: Input height and width in pixels.
        fps: Frames per second.
        miou: Mean IoU on Cityscapes, 0..1.
        split: Split of Cityscapes that the mIoU is for.
        where: Where it is printed, if not in the paper.
    """

    network: str
    gpu: str
    size_hw: tuple[int, int]
    fps: float
    miou: float
    split: str
    where: str = ''

    @property
    def paper(self) -> str:
        """The paper, and where else it is printed."""
        paper = network_facts(self.network).paper
        return f'{paper} ({self.where})' if self.where else paper

    @property
    def parameters_m(self) -> float:
        """Learned values as the paper prints them, in millions."""
        parameters = network_facts(self.network).published_parameters
        assert parameters is not None
        return parameters / 1e6


PUBLISHED = (
    Published('swiftnet_rn18', 'GTX 1080 Ti', (1024, 2048), 39.9, 0.755, 'test'),
    Published('lednet', 'GTX 1080 Ti', (512, 1024), 71.0, 0.706, 'test'),
    Published('esnet', 'GTX 1080 Ti', (512, 1024), 63.0, 0.707, 'test'),
    Published('linknet', 'Titan X', (720, 1280), 19.0, 0.764, 'val', 'project page'),
)
