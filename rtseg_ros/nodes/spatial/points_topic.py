# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``~/points`` of one camera: masks wait here for their depth, in a thread of their own."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
import threading
from typing import Any

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError, FrameError
from rtseg_ros.frames.outcomes import POINTS_BINS
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.nodes.spatial.account import OutputAccount
from rtseg_ros.nodes.spatial.calibration import OUTPUT, Calibration
from rtseg_ros.nodes.spatial.messages import CloudMessage, depth_from_message, xyz_from_cloud
from rtseg_ros.nodes.spatial.pairing import StampPairs
from rtseg_ros.nodes.spatial.parameters import CLOUD, PointsParameters
from rtseg_ros.runtime.geometry import Layout
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.points import PointMaker, PointOptions
from rtseg_ros.spatial.rectify import DepthOnMask

_EYE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class MaskForPoints:
    """One mask that points are wanted of.

    Attributes:
        header: The image's.
        labels: (H, W) uint8.
        confidence: (H, W) uint8, or None where the model has no scores.
        colors_bgr: (H, W, 3) uint8 picture, or (256, 3) uint8 palette.
        layout: How the mask lies on the frame.
        classes: Ids that get points; None for all.
        unlabelled_id: Value without a class.
    """

    header: Header
    labels: np.ndarray
    confidence: np.ndarray | None
    colors_bgr: np.ndarray
    layout: Layout
    classes: frozenset[int] | None
    unlabelled_id: int


class PointsTopic:
    """Joins masks with depth and publishes points; nothing here holds a mask back.

    Attributes:
        account: Where the masks ended.
    """

    def __init__(
        self,
        settings: PointsParameters,
        calibration: Calibration,
        publish: Callable[[PointCloud2], None],
    ) -> None:
        """Set up; the thread starts with the first mask.

        Args:
            settings: Of the points.
            calibration: Of the camera.
            publish: Sends a message; it may be changed afterwards.
        """
        self.account = OutputAccount('points', POINTS_BINS)
        self._settings = settings
        self._calibration = calibration
        self._publish = publish
        self._pairs = StampPairs[MaskForPoints, Any](
            tolerance_ns=round(settings.tolerance_ms * 1e6), length=settings.queue
        )
        self._ready: deque[tuple[MaskForPoints, Any]] = deque()
        self._condition = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._maker: PointMaker | None = None
        self._sampler: tuple[Any, DepthOnMask] | None = None
        self._cloud: CloudMessage | None = None

    def expect(self, header: Header) -> None:
        """Keep depth of this stamp: a mask of it is being made."""
        with self._condition:
            self._pairs.expect(ns_from_stamp(header.stamp))

    def add_mask(self, mask: MaskForPoints) -> None:
        """Let a mask wait for its depth."""
        with self._condition:
            self._take(self._pairs.add_mask(ns_from_stamp(mask.header.stamp), mask))

    def add_depth(self, message: Any) -> None:
        """Take a depth image or a cloud."""
        with self._condition:
            self._take(self._pairs.add_depth(ns_from_stamp(message.header.stamp), message))

    def clear(self) -> None:
        """Decide all that waits: no more depth will come."""
        with self._condition:
            self._take(self._pairs.flush())
            self._pairs.clear()

    def stop(self) -> None:
        """Finish what is decided, end the thread."""
        self.clear()
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _take(self, decided: list[tuple[MaskForPoints, Any, str]]) -> None:
        for mask, depth, reason in decided:
            if depth is None:
                what = 'cloud_in' if self._settings.source == CLOUD else 'depth'
                self.account.finish('no_depth', reason=f'no {what} for this image: {reason}')
                continue
            self._ready.append((mask, depth))
            if len(self._ready) > self._settings.queue:
                self._ready.popleft()
                self.account.finish('failed', reason='points are made slower than masks')
        if self._ready and self._thread is None:
            self._thread = threading.Thread(target=self._run, name='points', daemon=True)
            self._thread.start()
        self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._ready or self._stopping):
                    self._condition.wait()
                if not self._ready:
                    return
                mask, depth = self._ready.popleft()
            try:
                message = self._message(mask, depth)
                self._publish(message)
            except CalibrationError as error:
                self.account.finish('no_calibration', reason=error)
            except FrameError as error:
                self.account.finish('refused', reason=error)
            except Exception as error:  # noqa: BLE001  the node must outlive any one message
                self.account.finish('failed', reason=error)
            else:
                self.account.finish('published')

    def _message(self, mask: MaskForPoints, depth: Any) -> PointCloud2:
        frame_id, theirs = mask.header.frame_id, depth.header.frame_id
        if theirs and theirs != frame_id:
            what = 'cloud_in' if self._settings.source == CLOUD else 'depth'
            raise FrameError(
                f"{what} is of frame '{theirs}' and the image of '{frame_id}'; take the one that "
                'is aligned with the colour image'
            )
        height, width = mask.labels.shape
        if self._settings.source == CLOUD:
            xyz = xyz_from_cloud(depth)
            if xyz.shape[:2] != (height, width):
                raise FrameError(
                    f'cloud_in is {xyz.shape[1]} x {xyz.shape[0]} and the mask {width} x '
                    f"{height}; set output_size to 'cloud', or take the cloud of the colour image"
                )
            # The places are there: no calibration is asked.
            camera = CameraModel((height, width), _EYE, '', (), _EYE, _EYE)
            maker = self._maker_of(camera, mask)
            made = maker.from_cloud(
                xyz,
                mask.labels,
                confidence=mask.confidence,
                colors_bgr=mask.colors_bgr,
                out=self._room(maker),
            )
        else:
            values = depth_from_message(depth)
            camera = self._calibration.camera_of_mask(mask.layout, frame_id)
            maker = self._maker_of(camera, mask)
            made = maker.from_depth(
                self._depth_on_mask(camera, mask)(values),
                mask.labels,
                confidence=mask.confidence,
                colors_bgr=mask.colors_bgr,
                out=self._room(maker),
            )
        assert self._cloud is not None
        assert made is self._cloud.points
        self._cloud.message.header = mask.header
        return self._cloud.message

    def _maker_of(self, camera: CameraModel, mask: MaskForPoints) -> PointMaker:
        """Return the maker of a camera, made anew where the calibration has changed."""
        options = PointOptions(
            stride=self._settings.stride,
            minimum_m=self._settings.minimum_m,
            maximum_m=self._settings.maximum_m,
            classes=mask.classes,
            unlabelled_id=mask.unlabelled_id,
        )
        maker = self._maker
        if maker is None or maker.camera != camera or maker.options != options:
            maker = self._maker = PointMaker(camera, options)
        return maker

    def _room(self, maker: PointMaker) -> np.ndarray:
        """Return where the points go: publishing copies them, so it is free again."""
        if self._cloud is None or self._cloud.points.shape[:2] != maker.shape:
            self._cloud = CloudMessage(maker.shape)
        return self._cloud.points

    def _depth_on_mask(self, mask_camera: CameraModel, mask: MaskForPoints) -> DepthOnMask:
        source = self._calibration.camera(mask.layout.source_hw)
        key = (source, mask_camera)
        if self._sampler is None or self._sampler[0] != key:
            sampler = DepthOnMask(
                source,
                mask_camera,
                mask.layout.source_from_mask(),
                rectified=self._calibration.rectify == OUTPUT,
            )
            self._sampler = key, sampler
        return self._sampler[1]
