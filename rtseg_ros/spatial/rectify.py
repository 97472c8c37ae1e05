# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Takes a lens's distortion out of images, and puts masks back into the camera's own pixels.

The maps are made once for each calibration. Images are interpolated; labels never are.
"""

from functools import lru_cache

import cv2
import numpy as np

from rtseg_ros.errors import CalibrationError, FrameError
from rtseg_ros.spatial.camera_model import CameraModel

_NO_SECOND_MAP = np.empty(0, np.uint16)  # whole pixels have no fractions


class Rectifier:
    """The maps of one calibration at one image size.

    Attributes:
        camera: As calibrated.
        rectified: The camera of a rectified image.
    """

    def __init__(self, camera: CameraModel) -> None:
        """Make the map of images; that of masks is made when one comes."""
        self.camera, self.rectified = camera, camera.rectified()
        height, width = camera.size_hw
        fisheye = camera.is_distorted and camera.distortion_model == 'equidistant'
        make = cv2.fisheye.initUndistortRectifyMap if fisheye else cv2.initUndistortRectifyMap
        coefficients = np.array(camera.distortion if camera.is_distorted else (0.0,) * 4)
        self._to_camera = make(
            camera.k, coefficients, camera.r, camera.p, (width, height), cv2.CV_16SC2
        )
        self._to_rectified: np.ndarray | None = None

    def image(self, frame: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
        """Rectify a frame.

        Args:
            frame: (H, W, 3) uint8 of the calibrated size.
            out: Written into, if given; the same shape.

        Returns:
            The same shape; black where the camera does not see.

        Raises:
            CalibrationError: If the frame has another size.
        """
        self._check(frame)
        return cv2.remap(frame, *self._to_camera, cv2.INTER_LINEAR, dst=out)

    def back(self, mask: np.ndarray, *, fill: int) -> np.ndarray:
        """Bring a mask of the rectified image into the camera's own pixels.

        Args:
            mask: (H, W) uint8 ids or confidences; the nearest one is taken.
            fill: Value where the rectified image does not reach.

        Raises:
            CalibrationError: If the mask has another size.
        """
        self._check(mask)
        if self._to_rectified is None:
            self._to_rectified = nearest_map(_rectified_pixels(self.camera))
        return remapped(mask, self._to_rectified, fill=fill)

    def _check(self, image: np.ndarray) -> None:
        if image.shape[:2] != self.camera.size_hw:
            (height, width), (rows, columns) = image.shape[:2], self.camera.size_hw
            raise CalibrationError(
                f'the image is {width} x {height} and camera_info is of {columns} x {rows}: it '
                'belongs to another camera or another mode of this one'
            )


class DepthOnMask:
    """Which pixel of a depth image belongs to each pixel of a mask, by the nearest.

    Attributes:
        size_hw: Of the depth images.
    """

    def __init__(
        self,
        camera: CameraModel,
        mask_camera: CameraModel,
        source_from_mask: tuple[float, float, float, float],
        *,
        rectified: bool,
    ) -> None:
        """Work out the pixels.

        Args:
            camera: Of the depth image.
            mask_camera: Of the mask: the same one with another pixel grid, or rectified too.
            source_from_mask: As ``Layout.source_from_mask`` has it.
            rectified: Whether the mask is of the rectified image; the depth never is.
        """
        self.size_hw = camera.size_hw
        self._map: np.ndarray | None = None
        self._factor: np.ndarray | None = None
        height, width = mask_camera.size_hw
        v, u = np.mgrid[:height, :width].astype(np.float64)
        if not rectified:
            scale_x, offset_x, scale_y, offset_y = source_from_mask
            if (scale_x, offset_x, scale_y, offset_y) != (1, 0, 1, 0) or (
                mask_camera.size_hw != camera.size_hw
            ):
                pixels = np.stack([u * scale_x + offset_x, v * scale_y + offset_y], axis=-1)
                self._map = nearest_map(pixels)
            return
        rays = mask_camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
        points = np.column_stack([rays, np.ones(len(rays))]) @ camera.r  # R^T of each
        pixels = np.full((len(points), 2), -1e4)
        ahead = points[:, 2] > 1e-6
        pixels[ahead] = camera.pixels_from_points(points[ahead])
        self._map = nearest_map(pixels.reshape(height, width, 2))
        if not np.array_equal(camera.r, np.eye(3)):  # depth is along the axis that was turned
            with np.errstate(divide='ignore'):
                factor = np.where(ahead, 1 / points[:, 2], np.nan)
            self._factor = factor.reshape(height, width).astype(np.float32)

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        """Return the depth of the mask's pixels.

        Args:
            depth: (H, W) uint16 in mm or float32 in m.

        Returns:
            Of the mask's size, 0 where there is none; the image itself if nothing is to be done.

        Raises:
            FrameError: If it has not the size of the camera's images.
        """
        if depth.shape != self.size_hw:
            (height, width), (rows, columns) = depth.shape, self.size_hw
            raise FrameError(
                f'depth is {width} x {height}, and the image {columns} x {rows}; take the depth '
                'that is aligned with the colour image'
            )
        found = depth if self._map is None else remapped(depth, self._map, fill=0)
        if self._factor is None:
            return found
        scaled = found.astype(np.float32) * self._factor
        return scaled * np.float32(0.001) if found.dtype == np.uint16 else scaled


def nearest_map(pixels: np.ndarray) -> np.ndarray:
    """Round pixels to whole ones.

    Args:
        pixels: (h, w, 2) float u, v of the source; NaN for none.

    Returns:
        (h, w, 2) int16.
    """
    whole = np.floor(np.clip(np.nan_to_num(pixels, nan=-1e4), -1e4, 3e4) + 0.5)
    return np.ascontiguousarray(whole.astype(np.int16))


def remapped(image: np.ndarray, whole: np.ndarray, *, fill: int) -> np.ndarray:
    """Look pixels up; what lies outside of the image is ``fill``."""
    return cv2.remap(
        image, whole, _NO_SECOND_MAP, cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT, borderValue=fill,
    )  # fmt: skip


def _rectified_pixels(camera: CameraModel) -> np.ndarray:
    """Return where each pixel of the camera's image lies in the rectified one, (H, W, 2)."""
    height, width = camera.size_hw
    v, u = np.mgrid[:height, :width].astype(np.float64)
    rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
    turned = np.column_stack([rays, np.ones(len(rays))]) @ camera.r.T
    with np.errstate(divide='ignore', invalid='ignore'):
        seen = turned[:, :2] / turned[:, 2:]
    pixels = seen * (camera.p[0, 0], camera.p[1, 1]) + (camera.p[0, 2], camera.p[1, 2])
    pixels[~(turned[:, 2] > 0)] = -1e4  # behind the rectified camera
    return pixels.reshape(height, width, 2)


@lru_cache(maxsize=16)
def rectifier(camera: CameraModel) -> Rectifier:
    """Return the rectifier of a calibration, made once."""
    return Rectifier(camera)
