# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of ``~/points`` and ``~/ground``; their names begin with points_ and ground_."""

from dataclasses import dataclass

from rtseg_ros.errors import SettingError
from rtseg_ros.labels import LabelSet
from rtseg_ros.options import parameter
from rtseg_ros.spatial.ground import GridExtent

DEPTH, COMPRESSED_DEPTH, CLOUD = SOURCES = ('depth', 'compressed_depth', 'cloud_in')
CAMERA, CLASS = COLORS = ('camera', 'class')


@dataclass(frozen=True)
class PointsParameters:
    """Parameters of ``~/points``."""

    source: str = parameter(
        'depth',
        'Where points come from: depth (Image), compressed_depth (depth/compressedDepth) or '
        'cloud_in (an organised PointCloud2, whose points get labels).',
        choices=SOURCES,
    )
    color: str = parameter(
        'camera', 'Colours of the points: those of the image, or of the classes.', choices=COLORS
    )
    stride: int = parameter(
        1, 'A point for every n-th pixel of every n-th row.', minimum=1, maximum=64
    )
    minimum_m: float = parameter(
        0.0, 'Nearest depth that makes a point, metres.', minimum=0.0, maximum=1000.0
    )
    maximum_m: float = parameter(
        100.0, 'Farthest depth that makes a point, metres.', minimum=0.0, maximum=1e6
    )
    classes: tuple[str, ...] = parameter(
        ('',), 'Names of the classes that get points; one empty name for all.'
    )
    tolerance_ms: float = parameter(
        10.0,
        'How far the stamps of image and depth may lie apart, ms; the nearest one is taken.',
        minimum=0.0, maximum=10000.0,
    )  # fmt: skip
    queue: int = parameter(
        10, 'Most masks that wait for depth, and most depth that waits for masks.',
        minimum=1, maximum=100,
    )  # fmt: skip


@dataclass(frozen=True)
class GroundParameters:
    """Parameters of ``~/ground``."""

    frame: str = parameter(
        'base_footprint', 'Frame of the grid; its x and y axes lie in the ground.'
    )
    from_tf: bool = parameter(
        False, "Take the camera's pose from TF (tf2_ros) in place of the six values below."
    )
    x: float = parameter(
        0.0, 'Place of the camera in that frame, forward, metres.', minimum=-1e4, maximum=1e4
    )
    y: float = parameter(0.0, 'Its place to the left, metres.', minimum=-1e4, maximum=1e4)
    z: float = parameter(1.0, 'Its height, metres.', minimum=-1e4, maximum=1e4)
    roll: float = parameter(
        0.0, 'Of the body of the camera (x forward, z up), radians.', minimum=-7.0, maximum=7.0
    )
    pitch: float = parameter(
        0.0, 'Likewise, radians; positive looks down.', minimum=-7.0, maximum=7.0
    )
    yaw: float = parameter(
        0.0, 'Likewise, radians; positive looks left.', minimum=-7.0, maximum=7.0
    )
    resolution_m: float = parameter(0.05, 'Edge of a cell, metres.', minimum=0.001, maximum=100.0)
    x_min_m: float = parameter(0.0, 'Nearest cells, metres.', minimum=-1e4, maximum=1e4)
    x_max_m: float = parameter(10.0, 'Farthest cells, metres.', minimum=-1e4, maximum=1e4)
    y_min_m: float = parameter(-5.0, 'Rightmost cells, metres.', minimum=-1e4, maximum=1e4)
    y_max_m: float = parameter(5.0, 'Leftmost cells, metres.', minimum=-1e4, maximum=1e4)
    driveable: tuple[str, ...] = parameter(
        ('driveable',),
        'Names of the classes on which the robot can drive, e.g. a group of class_groups.',
    )

    def extent(self) -> GridExtent:
        """Return the cells.

        Raises:
            SettingError: If they cannot be meant.
        """
        return GridExtent(
            self.resolution_m, self.x_min_m, self.x_max_m, self.y_min_m, self.y_max_m
        )


def class_ids(names: tuple[str, ...], labels: LabelSet, *, parameter_name: str) -> frozenset[int]:
    """Return the ids of classes.

    Raises:
        SettingError: If the model has no such class.
    """
    known = {name: index for index, name in enumerate(labels.names)}
    absent = [name for name in names if name not in known]
    if absent:
        raise SettingError(
            f"{parameter_name}: there is no class '{absent[0]}'; the model has "
            f'{", ".join(labels.names)}. Name them, or merge some with class_groups'
        )
    return frozenset(known[name] for name in names)
