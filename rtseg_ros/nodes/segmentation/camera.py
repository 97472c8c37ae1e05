# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One camera of the perception node: its topics, its frame account, what it last heard."""

from collections.abc import Callable
from functools import partial
import threading
import time
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from rtseg_ros.errors import SettingError
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.overlay import colors_from_labels, overlay_from_labels
from rtseg_ros.nodes.executor import InPlaceGroup
from rtseg_ros.nodes.image_topics import image_topic
from rtseg_ros.nodes.messages import (
    camera_info_of_mask,
    compressed_from_labels,
    fits,
    image_from_array,
)
from rtseg_ros.nodes.output_table import BY_NAME, OF_FRAMES, Output, Wanted
from rtseg_ros.nodes.parameters import SegmentationParameters
from rtseg_ros.nodes.ros_graph import unserved_subscribers
from rtseg_ros.nodes.segmentation.accounting import FrameAccount
from rtseg_ros.nodes.segmentation.colour_watch import ColourWatch
from rtseg_ros.nodes.segmentation.image_loss import LossWatch
from rtseg_ros.nodes.segmentation.rate_limit import RateLimit
from rtseg_ros.nodes.spatial.ground_topic import Pose
from rtseg_ros.nodes.spatial.outputs import INFO, SpatialOutputs, SpatialSettings
from rtseg_ros.runtime import Segmentation

_OVERRIDABLE = QoSOverridingOptions(
    policy_kinds=(
        QoSPolicyKind.HISTORY,
        QoSPolicyKind.DEPTH,
        QoSPolicyKind.RELIABILITY,
        QoSPolicyKind.DURABILITY,
    )
)

# Depth that waits for its thread; each belongs to another image.
PLACES_DEPTH = 5


