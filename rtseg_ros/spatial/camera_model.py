# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera's calibration: from sensor_msgs/CameraInfo to rays and pixels.

Frames are optical (REP-103): x right, y down, z forward. Pixel (u, v) is the centre of a square.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np

from rtseg_ros.errors import CalibrationError

# Numbers of coefficients that each model of sensor_msgs/distortion_models may have.
MODELS = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}

_STEPS, _EXACT = 40, 1e-9


class CameraInfoLike(Protocol):
    """The fields of sensor_msgs/CameraInfo, whichever library made the object."""

    width: int
    height: int
    distortion_model: str
    d: Any
    k: Any
    r: Any
    p: Any


@dataclass(frozen=True)
class CameraModel:
    """How points become pixels.

    Attributes:
        size_hw: Size of the calibrated image.
        matrix: Row-major 3 x 3 intrinsic matrix (K).
        distortion_model: A key of ``MODELS``, or empty for none.
        distortion: Its coefficients (D).
        rotation: Row-major 3 x 3 rectification (R).
        projection: Row-major 3 x 3 matrix of the rectified camera (the left part of P).
        baseline: Fx * Tx of a stereo pair's second camera, in pixels times metres; else 0.
    """

    size_hw: tuple[int, int]
    matrix: tuple[float, ...]
    distortion_model: str
    distortion: tuple[float, ...]
    rotation: tuple[float, ...]
    projection: tuple[float, ...]
    baseline: float = 0.0

    @property
    def k(self) -> np.ndarray:
        """(3, 3) float64 intrinsic matrix of the image as the camera gives it."""
        return np.array(self.matrix).reshape(3, 3)

    @property
    def r(self) -> np.ndarray:
        """(3, 3) float64 rotation from the camera to the rectified camera."""
        return np.array(self.rotation).reshape(3, 3)

    @property
    def p(self) -> np.ndarray:
        """(3, 3) float64 intrinsic matrix of the rectified image."""
        return np.array(self.projection).reshape(3, 3)

    @property
    def is_distorted(self) -> bool:
        """Whether straight lines are bent."""
        return bool(self.distortion_model) and any(self.distortion)

    def rectified(self) -> 'CameraModel':
        """Return the camera that an image belongs to once it is rectified."""
        identity = tuple(np.eye(3).ravel().tolist())
        return CameraModel(
            self.size_hw, self.projection, '', (), identity, self.projection, self.baseline
        )

    def on_grid(
        self, source_from_mask: tuple[float, float, float, float], size_hw: tuple[int, int]
    ) -> 'CameraModel':
        """Return the same camera with other pixels.

        Args:
            source_from_mask: Scale and offset along x, then y: this camera's pixel of the new one.
            size_hw: Of the new image.
        """
        scale_x, offset_x, scale_y, offset_y = source_from_mask

        def moved(matrix: tuple[float, ...]) -> tuple[float, ...]:
            fx, skew, cx, zero, fy, cy, *last = matrix
            return (
                fx / scale_x, skew / scale_x, (cx - offset_x) / scale_x,
                zero / scale_y, fy / scale_y, (cy - offset_y) / scale_y,
                *last,
            )  # fmt: skip

        return replace(
            self,
            size_hw=size_hw,
            matrix=moved(self.matrix),
            projection=moved(self.projection),
            baseline=self.baseline / scale_x,
        )

    def pixels_from_points(self, points: np.ndarray) -> np.ndarray:
        """Project points of the optical frame.

        Args:
            points: (N, 3) float, z above 0.

        Returns:
            (N, 2) float64 pixels u, v of the image as the camera gives it.
        """
        points = np.ascontiguousarray(points, np.float64).reshape(-1, 1, 3)
        zero = np.zeros(3)
        project = cv2.fisheye.projectPoints if self._is_fisheye else cv2.projectPoints
        pixels, _ = project(points, zero, zero, self.k, self._coefficients())
        return np.asarray(pixels).reshape(-1, 2)

    def rays_from_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return the points at depth 1 that pixels show.

        Args:
            pixels: (N, 2) float u, v of the image as the camera gives it.

        Returns:
            (N, 2) float64 x and y in the optical frame at z = 1.
        """
        pixels = np.ascontiguousarray(pixels, np.float64).reshape(-1, 1, 2)
        if not self.is_distorted:
            fx, fy, cx, cy = self.k[0, 0], self.k[1, 1], self.k[0, 2], self.k[1, 2]
            return (pixels.reshape(-1, 2) - (cx, cy)) / (fx, fy)
        undistort = cv2.fisheye.undistortPoints if self._is_fisheye else cv2.undistortPoints
        rays = undistort(pixels, self.k, self._coefficients()).reshape(-1, 2)
        # OpenCV stops after a few steps, far from exact at a wide lens's edge.
        for _ in range(_STEPS):
            points = np.column_stack([rays, np.ones(len(rays))])
            error = self.pixels_from_points(points) - pixels.reshape(-1, 2)
            error /= self.k[0, 0], self.k[1, 1]
            rays = rays - np.clip(np.nan_to_num(error), -0.1, 0.1)
            if np.abs(error).max(initial=0.0) < _EXACT:
                break
        return rays

    @property
    def _is_fisheye(self) -> bool:
        return self.distortion_model == 'equidistant' and self.is_distorted

    def _coefficients(self) -> np.ndarray:
        return np.array(self.distortion if self.is_distorted else (0.0,) * 4)


def camera_model_from_info(info: CameraInfoLike) -> CameraModel:
    """Read a calibration.

    Raises:
        CalibrationError: If the camera is not calibrated or the message cannot be meant: no focal
            length, numbers that are not finite, an unknown model or a wrong number of
            coefficients.
    """
    matrix = _numbers(info, 'k', 9)
    if not (matrix[0] > 0 and matrix[4] > 0):
        raise CalibrationError(
            f'camera_info has the focal lengths {matrix[0]:g} and {matrix[4]:g}: the camera is '
            'not calibrated; calibrate it, or give its driver the calibration file'
        )
    if info.width < 1 or info.height < 1:
        raise CalibrationError(
            f'camera_info says the image is {info.width} x {info.height} pixels; set the size '
            'that the calibration was made at'
        )
    name, coefficients = info.distortion_model, tuple(float(value) for value in info.d)
    if any(coefficients):
        if name not in MODELS:
            raise CalibrationError(
                f"camera_info has the distortion model '{name}'; known are {', '.join(MODELS)}"
            )
        if len(coefficients) not in MODELS[name]:
            raise CalibrationError(
                f'camera_info has {len(coefficients)} coefficients for {name}; it takes '
                f'{" or ".join(map(str, MODELS[name]))}'
            )
        if not np.isfinite(coefficients).all():
            raise CalibrationError('camera_info has distortion coefficients that are not finite')
    rotation = _numbers(info, 'r', 9)
    if not any(rotation):  # as drivers of single cameras leave it
        rotation = tuple(np.eye(3).ravel().tolist())
    projection = _numbers(info, 'p', 12)
    left = projection[0:3] + projection[4:7] + projection[8:11]
    if not any(projection):
        left = matrix
    elif not (left[0] > 0 and left[4] > 0):
        raise CalibrationError(
            f'camera_info has the rectified focal lengths {left[0]:g} and {left[4]:g} in P; '
            'calibrate the camera again, or leave P empty'
        )
    return CameraModel(
        (int(info.height), int(info.width)),
        matrix,
        name if any(coefficients) else '',
        coefficients if any(coefficients) else (),
        rotation,
        left,
        projection[3],
    )


def _numbers(info: CameraInfoLike, name: str, count: int) -> tuple[float, ...]:
    values = tuple(float(value) for value in getattr(info, name))
    if len(values) != count or not np.isfinite(values).all():
        raise CalibrationError(
            f'camera_info has {name.upper()} = {list(values)}; expected {count} finite numbers'
        )
    return values
