# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the perception node on a video as a robot would, and records what comes back."""

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.harness.node_process import NodeProcess, node_arguments
from rtseg_ros.nodes.diagnostics import full_name, is_from
from rtseg_ros.nodes.messages import frame_from_message
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.progress import Counted

NAMESPACE = '/rtseg_demo'
SETTLE_S = 2.5  # two periods of the node's diagnostics after the last frame
SILENCE_S = 30.0
QUEUE_DEPTH = 5


@dataclass(frozen=True)
class Moment:
    """One frame with what the node made of it; all arrays as received."""

    frame: np.ndarray
    mask: np.ndarray
    overlay: np.ndarray


@dataclass
class Recording:
    """What was seen on the topics.

    Attributes:
        sent: Frames the camera says it has sent.
        masks: Masks received.
        overlays: Overlays received.
        latency_ms: From the image's stamp to the mask's arrival, one per mask.
        moments: Frames spread over the clip.
        segmentation: The node's last diagnostics.
        problems: What of the source could not be read.
    """

    sent: int = 0
    masks: int = 0
    overlays: int = 0
    latency_ms: list[float] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    segmentation: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DemoSettings:
    """What to run.

    Attributes:
        source: Video file or image folder; ignored if topic is set.
        topic: Image topic of a camera that is already running; empty to play source.
        seconds: How long to listen to topic.
        total: Frames expected, for progress and for spreading the moments.
        model: Path or shipped name.
        rate_hz: Rate to play source at; 0 for its own.
        limit: Frames of source to play, from first_frame on; 0 for all.
        palette: Colours of the overlay, as the node's parameter.
        outlines: Lines where classes meet, as the node's parameter.
        first_frame: Frames of source to leave out at the start.
        log_dir: Receives the log of each process.
    """

    source: str
    topic: str
    seconds: float
    total: int
    model: str
    rate_hz: float
    limit: int
    palette: str
    outlines: bool
    first_frame: int
    log_dir: Path


class _Listener(Node):
    """Pairs image, mask and overlay by stamp."""

    def __init__(
        self,
        settings: DemoSettings,
        on_overlay: Callable[[np.ndarray, int], None],
        *,
        moments: int,
    ):
        super().__init__('demo', namespace=NAMESPACE)
        self.recording = Recording()
        self.video_finished = False
        self.last_news = time.monotonic()
        # The middle of each of so many equal parts: of the clip in frames, of a camera in time.
        self._due = [(2 * i + 1) / (2 * moments) for i in range(moments)]
        self._settings = settings
        self._images = 0
        self._first_s: float | None = None
        self._compressed = settings.topic.endswith('/compressed')
        self.counts_images = False
        self._on_overlay = on_overlay
        self._frames: deque[tuple[int, Any]] = deque(maxlen=60)
        self._masks: deque[tuple[int, Image]] = deque(maxlen=10)
        queue = QoSProfile(depth=20)
        self.create_subscription(
            CompressedImage if self._compressed else Image,
            settings.topic or 'image',
            self._image,
            # What a camera offers is not known: who asks for best effort gets either.
            qos_profile_sensor_data if settings.topic else queue,
        )
        self.create_subscription(Image, 'segmentation/mask', self._mask, queue)
        self.create_subscription(Image, 'segmentation/overlay', self._overlay, queue)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnostics, queue)

    def _image(self, message: Any) -> None:
        self._frames.append((_stamp_ns(message), message))
        self._images += 1
        if self._first_s is None:
            self._first_s = time.monotonic()
        if self.counts_images:
            self.recording.sent += 1

    def lacking(self) -> str:
        """Say what has not come at all; empty if something of all has."""
        if not self._images:
            topic = self._settings.topic or f'{NAMESPACE}/image'
            count = self.count_publishers(topic)
            return f'images on {topic}, which has {count} publishers'
        if not self.recording.masks:
            return f'the first mask, after {self._images} images'
        return ''

    def _played(self) -> float:
        """Return which part of the clip, or of the time to listen, is over."""
        if not self._settings.topic:
            return self._images / max(self._settings.total, 1)
        since_s = time.monotonic() - (self._first_s or time.monotonic())
        return since_s / self._settings.seconds

    def _mask(self, message: Image) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self.recording.masks += 1
        if self._settings.topic and self.recording.masks == 1:
            self.counts_images = True  # what a camera sent before the node was there is not lost
        self.recording.latency_ms.append((now_ns - _stamp_ns(message)) / 1e6)
        self._masks.append((_stamp_ns(message), message))
        self.last_news = time.monotonic()

    def _overlay(self, message: Image) -> None:
        self.recording.overlays += 1
        stamp = _stamp_ns(message)
        overlay = frame_from_message(message)
        self._on_overlay(overlay, stamp)
        if not self._due or self._played() < self._due[0]:
            return
        frame, mask = _find(self._frames, stamp), _find(self._masks, stamp)
        if frame is not None and mask is not None:
            self._due.pop(0)
            self.recording.moments.append(
                Moment(
                    frame_from_message(frame),
                    pixels_from_image(mask),
                    overlay,
                )
            )

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            if is_from(status.name, full_name('segmentation', self.get_namespace())):
                self.recording.segmentation = values
            elif is_from(status.name, full_name('video', self.get_namespace())):
                self.recording.sent = int(values['sent'])
                self.video_finished = values['finished'] == 'True'
                self.recording.problems = [values['problems']] if values['problems'] else []


