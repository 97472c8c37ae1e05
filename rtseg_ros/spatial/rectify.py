"""Takes a lens's distortion out of images, and puts masks back into the camera's own pixels.

The maps are made once for each calibration. Images are interpolated; labels never are.
"""

from functools import lru_cache

import cv2
import numpy as np

from rtseg_ros.errors import CalibrationError
from rtseg_ros.spatial.camera_model import CameraModel


class Rectifier:
    """The maps of one calibration at one image size.

    Attributes:
        camera: As calibrated.
        rectified: The camera of a rectified image.
    """

    def __init__(self, camera: CameraModel) -> None:
        """Make both maps: for each pixel of the one image, where it lies in the other."""
        self.camera, self.rectified = camera, camera.rectified()
        height, width = camera.size_hw
        fisheye = camera.is_distorted and camera.distortion_model == 'equidistant'
        make = cv2.fisheye.initUndistortRectifyMap if fisheye else cv2.initUndistortRectifyMap
        coefficients = np.array(camera.distortion if camera.is_distorted else (0.0,) * 4)
        self._to_camera = make(
            camera.k, coefficients, camera.r, camera.p, (width, height), cv2.CV_16SC2
        )
        v, u = np.mgrid[:height, :width].astype(np.float64)
        rays = camera.rays_from_pixels(np.stack([u.ravel(), v.ravel()], axis=1))
        turned = np.column_stack([rays, np.ones(len(rays))]) @ camera.r.T
        with np.errstate(divide='ignore', invalid='ignore'):
            seen = turned[:, :2] / turned[:, 2:]
        pixels = seen * (camera.p[0, 0], camera.p[1, 1]) + (camera.p[0, 2], camera.p[1, 2])
        pixels[~(turned[:, 2] > 0)] = -1e4  # behind the rectified camera
        pixels = np.clip(np.nan_to_num(pixels, nan=-1e4), -1e4, 3e4).astype(np.float32)
        self._to_rectified = pixels.reshape(height, width, 2)

    def image(self, frame: np.ndarray) -> np.ndarray:
        """Rectify a frame.

        Args:
            frame: (H, W, 3) uint8 of the calibrated size.

        Returns:
            Newly allocated, the same shape; black where the camera does not see.

        Raises:
            CalibrationError: If the frame has another size.
        """
        self._check(frame)
        return cv2.remap(frame, *self._to_camera, cv2.INTER_LINEAR)

    def back(self, mask: np.ndarray, *, fill: int) -> np.ndarray:
        """Bring a mask of the rectified image into the camera's own pixels.

        Args:
            mask: (H, W) uint8 ids or confidences; the nearest one is taken.
            fill: Value where the rectified image does not reach.

        Raises:
            CalibrationError: If the mask has another size.
        """
        self._check(mask)
        return cv2.remap(
            mask, self._to_rectified[..., 0], self._to_rectified[..., 1], cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT, borderValue=fill,
        )  # fmt: skip

    def _check(self, image: np.ndarray) -> None:
        if image.shape[:2] != self.camera.size_hw:
            (height, width), (rows, columns) = image.shape[:2], self.camera.size_hw
            raise CalibrationError(
                f'the image is {width} x {height} and camera_info is of {columns} x {rows}: it '
                'belongs to another camera or another mode of this one'
            )


@lru_cache(maxsize=16)
def rectifier(camera: CameraModel) -> Rectifier:
    """Return the rectifier of a calibration, made once."""
    return Rectifier(camera)
