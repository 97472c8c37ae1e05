# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plays one camera of a bag as if it were there: the bag's own gaps, present stamps."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('bag_player'))  # takes the signals, then imports this file

from collections.abc import Iterator
from dataclasses import dataclass
import json
import struct
import time
from typing import Any

from builtin_interfaces.msg import Time
import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from rtseg_ros.argument_types import topic_name
from rtseg_ros.errors import BagError, EvaluationError, FrameError, RtsegError
from rtseg_ros.frames.bag_source import BagSource, camera_of
from rtseg_ros.frames.bags.messages import CAMERA_INFO, COMPRESSED, RawMessage, read_message
from rtseg_ros.frames.media.packets import PACKET, PacketDecoder
from rtseg_ros.frames.retime import MAX_GAP_S, Retimer
from rtseg_ros.frames.stamp import NS_PER_S, sec_and_nanosec
from rtseg_ros.nodes.image_topics import image_topic
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.parameters import declare_parameters, read_parameters
from rtseg_ros.options import parameter

_SLICE_S = 0.1  # so that Ctrl-C is noticed while waiting
_SETTLE_S = 2.0
_REMIND_S = 5.0
QUEUE = QoSProfile(depth=20)


@dataclass(frozen=True)
class PlayerParameters:
    """Parameters of ``bag_player``."""

    bag: str = parameter('', 'Bag: a folder, or a .mcap, .db3 or (of ROS 1) .bag file.')
    image_topic: str = parameter(
        '', 'Image topic; may be empty if the bag has one camera.', accepts=topic_name
    )
    labels_topic: str = parameter(
        '', 'Label images; empty for labels_gt beside the images, if it is there.',
        accepts=topic_name,
    )  # fmt: skip
    rate_hz: float = parameter(
        0.0, 'Images per second; 0 for the rate of the recording.',
        minimum=0.0, maximum=1000.0, live=True,
    )  # fmt: skip
    limit: int = parameter(
        0, 'Stop after so many images, starting again at the end; 0 for all, once.',
        minimum=0, maximum=10**9, live=True,
    )  # fmt: skip
    wait_for_subscribers: int = parameter(
        1, 'Subscribers to the images to wait for before the first one.', minimum=0, maximum=100
    )
    wait_s: float = parameter(
        300.0, 'Give up if they are not there after so many seconds; 0: never.',
        minimum=0.0, maximum=86400.0,
    )  # fmt: skip
    max_gap_s: float = parameter(
        MAX_GAP_S, 'Longer pauses of the recording, and jumps of its clock, last so long.',
        minimum=0.1, maximum=86400.0,
    )  # fmt: skip
    autoplay: bool = parameter(
        False, 'Play once as soon as the subscribers are there, and end; else wait for ~/play.'
    )


