# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A grid of the ground in front of the robot, from one mask: where it can drive, where not.

Every cell of a flat ground is looked up in the mask. What stands up from the ground hides what
is behind it, so its cells get its class: one frame, no map.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import math

import numpy as np

from rtseg_ros.errors import SettingError
from rtseg_ros.spatial.camera_model import CameraModel

FREE, OCCUPIED, UNKNOWN = 0, 100, -1  # of nav_msgs/OccupancyGrid
# Optical axes (right, down, forward) in those of a body (forward, left, up): REP-103.
_BODY_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
_LARGEST = 4_000_000  # cells


@dataclass(frozen=True)
class GridExtent:
    """Cells of the ground.

    Attributes:
        resolution_m: Edge of a cell.
        x_min_m, x_max_m: Nearest and farthest, forward of the ground frame.
        y_min_m, y_max_m: Rightmost (negative) and leftmost.
    """

    resolution_m: float = 0.05
    x_min_m: float = 0.0
    x_max_m: float = 10.0
    y_min_m: float = -5.0
    y_max_m: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            SettingError: Naming the values.
        """
        values = (self.resolution_m, self.x_min_m, self.x_max_m, self.y_min_m, self.y_max_m)
        if not np.isfinite(values).all() or self.resolution_m <= 0:
            raise SettingError(f'the grid has resolution and extent {values}; give finite metres')
        if self.x_max_m <= self.x_min_m or self.y_max_m <= self.y_min_m:
            raise SettingError(
                f'the grid goes from x {self.x_min_m} to {self.x_max_m} and from y '
                f'{self.y_min_m} to {self.y_max_m}; the second must be the larger one'
            )
        if self.width * self.height > _LARGEST:
            raise SettingError(
                f'the grid has {self.width} x {self.height} cells; take a coarser resolution '
                f'(at most {_LARGEST} cells)'
            )

    @property
    def width(self) -> int:
        """Cells along x."""
        return max(1, round((self.x_max_m - self.x_min_m) / self.resolution_m))

    @property
    def height(self) -> int:
        """Cells along y."""
        return max(1, round((self.y_max_m - self.y_min_m) / self.resolution_m))


def pose_from_angles(
    x: float, y: float, z: float, roll: float, pitch: float, yaw: float
) -> np.ndarray:
    """Return the (4, 4) float64 pose of the optical frame of a camera in the ground frame.

    Args:
        x: Forward place of the camera, metres.
        y: Its place to the left, metres.
        z: Its height, metres.
        roll: Of its body (x forward, z up) about x, radians, as in URDF.
        pitch: About y; positive looks down.
        yaw: About z; positive looks left.
    """
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a), math.sin(a)) for a in (roll, pitch, yaw))
    turn = (
        np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    )
    pose = np.eye(4)
    pose[:3, :3] = turn @ _BODY_FROM_OPTICAL
    pose[:3, 3] = x, y, z
    return pose


class GroundGrid:
    """Looks the cells of the ground up in masks of one camera that stands in one place.

    Attributes:
        extent: The cells.
        seen: (height, width) bool, whether the camera sees the cell.
    """

    def __init__(self, camera: CameraModel, pose: np.ndarray, extent: GridExtent) -> None:
        """Work out which pixel shows the middle of each cell.

        Args:
            camera: Of the mask.
            pose: (4, 4) float, of the optical frame in the ground frame, whose z = 0 is the
                ground.
            extent: The cells.
        """
        self.extent, self._size_hw = extent, camera.size_hw
        x = extent.x_min_m + (np.arange(extent.width) + 0.5) * extent.resolution_m
        y = extent.y_min_m + (np.arange(extent.height) + 0.5) * extent.resolution_m
        places = np.zeros((extent.height, extent.width, 3))
        places[..., 0], places[..., 1] = x[None, :], y[:, None]
        pose = np.asarray(pose, np.float64)
        points = (places.reshape(-1, 3) - pose[:3, 3]) @ pose[:3, :3]
        ahead = points[:, 2] > 1e-6
        pixels = np.full((len(points), 2), -1.0)
        if ahead.any():
            pixels[ahead] = camera.pixels_from_points(points[ahead])
        # A polynomial far outside of the image can fold back into it.
        straight = np.full(len(points), False)
        if camera.is_distorted:
            rays = points[ahead, :2] / points[ahead, 2:]
            back = camera.rays_from_pixels(pixels[ahead])
            straight[ahead] = np.abs(rays - back).max(axis=1) < 1e-2 * (
                1 + np.abs(rays).max(axis=1)
            )
        else:
            straight = ahead
        height, width = camera.size_hw
        with np.errstate(invalid='ignore'):
            column, row = np.floor(pixels + 0.5).T
            inside = straight & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        # Above the horizon nothing is ground: a camera under or in the plane sees none.
        inside &= pose[2, 3] > 0
        self.seen = inside.reshape(extent.height, extent.width)
        self._cells = np.flatnonzero(inside)
        self._pixels = (row[inside] * width + column[inside]).astype(np.intp)

    def grid(
        self,
        labels: np.ndarray,
        *,
        driveable: Iterable[int],
        unlabelled_id: int = 255,
        confidence: np.ndarray | None = None,
        min_confidence: float = 0.0,
    ) -> np.ndarray:
        """Return the cells' state.

        Args:
            labels: (H, W) uint8 mask of the camera.
            driveable: Ids on which the robot can drive.
            unlabelled_id: Mask value that says nothing.
            confidence: (H, W) uint8, 255 = certain.
            min_confidence: Cells below it are unknown, 0 to 1.

        Returns:
            (height, width) int8, row 0 at the smallest y: 0 driveable, 100 not, -1 unknown.

        Raises:
            SettingError: If the mask has not the camera's size.
        """
        if labels.shape != self._size_hw:
            raise SettingError(
                f'the mask is {labels.shape[1]} x {labels.shape[0]} and camera_info is of '
                f'{self._size_hw[1]} x {self._size_hw[0]}'
            )
        table = np.full(256, OCCUPIED, np.int8)
        table[list(driveable)] = FREE
        table[unlabelled_id] = UNKNOWN
        values = table[labels.ravel()[self._pixels]]
        if confidence is not None and min_confidence > 0:
            unsure = confidence.ravel()[self._pixels] < math.ceil(255 * min_confidence)
            values[unsure] = UNKNOWN
        cells = np.full(self.extent.height * self.extent.width, UNKNOWN, np.int8)
        cells[self._cells] = values
        return cells.reshape(self.extent.height, self.extent.width)
