# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What one camera of segmentation_node has to do with places: rectification, points, ground."""

from collections.abc import Callable
from dataclasses import dataclass, replace
import time
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError, RtsegError
from rtseg_ros.labels import LabelSet
from rtseg_ros.nodes.output_table import Wanted
from rtseg_ros.nodes.ros_graph import topic_facts
from rtseg_ros.nodes.spatial.calibration import INSIDE, OFF, Calibration
from rtseg_ros.nodes.spatial.ground_topic import GroundTopic, Pose
from rtseg_ros.nodes.spatial.parameters import (
    CAMERA,
    CLOUD,
    COMPRESSED_DEPTH,
    DEPTH,
    GroundParameters,
    PointsParameters,
    class_ids,
)
from rtseg_ros.nodes.spatial.points_topic import MaskForPoints, PointsTopic
from rtseg_ros.runtime import Segmentation

INFO = 'camera_info'
# Source of points -> topic and type.
PLACES = {
    DEPTH: ('depth', Image),
    COMPRESSED_DEPTH: ('depth/compressedDepth', CompressedImage),
    CLOUD: ('cloud_in', PointCloud2),
}


@dataclass(frozen=True)
class SpatialSettings:
    """What the parameters say.

    Attributes:
        rectify: ``off``, ``output`` or ``inside``.
        rectified_images: Whether the images come rectified.
        roi: Region of interest x, y, width, height; None for the frame.
        size_of_cloud: Masks are as large as the latest cloud.
        points: Of ``~/points``.
        ground: Of ``~/ground``.
    """

    rectify: str = OFF
    rectified_images: bool = False
    roi: tuple[int, int, int, int] | None = None
    size_of_cloud: bool = False
    points: PointsParameters = PointsParameters()
    ground: GroundParameters = GroundParameters()


@dataclass(frozen=True)
class Seen:
    """A frame as the network sees it.

    Attributes:
        frame: (H, W, 3) uint8.
        mask_hw: Size that the mask must have; None for that of the geometry.
        rectify_ms: Time that its rectification took; None without one.
    """

    frame: np.ndarray
    mask_hw: tuple[int, int] | None = None
    rectify_ms: float | None = None


