"""Speed and accuracy as the papers print them, on the GPUs of their time; not measured here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row of a paper's table.

    Attributes:
        network: Name in the zoo.
        paper: Where it is printed.
        gpu: What it was measured on.
        size_hw: Input height and width in pixels.
        fps: Frames per second.
        miou: Mean IoU on Cityscapes, 0..1.
        split: Split of Cityscapes that the mIoU is for.
        parameters_m: Learned values, in millions.
    """

    network: str
    paper: str
    gpu: str
    size_hw: tuple[int, int]
    fps: float
    miou: float
    split: str
    parameters_m: float


PUBLISHED = (
    Published(
        'swiftnet_rn18', 'Orsic et al., CVPR 2019', 'GTX 1080 Ti', (1024, 2048), 39.9, 0.755,
        'test', 11.8,
    ),
    Published(
        'lednet', 'Wang et al., ICIP 2019', 'GTX 1080 Ti', (512, 1024), 71.0, 0.706, 'test', 0.94
    ),
    Published(
        'esnet', 'Wang et al., PRCV 2019', 'GTX 1080 Ti', (512, 1024), 63.0, 0.707, 'test', 1.66
    ),
    Published(
        'linknet', 'Chaurasia and Culurciello, VCIP 2017 (project page)', 'Titan X', (720, 1280),
        19.0, 0.764, 'val', 11.5,
    ),
)  # fmt: skip
