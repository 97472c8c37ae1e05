# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ``rtseg segment`` can be told of the model: the node's parameters, without ROS."""

from dataclasses import dataclass

from rtseg_ros.engines import ENGINES
from rtseg_ros.labels import UNLABELLED
from rtseg_ros.labels.palettes import PALETTES
from rtseg_ros.options import parameter
from rtseg_ros.runtime.resizes import RESIZES, ROTATIONS
from rtseg_ros.runtime.shipped import DEFAULT_MODEL


@dataclass(frozen=True)
class SegmentSettings:
    """Options that mean what the node's parameters of the same names mean."""

    model: str = parameter(DEFAULT_MODEL, 'Path of the .onnx model, or the name of a shipped one.')
    engine: str = parameter('onnxruntime', 'What runs the model.', choices=ENGINES)
    threads: int = parameter(
        0, 'Threads of one inference; 0 for one per core.', minimum=0, maximum=256
    )
    resize: str = parameter(
        'stretch',
        "How a frame gets the shape of the network's input: stretch it, letterbox (pad it) or "
        'crop (cut its middle).',
        choices=RESIZES,
    )
    roi: tuple[int, int, int, int] = parameter(
        (0, 0, 0, 0),
        'Region of interest in pixels of the frame: x, y, width, height; all 0 for the frame.',
        minimum=0,
        maximum=65536,
    )
    rotation: int = parameter(
        0, 'Degrees clockwise that turn the frames upright for the network.', choices=ROTATIONS
    )
    class_groups: str = parameter(
        '', 'YAML file that merges classes or makes some unlabelled; empty for all classes.'
    )
    min_confidence: float = parameter(
        0.0, 'Pixels below this confidence become unlabelled.', minimum=0.0, maximum=1.0
    )
    unlabelled_id: int = parameter(
        UNLABELLED, 'Value of unlabelled pixels in the masks; not the id of a class.',
        minimum=0, maximum=255,
    )  # fmt: skip
    overlay_alpha: float = parameter(
        0.5, 'Weight of the class colours in the overlay.', minimum=0.0, maximum=1.0
    )
    palette: str = parameter(
        'dataset',
        'Colours of the overlay: those of the data set, or distinct ones that are told apart by '
        'everybody, for up to 19 classes.',
        choices=PALETTES,
    )
    outlines: bool = parameter(False, 'Draw thin lines where classes meet in the overlay.')
