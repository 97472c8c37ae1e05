# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``~/ground`` of one camera: the cells of the ground as the mask shows them, one frame each."""

from array import array
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError, RtsegError, SettingError
from rtseg_ros.frames.outcomes import GROUND_BINS
from rtseg_ros.labels import LabelSet
from rtseg_ros.nodes.output_table import BY_NAME
from rtseg_ros.nodes.spatial.account import OutputAccount
from rtseg_ros.nodes.spatial.calibration import Calibration
from rtseg_ros.nodes.spatial.parameters import GroundParameters, class_ids
from rtseg_ros.runtime.geometry import Layout
from rtseg_ros.spatial.ground import GroundGrid


class Pose(Protocol):
    """Knows where the camera stands."""

    def at(self, header: Header) -> np.ndarray:
        """Return the (4, 4) pose of the optical frame in the ground frame."""


class GroundTopic:
    """Looks the cells up and publishes them.

    Attributes:
        account: Where the masks ended.
    """

    def __init__(
        self,
        settings: GroundParameters,
        calibration: Calibration,
        pose: Pose,
        publish: Callable[[Any], None],
    ) -> None:
        """Set up.

        Args:
            settings: Of the grid.
            calibration: Of the camera.
            pose: Of the camera.
            publish: Sends a message.
        """
        self.account = OutputAccount('ground', GROUND_BINS)
        self._settings = settings
        self._extent = settings.extent()
        self._calibration = calibration
        self._pose = pose
        self._publish = publish
        self._grid: tuple[Any, GroundGrid] | None = None

    def add_mask(
        self,
        labels_array: np.ndarray,
        *,
        header: Header,
        layout: Layout,
        labels: LabelSet,
        unlabelled_id: int,
    ) -> None:
        """Publish the grid of one mask; what is wrong is counted.

        Args:
            labels_array: (H, W) uint8.
            header: The image's.
            layout: How the mask lies on the frame.
            labels: What the ids mean.
            unlabelled_id: Value without a class.
        """
        try:
            driveable = class_ids(
                self._settings.driveable, labels, parameter_name='ground_driveable'
            )
            camera = self._calibration.camera_of_mask(layout, header.frame_id)
        except CalibrationError as error:
            self.account.finish('no_calibration', reason=error)
            return
        except SettingError as error:
            self.account.finish('refused', reason=error)
            return
        try:
            pose = self._pose.at(header)
        except RtsegError as error:
            self.account.finish('no_pose', reason=error)
            return
        try:
            key = (camera, pose.tobytes())
            if self._grid is None or self._grid[0] != key:
                self._grid = key, GroundGrid(camera, pose, self._extent)
            cells = self._grid[1].grid(
                labels_array, driveable=driveable, unlabelled_id=unlabelled_id
            )
            self._publish(self._message(cells, header))
        except Exception as error:  # noqa: BLE001  the node must outlive any one message
            self.account.finish('failed', reason=error)
            return
        self.account.finish('published')

    def _message(self, cells: np.ndarray, header: Header) -> Any:
        kind = BY_NAME['ground'].message_type()
        message = kind(header=Header(stamp=header.stamp, frame_id=self._settings.frame))
        extent, info = self._extent, message.info
        info.map_load_time = header.stamp
        info.resolution = float(extent.resolution_m)
        info.width, info.height = extent.width, extent.height
        info.origin.position.x = float(extent.x_min_m)
        info.origin.position.y = float(extent.y_min_m)
        info.origin.orientation.w = 1.0
        # Taken as it is; a list would be checked cell by cell.
        data = array('b')
        data.frombytes(cells.data.cast('B'))
        message.data = data
        return message
