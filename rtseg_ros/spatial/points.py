# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Labelled points: the join of a mask with depth, as the bytes of an organised PointCloud2."""

from dataclasses import dataclass

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.depth import metres
from rtseg_ros.spatial.point_layout import POINT_STEP


@dataclass(frozen=True)
class PointOptions:
    """Which points are made.

    Attributes:
        stride: Every n-th pixel of every n-th row.
        minimum_m: Nearest depth that counts.
        maximum_m: Farthest depth that counts.
        classes: Ids that get points; None for all.
        unlabelled_id: Mask value without a point.
    """

    stride: int = 1
    minimum_m: float = 0.0
    maximum_m: float = float('inf')
    classes: frozenset[int] | None = None
    unlabelled_id: int = 255


class PointMaker:
    """Makes the points of one camera, for one thread at a time.

    What depends on its calibration only is kept, and so is the room for what lies between.

    Attributes:
        camera: Of the mask, and of the depth image that lies on it.
        options: Which points are made.
        shape: Rows and columns of points.
    """

    def __init__(self, camera: CameraModel, options: PointOptions) -> None:
        """Work out the rays of all pixels."""
        self.camera, self.options = camera, options
        height, width = camera.size_hw
        step = options.stride
        v, u = np.mgrid[:height:step, :width:step]
        self.shape: tuple[int, int] = (u.shape[0], u.shape[1])
        rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
        self._ray_x, self._ray_y = (
            np.ascontiguousarray(rays[:, axis].reshape(self.shape), np.float32) for axis in (0, 1)
        )
        wanted = np.ones(256, bool)
        if options.classes is not None:
            wanted[:] = False
            wanted[list(options.classes)] = True
        wanted[options.unlabelled_id] = False
        # Multiplied with the depth: 1 for a class that is asked for, else not a number.
        self._factor = np.where(wanted, np.float32(1), np.float32(np.nan)).astype(np.float32)
        self._metres_from_mm = metres(
            np.arange(65536, dtype=np.uint16)[None],
            minimum_m=options.minimum_m,
            maximum_m=options.maximum_m,
        ).ravel()
        self._planes = [np.empty(self.shape, np.float32) for _ in range(5)]  # x y z rgb label

    def from_depth(
        self,
        depth: np.ndarray,
        labels: np.ndarray,
        *,
        confidence: np.ndarray | None,
        colors_bgr: np.ndarray,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Join a mask with the depth image that is aligned with it.

        Args:
            depth: (H, W) uint16 in mm or float32 in m, of the mask's size.
            labels: (H, W) uint8.
            confidence: (H, W) uint8, or None for 255 everywhere.
            colors_bgr: (H, W, 3) uint8 picture, or (256, 3) uint8 colours by id.
            out: (h, w, 20) uint8 to write into, e.g. what an earlier call returned.

        Returns:
            (h, w, 20) uint8, the points in ``FIELDS``; x, y, z are NaN where there is no depth,
            it is out of range, or the label is not asked for.

        Raises:
            FrameError: If the sizes differ.
        """
        self._check('depth', depth)
        strided = self._check_labels(labels)
        x, y, z = self._planes[:3]
        if depth.dtype == np.uint16:
            np.take(self._metres_from_mm, self._strided(depth), out=z, mode='clip')
        else:
            z[:] = metres(
                self._strided(depth),
                minimum_m=self.options.minimum_m,
                maximum_m=self.options.maximum_m,
            )
        z *= cv2.LUT(strided, self._factor)
        np.multiply(z, self._ray_x, out=x)
        np.multiply(z, self._ray_y, out=y)
        return self._joined(strided, confidence, colors_bgr, out)

    def from_cloud(
        self,
        xyz: np.ndarray,
        labels: np.ndarray,
        *,
        confidence: np.ndarray | None,
        colors_bgr: np.ndarray,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Give labels to the points of an organised cloud of the mask's size.

        Args:
            xyz: (H, W, 3) float32 in the optical frame; NaN where there is no point.
            labels: As for ``from_depth``.
            confidence: Likewise.
            colors_bgr: Likewise.
            out: Likewise.
        """
        self._check('the cloud', xyz)
        points = self._strided(xyz)
        strided = self._check_labels(labels)
        factor = cv2.LUT(strided, self._factor)
        with np.errstate(invalid='ignore'):
            far = ~(
                (points[..., 2] >= max(self.options.minimum_m, 1e-6))
                & (points[..., 2] <= self.options.maximum_m)
            )
        factor[far] = np.nan
        for axis in range(3):
            np.multiply(points[..., axis], factor, out=self._planes[axis])
        return self._joined(strided, confidence, colors_bgr, out)

    def _joined(
        self,
        labels: np.ndarray,
        confidence: np.ndarray | None,
        colors_bgr: np.ndarray,
        out: np.ndarray | None,
    ) -> np.ndarray:
        """Bring the planes together, those of bytes as the bits of floats."""
        rgb, label = (plane.view(np.int32) for plane in self._planes[3:])
        if colors_bgr.ndim == 2:
            table = colors_bgr.astype(np.int32)
            rgb[:] = cv2.LUT(labels, table[:, 0] | table[:, 1] << 8 | table[:, 2] << 16)
        else:
            self._check('the picture', colors_bgr)
            picture = np.ascontiguousarray(self._strided(colors_bgr))
            four = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA, dst=rgb.view(np.uint8).reshape(
                *self.shape, 4
            ))  # fmt: skip
            np.bitwise_and(four.view(np.int32)[..., 0], 0xFFFFFF, out=rgb)
        if confidence is None:
            label[:] = cv2.LUT(labels, np.arange(256, dtype=np.int32) | 255 << 8)
        else:
            self._check('confidence', confidence)
            label[:] = self._strided(confidence)
            np.left_shift(label, 8, out=label)
            np.bitwise_or(label, labels, out=label)
        if out is None:
            out = np.empty((*self.shape, POINT_STEP), np.uint8)
        cv2.merge(self._planes, dst=out.view(np.float32))
        return out

    def _strided(self, image: np.ndarray) -> np.ndarray:
        step = self.options.stride
        return image[::step, ::step]

    def _check_labels(self, labels: np.ndarray) -> np.ndarray:
        self._check('the mask', labels)
        return np.ascontiguousarray(self._strided(labels))

    def _check(self, what: str, image: np.ndarray) -> None:
        if image.shape[:2] != self.camera.size_hw:
            (height, width), (rows, columns) = image.shape[:2], self.camera.size_hw
            raise FrameError(
                f'{what} is {width} x {height} and camera_info is of {columns} x {rows}; take the '
                'depth that is aligned with the colour image, and its camera_info'
            )


def points_from_depth(
    depth: np.ndarray,
    labels: np.ndarray,
    camera: CameraModel,
    *,
    confidence: np.ndarray | None = None,
    colors_bgr: np.ndarray,
    options: PointOptions | None = None,
) -> np.ndarray:
    """Join one mask with one depth image; ``PointMaker.from_depth`` for a stream of them."""
    maker = PointMaker(camera, options or PointOptions())
    return maker.from_depth(depth, labels, confidence=confidence, colors_bgr=colors_bgr)
