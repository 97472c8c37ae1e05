# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the camera stands on the ground: from parameters, or from TF where tf2_ros is there."""

from typing import Any

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError, SettingError
from rtseg_ros.nodes.spatial.parameters import GroundParameters
from rtseg_ros.spatial.ground import pose_from_angles


class FixedPose:
    """The pose that the parameters say."""

    def __init__(self, settings: GroundParameters) -> None:
        """Work it out."""
        self._pose = pose_from_angles(
            settings.x, settings.y, settings.z, settings.roll, settings.pitch, settings.yaw
        )

    def at(self, header: Header) -> np.ndarray:
        """Return the (4, 4) pose of the optical frame in the ground frame at an image's stamp."""
        return self._pose


class TfPose:
    """The pose that TF says at the image's stamp."""

    def __init__(self, node: Node, ground_frame: str) -> None:
        """Listen to TF.

        Raises:
            SettingError: If tf2_ros is not installed.
        """
        try:
            import tf2_ros
        except ImportError as error:
            raise SettingError(
                f'ground_from_tf needs tf2_ros, which cannot be imported ({error}); install '
                'ros-<distribution>-tf2-ros-py, or give the pose as ground_x to ground_yaw'
            ) from error
        self._frame = ground_frame
        self._error: type[Exception] = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def at(self, header: Header) -> np.ndarray:
        """Return the pose as ``FixedPose`` does.

        Raises:
            CalibrationError: If TF does not know it at that time.
        """
        try:
            found = self._buffer.lookup_transform(self._frame, header.frame_id, header.stamp)
        except self._error as error:
            raise CalibrationError(
                f"TF has no pose of '{header.frame_id}' in '{self._frame}' at the image's stamp: "
                f'{error}'
            ) from error
        return pose_from_transform(found.transform)


def pose_from_transform(transform: Any) -> np.ndarray:
    """Return geometry_msgs/Transform as a (4, 4) float64 matrix.

    Raises:
        CalibrationError: If its rotation is none.
    """
    q = transform.rotation
    values = np.array([q.x, q.y, q.z, q.w], np.float64)
    length = np.linalg.norm(values)
    if not np.isfinite(length) or abs(length - 1) > 1e-2:
        raise CalibrationError(f'TF has the rotation {values.tolist()}, which is no quaternion')
    x, y, z, w = values / length
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    t = transform.translation
    pose[:3, 3] = t.x, t.y, t.z
    return pose