class Camera:
    """Topics ``<name>/image`` in and ``~/<name>/mask`` etc. out; no name, no slash.

    Images are received only while the tap is open and somebody wants a result. They are taken
    as bytes: only those that are worked on are worth being made into Python objects.

    Attributes:
        name: Of the camera, may be empty.
        account: Where its frames ended.
        topic: Full name of the image topic.
        message_type: Of the image topic.
        last_heard_s: When the latest image came or, without one, was first waited for;
            ``time.monotonic``.
        loss: Counts images that were lost on the way.
        colour: Remembers images that lost their colours on the way.
        limit: Of the frames that are worked on.
        publishers: By output name.
        spatial: Its calibration, points and ground.
    """

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        *,
        compressed: bool,
        account: FrameAccount,
        on_frame: Callable[['Camera', bytes], None],
        spatial: SpatialSettings,
        pose: Pose,
        log: Callable[[str], None],
    ) -> None:
        """Create the publishers; the tap is closed.

        Raises:
            SettingError: If a QoS override has an impossible value, or a remap rule would apply
                twice.
        """
        self._node = node
        self.name = name
        self.account = account
        self._on_frame = on_frame
        prefix = f'{name}/' if name else ''
        self.message_type = CompressedImage if compressed else Image
        self._image_name, self.topic = image_topic(node, f'{prefix}image', compressed=compressed)
        self._group = InPlaceGroup()
        self._place_group = MutuallyExclusiveCallbackGroup()  # large, and images do not wait
        self._lock = threading.Lock()  # guards the subscriptions
        self._tap_open = False
        self._subscriptions: dict[str, Any] = {}
        self.last_heard_s = time.monotonic()
        self.loss = LossWatch()
        self.colour = ColourWatch()
        self.limit = RateLimit()
        self.publishers: dict[str, Any] = {}
        try:
            for output in OF_FRAMES:
                kind = output.message_type()
                if kind is None:  # its package is not installed
                    continue
                self.publishers[output.name] = node.create_lifecycle_publisher(
                    kind,
                    f'~/{prefix}{output.name}',
                    qos_of(output),
                    qos_overriding_options=_OVERRIDABLE,
                )
            self.spatial = SpatialOutputs(
                node,
                prefix,
                spatial,
                publish={name: out.publish for name, out in self.publishers.items()},
                pose=pose,
                log=log,
            )
            # Inputs are subscribed to when somebody wants a result; what is wrong shows now.
            for topic in ('image', INFO, 'place'):
                node.destroy_subscription(self._subscribe(topic))
        except Exception as error:  # rclpy has several for impossible QoS values
            self._destroy_publishers()
            raise SettingError(f'qos_overrides cannot be used: {error}') from error
        # Not managed: class names are known as soon as the model is loaded.
        self._labels, output = None, BY_NAME['label_info']
        kind = output.message_type()
        if kind is not None:
            self._labels = node.create_publisher(kind, f'~/{prefix}{output.name}', qos_of(output))

    @property
    def receives(self) -> bool:
        """Whether the image topic is subscribed to."""
        return 'image' in self._subscriptions

    @property
    def image_qos(self) -> QoSProfile:
        """The QoS of the image subscription, with its overrides once it exists."""
        subscription = self._subscriptions.get('image')
        return latest() if subscription is None else subscription.qos_profile

    def summary(self) -> str:
        """Say in one line what is listened to, what is published and what is waited for."""
        mask = self.publishers['mask'].topic_name
        waits = '' if self.wanted().asked else '; waits for a subscriber'
        return (
            f'listens on {self.topic} ({self.message_type.__name__}, best effort, newest image); '
            f'publishes {mask}, {", ".join(name for name in self.publishers if name != "mask")}'
            f'{waits}'
        )

    def wanted(self) -> Wanted:
        """Return which outputs have subscribers now."""
        return Wanted(
            frozenset(
                name
                for name, publisher in self.publishers.items()
                if publisher.get_subscription_count() > 0
            )
        )

    def set_tap(self, is_open: bool) -> None:
        """Receive images whenever somebody wants a result, or never; see ``update``."""
        self._tap_open = is_open
        self.update()

    def update(self) -> None:
        """Subscribe or unsubscribe as the tap and the subscribers ask."""
        with self._lock:
            wanted = self.wanted()
            needs = self.spatial.inputs(wanted)
            for topic in ('image', INFO, 'place'):
                needed = self._tap_open and (
                    bool(wanted.asked) if topic == 'image' else topic in needs
                )
                if needed and topic not in self._subscriptions:
                    self._subscriptions[topic] = self._subscribe(topic)
                elif not needed and topic in self._subscriptions:
                    self._node.destroy_subscription(self._subscriptions.pop(topic))
                    if topic != 'image':
                        self.spatial.forget(topic)

    def incompatible_subscribers(self) -> list[str]:
        """Say who subscribes to an output with a QoS that keeps it from being delivered."""
        return [
            problem
            for publisher in self.publishers.values()
            for problem in unserved_subscribers(self._node, publisher)
        ]

    def destroy(self) -> None:
        """Free all topics."""
        self.set_tap(False)
        self.spatial.stop()
        self._destroy_publishers()
        if self._labels is not None:
            self._node.destroy_publisher(self._labels)

    def _destroy_publishers(self) -> None:
        for publisher in self.publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def publish_label_info(self, message: Any) -> None:
        """Publish the class names, if vision_msgs is there."""
        if self._labels is not None:
            self._labels.publish(message)

    def publish(
        self,
        frame: Any,
        result: Segmentation,
        *,
        wanted: Wanted,
        header: Header,
        labels: LabelSet,
        palette_bgr: Any,
        overlay_bgr: Any,
        settings: SegmentationParameters,
    ) -> None:
        """Publish what is wanted of one result, the mask first.

        Args:
            frame: The picture, as the mask lies in it.
            result: Of it.
            wanted: What has subscribers.
            header: Of the image.
            labels: The classes.
            palette_bgr: (256, 3) uint8 colours of the label set.
            overlay_bgr: (256, 3) uint8 colours of overlay and points.
            settings: The node's.
        """
        if 'mask' in wanted:
            self.publishers['mask'].publish(
                image_from_array(result.labels, 'mono8', header=header)
            )
        if 'confidence' in wanted and result.confidence is not None:
            self.publishers['confidence'].publish(
                image_from_array(result.confidence, 'mono8', header=header)
            )
        if 'mask/compressed' in wanted:
            self.publishers['mask/compressed'].publish(
                compressed_from_labels(result.labels, header=header)
            )
        if 'color_mask' in wanted:
            colors = colors_from_labels(result.labels, palette_bgr)
            self.publishers['color_mask'].publish(image_from_array(colors, 'bgr8', header=header))
        info = self.spatial.calibration.info_of_frame()
        if 'camera_info' in wanted and info is not None and fits(info, result.layout.source_hw):
            self.publishers['camera_info'].publish(
                camera_info_of_mask(info, result.layout, header=header)
            )
        if 'overlay' in wanted:
            overlay = overlay_from_labels(
                result.layout.picture(frame),
                result.labels,
                palette_bgr=overlay_bgr,
                alpha=settings.overlay_alpha,
                outlines=settings.outlines,
            )
            self.publishers['overlay'].publish(image_from_array(overlay, 'bgr8', header=header))
        self.spatial.publish(
            wanted,
            result,
            picture=lambda: result.layout.picture(frame),
            header=header,
            labels=labels,
            palette_bgr=overlay_bgr,
            unlabelled_id=settings.unlabelled_id,
        )

    def _subscribe(self, topic: str) -> Any:
        kind, name, callback = {
            'image': (self.message_type, self._image_name, self._on_image),
            INFO: (CameraInfo, self.spatial.names[INFO], self.spatial.on_info),
            'place': (self.spatial.place_type, self.spatial.names['place'], self._on_place),
        }[topic]
        create = partial(
            self._node.create_subscription,
            kind,
            name,
            callback,
            latest() if topic != 'place' else latest(depth=PLACES_DEPTH),
            callback_group=self._place_group if topic == 'place' else self._group,
            qos_overriding_options=_OVERRIDABLE,
            raw=topic == 'image',
        )
        if topic != 'image':
            return create()
        self.last_heard_s = time.monotonic()
        return self.loss.subscribe(create)

    def _on_image(self, data: bytes) -> None:
        with self._lock:  # so that none comes after the tap was closed
            if self.receives:
                self.last_heard_s = time.monotonic()
                self.loss.note(data)
                self.account.receive()
                self._on_frame(self, data)

    def _on_place(self, message: Any) -> None:
        if 'place' in self._subscriptions:
            self.spatial.on_place(message)


def latest(*, depth: int = 1) -> QoSProfile:
    """Return the QoS of inputs: sensor data, of which only the latest is of interest.

    A new object each time, because overriding parameters are written into it.
    """
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT
    )


def qos_of(output: Output) -> QoSProfile:
    """Return the QoS of an output, always reliable; a new object each time."""
    latched, volatile = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE
    return QoSProfile(depth=output.depth, durability=latched if output.latched else volatile)