def run_demo(
    settings: DemoSettings,
    *,
    progress: Counted,
    on_overlay: Callable[[np.ndarray, int], None],
    moments: int = 6,
) -> Recording:
    """Start the nodes, drive the lifecycle, play the clip, stop everything.

    Args:
        settings: What to run.
        progress: Called as (frames answered, frames expected).
        on_overlay: Called with each overlay, (H, W, 3) uint8 BGR, and its stamp in ns.
        moments: How many frames to keep with their mask and overlay.

    Raises:
        RtsegError: If a process ends early, a transition is refused or nothing arrives.
    """
    # Without rclpy's handlers a signal interrupts here, and the graph stays up for a clean end.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with ExitStack() as stack:
            listener = _Listener(settings, on_overlay, moments=moments)
            nodes = {'segmentation_node': _segmentation_arguments(settings)}
            processes = {
                name: stack.enter_context(NodeProcess(name, arguments, settings.log_dir))
                for name, arguments in nodes.items()
            }
            lifecycle = LifecycleClient(listener, 'segmentation')
            lifecycle.change('configure')
            lifecycle.change('activate')
            if not settings.topic:
                processes['video_node'] = stack.enter_context(
                    NodeProcess('video_node', _video_arguments(settings), settings.log_dir)
                )
            _listen(listener, settings, list(processes.values()), progress)
            lifecycle.change('deactivate')  # a camera goes on, its images count no more
            listener.counts_images = False
            _settle(listener)
            lifecycle.change('cleanup')
            return listener.recording
    finally:
        rclpy.try_shutdown()


def _listen(
    listener: _Listener,
    settings: DemoSettings,
    processes: list[NodeProcess],
    progress: Counted,
) -> None:
    start = time.monotonic()
    end = start + settings.seconds if settings.topic else float('inf')
    reminder = Reminder(listener)
    while time.monotonic() < end:
        if waits_for := listener.lacking():
            reminder.waiting_for(waits_for)
        rclpy.spin_once(listener, timeout_sec=0.1)
        progress(listener.recording.masks, settings.total)
        for process in processes:
            process.check()
        quiet_s = time.monotonic() - listener.last_news
        if listener.video_finished and quiet_s > SETTLE_S:
            break
        if quiet_s > SILENCE_S:
            raise RtsegError(
                f'no mask for {SILENCE_S:.0f} s; the logs in {settings.log_dir} say more'
            )


def _settle(listener: _Listener) -> None:
    """Wait for diagnostics of the inactive node: they count the last frame, too.

    Raises:
        RtsegError: If none come.
    """
    end, reminder = time.monotonic() + SILENCE_S, Reminder(listener)
    while listener.recording.segmentation.get('state') != 'inactive':
        reminder.waiting_for('the last diagnostics of segmentation_node')
        rclpy.spin_once(listener, timeout_sec=0.1)
        if time.monotonic() > end:
            raise RtsegError(f'no diagnostics of the node for {SILENCE_S:.0f} s')
    if listener.recording.sent < (received := int(listener.recording.segmentation['received'])):
        listener.recording.sent = received  # the node heard of a camera what was lost to us


def _segmentation_arguments(settings: DemoSettings) -> list[str]:
    topic = settings.topic or 'image'
    topic = topic if topic.startswith('/') else f'{NAMESPACE}/{topic}'
    # Frames that the queue of one would replace are counted by the node instead.
    depth = {f'qos_overrides.{topic}.subscription.depth': QUEUE_DEPTH}
    look = {'palette': settings.palette, 'outlines': settings.outlines}
    arguments = node_arguments(NAMESPACE, {'model': settings.model} | look | depth)
    if settings.topic.endswith('/compressed'):
        arguments += ['-p', 'image_transport:=compressed']
    return arguments + (['-r', f'image:={settings.topic}'] if settings.topic else [])


def _video_arguments(settings: DemoSettings) -> list[str]:
    return node_arguments(
        NAMESPACE,
        {
            'source': settings.source,
            'rate_hz': float(settings.rate_hz),
            'first_frame': settings.first_frame,
            'limit': settings.limit,
            'wait_for_subscribers': 2,
        },
    )


def _stamp_ns(message: Any) -> int:
    return ns_from_stamp(message.header.stamp)


def _find(messages: deque[tuple[int, Any]], stamp: int) -> Any:
    return next((message for found, message in messages if found == stamp), None)
