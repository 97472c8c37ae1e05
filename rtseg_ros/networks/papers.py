# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the papers print of their networks, each in one entry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkFacts:
    """What a paper says about a network; figures as printed, None where it prints none.

    Attributes:
        paper: Authors, venue, year.
        section: Where the paper describes the network.
        licence: Licence of the authors' code (ours is written from the paper and that code's
            structure, and contains none of it).
        default_size_hw: Input height and width that the paper uses most.
        stride: Input pixels per pixel of the logits before the last bilinear interpolation.
        classes: Outputs that the figures below are for.
        encoder: Name of the encoder that weights trained on images fit; None if there is none.
        published_parameters: Number of learned values.
        published_operations: Operations of one image.
        published_size_hw: Input height and width that the operations are for.
        macs_per_operation: Multiply-accumulates per operation as the paper counts: 1, or 0.5
            where it counts multiplication and addition.
        published_camvid: Mean IoU on CamVid test with 11 classes, 0..1, and what it was had with.
        note: What to know about the comparison with our own count.
    """

    paper: str
    section: str
    licence: str
    default_size_hw: tuple[int, int]
    stride: int = 1
    classes: int = 19
    encoder: str | None = None
    published_parameters: float | None = None
    published_operations: float | None = None
    published_size_hw: tuple[int, int] | None = None
    macs_per_operation: float = 1.0
    published_camvid: tuple[float, str] | None = None
    note: str = ''

    @property
    def published_macs(self) -> float | None:
        """Multiply-accumulates of one image of published_size_hw."""
        if self.published_operations is None:
            return None
        return self.published_operations * self.macs_per_operation


LINKNET = NetworkFacts(
    paper='Chaurasia and Culurciello, VCIP 2017',
    section='III, Figures 1 to 3',
    licence='CC BY-NC 4.0',
    default_size_hw=(360, 640),
    encoder='resnet18',
    published_parameters=11.5e6,
    published_operations=21.2e9,
    published_size_hw=(360, 640),
    macs_per_operation=0.5,
    published_camvid=(0.6910, "768x576, authors' repository"),
    note='the paper counts transposed convolutions on their output and does not pad to 384 rows',
)
SWIFTNET = NetworkFacts(
    paper='Orsic et al., CVPR 2019',
    section='3.2, Figure 3',
    licence='GPL-3.0',
    default_size_hw=(1024, 2048),
    stride=4,
    encoder='resnet18',
    published_parameters=11.8e6,
    published_operations=104.0e9,
    published_size_hw=(1024, 2048),
    published_camvid=(0.7258, '960x720, ImageNet; 63.3 without'),
)
RTSEG = NetworkFacts(
    paper='Siam et al., ICIP 2018',
    section='2.1',
    licence='Apache-2.0',
    default_size_hw=(512, 1024),
    classes=20,
    macs_per_operation=0.5,
)
LEDNET = NetworkFacts(
    paper='Wang et al., ICIP 2019',
    section='2.2, Table 1',
    licence='MIT',
    default_size_hw=(512, 1024),
    stride=8,
    classes=20,
    published_parameters=0.94e6,
)
ESNET = NetworkFacts(
    paper='Wang et al., PRCV 2019',
    section='3.1, Table 1',
    licence='MIT',
    default_size_hw=(512, 1024),
    classes=20,
    published_parameters=1.66e6,
)
ESPNET = NetworkFacts(
    paper='Mehta et al., ECCV 2018',
    section='3 and 4.1, Figures 1 and 4',
    licence='MIT',
    default_size_hw=(512, 1024),
    classes=20,
    published_parameters=0.40e6,
    published_camvid=(0.5564, '480x360'),
    note='as the LEDNet paper prints it, with the decoder for 20 classes',
)
ESPNETV2 = NetworkFacts(
    paper='Mehta et al., CVPR 2019',
    section='3.1 to 3.3, scale 2.0',
    licence='MIT',
    default_size_hw=(512, 1024),
    stride=2,
    classes=20,
)
DDRNET = NetworkFacts(
    paper='Pan et al., T-ITS 2022',
    section='III-B to III-D, Table I',
    licence='MIT',
    default_size_hw=(1024, 2048),
    stride=8,
    published_parameters=5.7e6,
    published_operations=36.3e9,
    published_size_hw=(1024, 2048),
    published_camvid=(0.747, '960x720, ImageNet'),
)
PIDNET = NetworkFacts(
    paper='Xu et al., CVPR 2023',
    section='3.2 to 3.5',
    licence='MIT',
    default_size_hw=(1024, 2048),
    stride=8,
    published_parameters=7.6e6,
    published_operations=47.6e9,
    published_size_hw=(1024, 2048),
    published_camvid=(0.801, '960x720, Cityscapes'),
    note="the authors' code gives 47.194 GMAC too, counted as here",
)