class SpatialOutputs:
    """The inputs beside the image, and what is made of them.

    Attributes:
        calibration: Of the camera.
        points: Of the camera.
        ground: Of the camera; None where nav_msgs is not installed.
        topics: Input -> full name of its topic.
    """

    def __init__(
        self,
        node: Node,
        prefix: str,
        settings: SpatialSettings,
        *,
        publish: dict[str, Callable[[Any], None]],
        pose: Pose,
        log: Callable[[str], None],
    ) -> None:
        """Set up.

        Args:
            node: Knows the full names of topics.
            prefix: Of the camera's topics.
            settings: What the parameters say.
            publish: Output -> what sends its messages.
            pose: Of the camera on the ground.
            log: Gets a sentence when a calibration changes.
        """
        self._node, self._settings = node, settings
        name, self.place_type = PLACES[settings.points.source]
        self.names = {INFO: f'{prefix}{INFO}', 'place': f'{prefix}{name}'}
        self.topics = {key: node.resolve_topic_name(name) for key, name in self.names.items()}
        self._heard: set[str] = set()
        self._cloud_hw: tuple[int, int] | None = None
        self.calibration = Calibration(
            self.topics[INFO],
            rectify=settings.rectify,
            rectified_images=settings.rectified_images,
            roi=settings.roi,
            log=log,
        )
        self.points = PointsTopic(settings.points, self.calibration, publish['points'])
        self.ground: GroundTopic | None = None
        if 'ground' in publish:
            self.ground = GroundTopic(settings.ground, self.calibration, pose, publish['ground'])

    def inputs(self, wanted: Wanted) -> set[str]:
        """Return the inputs that have to be listened to."""
        asked, needed = bool(wanted.asked), set()
        if asked and (wanted.needs(INFO) or self._settings.rectify != OFF):
            needed.add(INFO)
        if 'points' in wanted or (asked and self._settings.size_of_cloud):
            needed.add('place')
        return needed

    def on_info(self, message: CameraInfo) -> None:
        """Take a calibration."""
        self._heard.add(INFO)
        self.calibration.on_info(message)

    def on_place(self, message: Any) -> None:
        """Take depth or a cloud."""
        self._heard.add('place')
        if self._settings.points.source == CLOUD:
            self._cloud_hw = (message.height, message.width)
        self.points.add_depth(message)

    def forget(self, name: str) -> None:
        """Forget what was heard on an input that is not listened to any more."""
        self._heard.discard(name)
        if name == INFO:
            self.calibration.forget()
        else:
            self._cloud_hw = None
            self.points.clear()

    def stop(self) -> None:
        """End the threads."""
        self.points.stop()

    def prepare(self, frame: np.ndarray, header: Header, wanted: Wanted) -> Seen:
        """Return a frame as the network shall see it.

        Raises:
            CalibrationError: If it has to be rectified and there is no calibration of it.
            FrameError: If the mask shall have the size of a cloud, and none has come.
        """
        mask_hw, rectify_ms = None, None
        if self._settings.size_of_cloud:
            mask_hw = self._cloud_hw
            if mask_hw is None:
                raise FrameError(
                    f"output_size is 'cloud', and no cloud has come on {self.topics['place']}"
                )
            if min(mask_hw) < 2:
                raise FrameError(
                    f"output_size is 'cloud', and the one on {self.topics['place']} is "
                    f'not organised: {mask_hw[1]} x {mask_hw[0]}'
                )
        if 'points' in wanted:
            self.points.expect(header)
        if self._settings.rectify != OFF:
            start_ns = time.perf_counter_ns()
            frame = self.calibration.rectified(frame)
            rectify_ms = (time.perf_counter_ns() - start_ns) / 1e6
        return Seen(frame, mask_hw, rectify_ms)

    def finished(self, result: Segmentation, *, unlabelled_id: int) -> Segmentation:
        """Return a result in the pixels in which it is published."""
        if self._settings.rectify != INSIDE:
            return result
        labels = self.calibration.back(result.labels, result.layout, fill=unlabelled_id)
        confidence = result.confidence
        if confidence is not None:
            confidence = self.calibration.back(confidence, result.layout, fill=0)
        return replace(result, labels=labels, confidence=confidence)

    def picture(self, frame: np.ndarray, seen: Seen) -> np.ndarray:
        """Return the frame that belongs to the published mask."""
        return frame if self._settings.rectify == INSIDE else seen.frame

    def publish(
        self,
        wanted: Wanted,
        result: Segmentation,
        *,
        picture: Callable[[], np.ndarray],
        header: Header,
        labels: LabelSet,
        palette_bgr: np.ndarray,
        unlabelled_id: int,
    ) -> None:
        """Give a published mask to points and ground.

        Args:
            wanted: Which outputs have subscribers.
            result: As published.
            picture: Gives the frame in the mask's geometry.
            header: The image's.
            labels: What the mask's values mean.
            palette_bgr: (256, 3) uint8 colours of the classes.
            unlabelled_id: Value without a class.
        """
        if 'points' in wanted:
            try:
                classes = self.point_classes(labels)
            except RtsegError as error:  # the model was changed meanwhile
                self.points.account.finish('refused', reason=error)
            else:
                in_color = self._settings.points.color == CAMERA
                self.points.add_mask(
                    MaskForPoints(
                        header=header,
                        labels=result.labels,
                        confidence=result.confidence,
                        colors_bgr=picture() if in_color else palette_bgr,
                        layout=result.layout,
                        classes=classes,
                        unlabelled_id=unlabelled_id,
                    )
                )
        if 'ground' in wanted and self.ground is not None:
            self.ground.add_mask(
                result.labels,
                header=header,
                layout=result.layout,
                labels=labels,
                unlabelled_id=unlabelled_id,
            )

    def point_classes(self, labels: LabelSet) -> frozenset[int] | None:
        """Return the ids that get points; None for all.

        Raises:
            SettingError: If the model has not a class that is named.
        """
        names = tuple(name for name in self._settings.points.classes if name)
        if not names:
            return None
        return class_ids(names, labels, parameter_name='points_classes')

    def values(self) -> dict[str, int | str]:
        """Return what diagnostics say of points and ground."""
        shown: dict[str, int | str] = {**self.points.account.values()}
        if self.ground is not None:
            shown |= self.ground.account.values()
        return shown

    def problem(self, wanted: Wanted, qos: Any) -> str:
        """Say why something that is wanted is not made; empty if all is.

        Args:
            wanted: Which outputs have subscribers.
            qos: Of the inputs.
        """
        kinds = {INFO: CameraInfo, 'place': self.place_type}
        for name in sorted(self.inputs(wanted) - self._heard):
            topic, type_name = self.topics[name], f'sensor_msgs/msg/{kinds[name].__name__}'
            facts = topic_facts(self._node, topic, type_name, qos)
            what = self.names[name]
            if facts.other_types and not facts.publishers:
                return f'{topic} carries {", ".join(facts.other_types)}, not {type_name}'
            if not facts.publishers:
                return f'no publisher on {topic}; start it, or remap {what}'
            if len(facts.refusals) == facts.publishers:
                return f'{facts.refusals[0]}; set qos_overrides.{topic}.subscription of this node'
        accounts = [self.points.account] + ([self.ground.account] if self.ground else [])
        return '; '.join(filter(None, (account.problem() for account in accounts)))
