# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A made world for real nodes: a floor and a wall, as colours, depth and camera_info messages."""

from __future__ import annotations

import importlib.util
from typing import Any

import cv2
import numpy as np

if importlib.util.find_spec('rclpy'):  # else every test module skips with that reason
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField

    from rtseg_ros.nodes.messages import image_from_array

SIZE_HW = (120, 160)
K = (200.0, 0.0, 79.5, 0.0, 210.0, 59.5, 0.0, 0.0, 1.0)
P = (200.0, 0.0, 79.5, 0.0, 0.0, 210.0, 59.5, 0.0, 0.0, 0.0, 1.0, 0.0)
BENT = (-0.25, 0.08, 0.001, -0.0005, -0.01)
WALL_M, HEIGHT_M = 6.0, 1.2


def depth_m() -> np.ndarray:
    """(120, 160) float32: a floor 1.2 m below the camera, a wall 6 m ahead."""
    down = (np.arange(SIZE_HW[0]) - K[5]) / K[4]
    with np.errstate(divide='ignore'):
        floor = np.where(down > 0, HEIGHT_M / down, np.inf)
    rows = np.minimum(floor, WALL_M).astype(np.float32)
    return np.repeat(rows[:, None], SIZE_HW[1], axis=1)


def frame() -> np.ndarray:
    """(120, 160, 3) BGR: the floor green, the wall red, its left half blue."""
    on_wall = depth_m() == np.float32(WALL_M)
    picture = np.zeros((*SIZE_HW, 3), np.uint8)
    picture[..., 1] = np.where(on_wall, 0, 255)
    picture[..., 2] = np.where(on_wall, 255, 0)
    picture[:, :80][on_wall[:, :80]] = (255, 0, 0)
    return picture


def info_message(header: Any, **changes: Any) -> CameraInfo:
    values = {'width': 160, 'height': 120, 'distortion_model': 'plumb_bob', 'd': [0.0] * 5,
              'k': list(K), 'p': list(P), 'r': np.eye(3).ravel()}  # fmt: skip
    return CameraInfo(header=header, **values | changes)


def depth_message(header: Any, depth: np.ndarray | None = None) -> Image:
    """16UC1 in mm of uint16, 32FC1 in m of float32."""
    depth = np.round(depth_m() * 1000).astype(np.uint16) if depth is None else depth
    message = image_from_array(depth.view(np.uint8), 'mono8', header=header)
    message.width = depth.shape[1]
    message.encoding = '16UC1' if depth.dtype == np.uint16 else '32FC1'
    return message


def compressed_depth_message(header: Any) -> CompressedImage:
    depth = np.round(depth_m() * 1000).astype(np.uint16)
    data = bytes(12) + cv2.imencode('.png', depth)[1].tobytes()
    return CompressedImage(header=header, format='16UC1; compressedDepth png', data=data)


def cloud_message(header: Any, *, step: int = 1) -> PointCloud2:
    """An organised cloud of x, y, z with 16 bytes a point, every step-th pixel."""
    z = depth_m()[::step, ::step]
    v, u = np.mgrid[: SIZE_HW[0] : step, : SIZE_HW[1] : step]
    points = np.zeros((*z.shape, 4), np.float32)
    points[..., 0] = (u - K[2]) / K[0] * z
    points[..., 1] = (v - K[5]) / K[4] * z
    points[..., 2] = z
    return PointCloud2(
        header=header, height=z.shape[0], width=z.shape[1], point_step=16,
        row_step=16 * z.shape[1], is_dense=False, data=points.tobytes(),
        fields=[PointField(name=name, offset=4 * i, datatype=7, count=1)
                for i, name in enumerate('xyz')],
    )  # fmt: skip
