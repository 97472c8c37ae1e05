# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The calibration of one camera as camera_info says it, and what is worked out from it once."""

from collections.abc import Callable
import math
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo

from rtseg_ros.errors import CalibrationError
from rtseg_ros.nodes.messages import camera_info_of_frame, fits, rectified_info
from rtseg_ros.runtime.geometry import Layout
from rtseg_ros.spatial.camera_model import CameraModel, camera_model_from_info
from rtseg_ros.spatial.rectify import rectifier

OFF, OUTPUT, INSIDE = RECTIFY = ('off', 'output', 'inside')


class Calibration:
    """Keeps the latest camera_info; a changed one is said, and all is worked out anew.

    Attributes:
        topic: Where it comes from.
        info: The latest message; None before the first one.
        rectify: ``off``, ``output`` or ``inside``.
    """

    def __init__(
        self,
        topic: str,
        *,
        rectify: str,
        rectified_images: bool,
        roi: tuple[int, int, int, int] | None,
        log: Callable[[str], None],
    ) -> None:
        """Start without one.

        Args:
            topic: Full name, for sentences.
            rectify: What is done to images and masks.
            rectified_images: Whether images come rectified, so that P describes them.
            roi: Region of interest x, y, width, height; only it is rectified.
            log: Gets a sentence when a calibration changes.
        """
        self.topic, self.rectify = topic, rectify
        self.info: CameraInfo | None = None
        self._rectified_images = rectified_images
        self._roi = roi
        self._log = log
        self._key: tuple[Any, ...] = ()
        self._said: tuple[Any, ...] = ()
        self._made: dict[Any, CameraModel] = {}

    def on_info(self, message: CameraInfo) -> None:
        """Take a message."""
        key = _key(message)
        if key != self._key:
            if self._said:
                self._log(
                    f'the calibration on {self.topic} has changed: {message.width} x '
                    f'{message.height}, focal length {message.k[0]:.1f}; it holds from now on'
                )
            self._key = self._said = key
            self._made = {}
        self.info = rectified_info(message) if self._rectified_images else message

    def forget(self) -> None:
        """Forget the message: nobody listens any more."""
        self.info, self._key, self._made = None, (), {}

    def camera(self, size_hw: tuple[int, int]) -> CameraModel:
        """Return the camera of frames of a size, as they come.

        Raises:
            CalibrationError: If there is no calibration, or not of such frames.
        """
        info, made = self.info, self._made
        if info is None:
            raise CalibrationError(
                f'no camera_info has come on {self.topic}; start its publisher, or remap '
                'camera_info'
            )
        if size_hw not in made:
            if not fits(info, size_hw):
                raise CalibrationError(
                    f'camera_info on {self.topic} is of {info.width} x {info.height} and the '
                    f'image is {size_hw[1]} x {size_hw[0]}: it belongs to another camera or '
                    'another mode of this one'
                )
            made[size_hw] = camera_model_from_info(camera_info_of_frame(info, size_hw))
        return made[size_hw]

    def camera_of_frame(self, size_hw: tuple[int, int], frame_id: str) -> CameraModel:
        """Return the camera of frames of a size and a frame_id, as ``camera`` does."""
        info = self.info
        if info is not None and info.header.frame_id and frame_id != info.header.frame_id:
            raise CalibrationError(
                f"camera_info on {self.topic} is of frame '{info.header.frame_id}' and the image "
                f"of '{frame_id}': it belongs to another camera"
            )
        return self.camera(size_hw)

    def camera_of_mask(self, layout: Layout, frame_id: str) -> CameraModel:
        """Return the camera of masks with a layout."""
        key = (layout.source_hw, layout.mask_hw, layout.source_from_mask())
        camera, made = self.camera_of_frame(layout.source_hw, frame_id), self._made
        if key not in made:
            seen = camera.rectified() if self.rectify == OUTPUT else camera
            made[key] = seen.on_grid(layout.source_from_mask(), layout.mask_hw)
        return made[key]

    def info_of_frame(self) -> CameraInfo | None:
        """Return what describes the frames that masks are of."""
        if self.info is None or self.rectify != OUTPUT:
            return self.info
        return rectified_info(self.info)

    def rectified(self, frame: np.ndarray) -> np.ndarray:
        """Rectify a frame.

        Args:
            frame: (H, W, 3) uint8, as it came.

        Returns:
            Newly allocated, of the same shape; black outside of the region of interest.

        Raises:
            CalibrationError: If there is no calibration, or not of such frames.
        """
        size_hw = (frame.shape[0], frame.shape[1])
        camera = self.camera(size_hw)
        if self._roi is None:
            return rectifier(camera).image(frame)
        x, y, width, height = self._roi
        if x + width > size_hw[1] or y + height > size_hw[0]:
            return frame  # is refused where the region is cut out
        part = camera.on_grid((1.0, float(x), 1.0, float(y)), (height, width))
        canvas = np.zeros_like(frame)
        canvas[y : y + height, x : x + width] = rectifier(part).image(
            frame[y : y + height, x : x + width]
        )
        return canvas

    def back(self, mask: np.ndarray, layout: Layout, *, fill: int) -> np.ndarray:
        """Bring a mask of the rectified image into the camera's own pixels."""
        camera = self.camera(layout.source_hw).on_grid(layout.source_from_mask(), layout.mask_hw)
        return rectifier(camera).back(mask, fill=fill)


def _key(info: CameraInfo) -> tuple[Any, ...]:
    """Return all that a calibration says, so that NaN equals NaN."""
    numbers = [*info.k, *info.d, *info.r, *info.p]
    return (
        info.width, info.height, info.distortion_model, info.header.frame_id,
        info.binning_x, info.binning_y,
        info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height,
        *('nan' if math.isnan(value) else value for value in numbers),
    )  # fmt: skip