class BagPlayer(Node):
    """Publishes ``image``, ``camera_info`` and ``labels_gt`` as they lie in the bag.

    Packets of a video are decoded and published raw. Only the stamps are changed: the first is
    the present, the others keep their distance, so that a node which drops old frames treats
    these as a camera's. ``~/play`` plays once and answers with JSON: sent, undecoded,
    duration_s, time_scale (recorded time over played time, inverted).
    """

    def __init__(self) -> None:
        super().__init__('bag_player')
        declare_parameters(self, {'': PlayerParameters})
        settings = read_parameters(self, PlayerParameters)
        self._source = BagSource(
            settings.bag, image_topic=settings.image_topic,
            labels_topic=settings.labels_topic,
            max_gap_s=settings.max_gap_s,
        )  # fmt: skip
        self._duration_s = self._source.played_duration_s()
        self._first_stamp_ns = self._source.first_stamp_ns()
        source = self._source
        topic = source.reader.topics[source.image_topic]
        compressed = topic.message_type == COMPRESSED
        self._outputs: dict[str, Any] = {
            source.image_topic: self.create_publisher(
                CompressedImage if compressed else Image,
                image_topic(self, 'image', compressed=compressed)[0],
                QUEUE,
            )
        }
        if source.labels_topic:
            kind = source.reader.topics[source.labels_topic].message_type
            self._outputs[source.labels_topic] = self.create_publisher(
                CompressedImage if kind == COMPRESSED else Image, 'labels_gt', QUEUE
            )
        info = f'{camera_of(source.image_topic)}/camera_info'
        if info in source.reader.topics and source.reader.topics[info].message_type == CAMERA_INFO:
            self._outputs[info] = self.create_publisher(CameraInfo, 'camera_info', QUEUE)
        self.finished = False
        if settings.autoplay:
            self._timer = self.create_timer(0.1, self._autoplay)
        else:
            self.create_service(Trigger, '~/play', self._on_play)
        self.get_logger().info(f'{settings.bag}: {len(source)} images of {source.image_topic}')

    def _autoplay(self) -> None:
        self._timer.cancel()
        self.play()
        for output in self._outputs.values():
            output.wait_for_all_acked(Duration(seconds=_SETTLE_S))
        self.finished = True

    def _on_play(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = json.dumps(self.play())
            response.success = True
        except RtsegError as error:
            response.message = str(error)
        return response

    def play(self) -> dict[str, float]:
        """Play once; blocks until the end, or until ROS shuts down.

        Raises:
            BagError: Where the bag is damaged.
            EvaluationError: If the subscribers do not come.
        """
        settings = read_parameters(self, PlayerParameters)
        self._wait_for_subscribers(settings.wait_for_subscribers, settings.wait_s)
        scale = self._time_scale(settings.rate_hz)
        sent = undecoded = 0
        why, decoder = '', PacketDecoder()
        retimer = Retimer(self._first_stamp_ns, max_gap_ns=self._source.max_gap_ns)
        start_ns, start = time.time_ns(), time.monotonic()
        for raw, starts_again in self._messages(loop=settings.limit > 0):
            if starts_again:
                if undecoded and not sent:
                    break
                retimer.start_again(self._pause_ns())
                decoder = PacketDecoder()
            is_image = raw.topic == self._source.image_topic
            if is_image and settings.limit and sent == settings.limit:
                break
            try:
                stamp = raw.stamp
            except FrameError:
                continue
            frame = None
            if raw.message_type == PACKET:
                try:
                    frame = decoder.frame(raw.decode())
                except FrameError as error:
                    undecoded, why = undecoded + 1, str(error)
                    continue
            due = start + retimer.due_ns(raw.log_time_ns) * scale / 1e9
            while (wait_s := due - time.monotonic()) > 0 and rclpy.ok():
                time.sleep(min(wait_s, _SLICE_S))
            if not rclpy.ok():
                break
            played_ns = retimer.image_ns(stamp) if is_image else retimer.other_ns(stamp)
            new_ns = start_ns + round(played_ns * scale)
            data = with_stamp(raw, new_ns)
            message = data if frame is None else _image_of_packet(data, frame)
            self._outputs[raw.topic].publish(message)
            sent += is_image
        self._say(retimer)
        if undecoded:
            self.get_logger().warning(f'{undecoded} packets were not decoded: {why}')
        if undecoded and not sent:
            raise BagError(f'no packet of {self._source.image_topic} can be decoded: {why}')
        return {
            'sent': sent,
            'undecoded': undecoded,
            'duration_s': time.monotonic() - start,
            'time_scale': scale,
            'impossible_stamps': retimer.impossible,
            'stamp_jumps': retimer.jumps,
        }

    def _say(self, retimer: Retimer) -> None:
        if retimer.impossible or retimer.jumps:
            self.get_logger().warning(
                f'{retimer.impossible} messages have a stamp that cannot be, the stamps of '
                f'{retimer.jumps} images jump: these were played by their time of recording'
            )

    def _wait_for_subscribers(self, count: int, limit_s: float) -> None:
        images = self._outputs[self._source.image_topic]
        start = time.monotonic()
        told_s = waited_s = 0.0
        while (there := images.get_subscription_count()) < count and rclpy.ok():
            time.sleep(_SLICE_S)
            waited_s = time.monotonic() - start
            state = f'{count} subscribers of {images.topic_name}, there are {there}'
            if limit_s and waited_s > limit_s:
                raise EvaluationError(
                    f'waited {limit_s:g} s for {state}; is every node running, configured and '
                    'active, with the same image_transport?'
                )
            if waited_s - told_s >= _REMIND_S:
                told_s = waited_s
                self.get_logger().info(f'waiting for {state}')
        if waited_s:
            # A subscriber is seen here before it sees this publisher.
            time.sleep(_SETTLE_S)

    def _messages(self, *, loop: bool) -> Iterator[tuple[RawMessage, bool]]:
        """Read the bag once, or again and again; each with whether it is the first of a round."""
        starts_again = False
        while True:
            for raw in self._source.reader.messages(list(self._outputs)):
                yield raw, starts_again
                starts_again = False
            starts_again = True
            if not loop or not len(self._source):
                return

    def _pause_ns(self) -> int:
        """Time between the last image of a round and the first of the next: as between others."""
        return round(self._duration_s * NS_PER_S) // max(len(self._source) - 1, 1)

    def _time_scale(self, rate_hz: float) -> float:
        """Played time over recorded time."""
        duration_s, count = self._duration_s, len(self._source)
        if not rate_hz or count < 2 or duration_s <= 0:
            return 1.0
        return (count - 1) / duration_s / rate_hz


def with_stamp(raw: RawMessage, stamp_ns: int) -> bytes:
    """Return a message's bytes with another stamp in the header that they start with."""
    data = bytearray(raw.data)
    order = '<' if data[1] & 1 else '>'
    struct.pack_into(f'{order}iI', data, 4, *sec_and_nanosec(stamp_ns))
    return bytes(data)


def _image_of_packet(data: bytes, frame: np.ndarray) -> Image:
    """Return the raw image of a packet that was decoded, with the packet's header."""
    header = read_message(data, PACKET).header
    stamp = Time(sec=header.stamp.sec, nanosec=header.stamp.nanosec)
    return image_from_array(frame, 'bgr8', header=Header(stamp=stamp, frame_id=header.frame_id))


def main() -> int:
    """Run the node until SIGINT or SIGTERM, or the end of autoplay; 1 if it cannot play."""
    return run_node('bag_player', BagPlayer, _spin)


def _spin(node: BagPlayer) -> None:
    while rclpy.ok() and not node.finished:
        rclpy.spin_once(node, timeout_sec=_SLICE_S)
