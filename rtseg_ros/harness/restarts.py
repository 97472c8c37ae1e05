# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera that is started again and again, each time with images of another size."""

from dataclasses import dataclass
from pathlib import Path
import tempfile
import time
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.harness.node_process import NodeProcess, isolate_graph, node_arguments
from rtseg_ros.harness.soak import NAMESPACE, PATIENCE_S, Listener, resident_mib
from rtseg_ros.installation import use_image_profile
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.progress import Counted
from rtseg_ros.runtime.shipped import model_path

# Of the height and width that are given.
FACTORS = (1.0, 0.5, 1.5, 0.75, 2.0)
FRAMES = 3  # that each camera has answered before it ends
RETRY_S = 0.5  # best effort loses images that are sent before both sides know each other


@dataclass(frozen=True)
class RestartSettings:
    """What to run.

    Attributes:
        model: Path or shipped name.
        size_hw: Height and width of the first camera's frames in pixels.
        restarts: How many cameras come and go.
    """

    model: str
    size_hw: tuple[int, int]
    restarts: int


@dataclass(frozen=True)
class RestartReport:
    """What was measured.

    Attributes:
        restarts: Cameras that came, were answered and went.
        sent: Frames that they published.
        counts: The node's account.
        masks: Masks received, all of the size of their frame.
        sizes: Height x width of the frames, each in its turn.
        memory_mib: Resident memory of the node when every size had been seen twice, at the
            highest since, and at the end.
        seconds: How long it took.
    """

    restarts: int
    sent: int
    counts: dict[str, int]
    masks: int
    sizes: tuple[str, ...]
    memory_mib: dict[str, float]
    seconds: float

    def problems(self, *, growth_mib: float) -> list[str]:
        """Say what was not met; empty if all was.

        Args:
            growth_mib: Growth of memory that is still taken for noise.
        """
        found = []
        total = sum(self.counts[name] for name in BINS) + self.counts['in_flight']
        if self.counts['received'] != total:
            found.append(f'{self.counts["received"]} frames received, {total} accounted for')
        if self.counts['received'] > self.sent:
            found.append(f'{self.sent} frames sent, {self.counts["received"]} received')
        if self.masks != self.counts['published']:
            found.append(f'{self.counts["published"]} masks published, {self.masks} received')
        if self.counts['failed'] or self.counts['rejected']:
            found.append(f'frames failed or rejected: {self.counts}')
        growth = self.memory_mib['end'] - self.memory_mib['settled']
        if growth > growth_mib:
            found.append(f'memory grew by {growth:.1f} MiB; up to {growth_mib:g} is noise')
        return found


def restart(settings: RestartSettings, *, progress: Counted) -> RestartReport:
    """Start a node, and cameras one after the other, each a participant of its own in DDS.

    Args:
        settings: What to run.
        progress: Told how many cameras of how many have gone.

    Raises:
        RtsegError: If the node ends or does not answer a camera, or a mask has another size.
    """
    use_image_profile()
    isolate_graph()
    model = str(model_path(settings.model).resolve())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        arguments = node_arguments(NAMESPACE, {'model': model})
        with (
            tempfile.TemporaryDirectory() as folder,
            NodeProcess('segmentation_node', arguments, Path(folder)) as process,
        ):
            listener = Listener(rclpy.create_node('restarts', namespace=NAMESPACE))
            listener.node.destroy_publisher(listener.camera)  # each camera has its own
            lifecycle = LifecycleClient(listener.node, 'segmentation')
            lifecycle.change('configure')
            lifecycle.change('activate')
            return _restart(settings, listener, process, progress)
    finally:
        rclpy.try_shutdown()


def _restart(
    settings: RestartSettings, listener: Listener, process: NodeProcess, progress: Counted
) -> RestartReport:
    height, width = settings.size_hw
    sizes = [(max(round(height * f), 1), max(round(width * f), 1)) for f in FACTORS]
    start = time.monotonic()
    sent, memory = 0, []
    for number in range(settings.restarts):
        sent += _one_camera(number, sizes[number % len(sizes)], listener)
        process.check()
        memory.append(resident_mib(process.process.pid))
        progress(number + 1, settings.restarts)
    listener.wait(lambda: not listener.counts()['in_flight'], 'the last frame is done')
    counts = listener.counts()
    listener.wait(
        lambda: len(listener.ages_ms) >= counts['published'], 'the masks that were published'
    )
    settled = memory[min(2 * len(sizes), len(memory)) - 1 :]
    return RestartReport(
        restarts=settings.restarts,
        sent=sent,
        counts=counts,
        masks=len(listener.ages_ms),
        sizes=tuple(f'{height}x{width}' for height, width in sizes),
        memory_mib={'settled': settled[0], 'highest': max(settled), 'end': memory[-1]},
        seconds=time.monotonic() - start,
    )


def _one_camera(number: int, size_hw: tuple[int, int], listener: Listener) -> int:
    """Have a camera answered FRAMES times and end it; returns the frames that it sent."""
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('camera', namespace=NAMESPACE, context=context)
    camera = node.create_publisher(Image, 'image', QoSProfile(depth=5))
    pixels = np.full((*size_hw, 3), number % 256, np.uint8)
    sent: set[int] = set()
    try:
        for _ in range(FRAMES):
            _until_answered(listener, camera, pixels, sent)
    finally:
        node.destroy_node()
        context.try_shutdown()
    return len(sent)


def _until_answered(listener: Listener, camera: Any, pixels: np.ndarray, sent: set[int]) -> None:
    """Send a frame, again if need be, until one of them has its mask.

    Args:
        listener: Hears the masks.
        camera: Publisher.
        pixels: (H, W, 3) uint8.
        sent: Stamps of this camera's frames; those that are sent now are added.
    """
    size_hw = pixels.shape[:2]
    now: set[int] = set()
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        stamp = listener.node.get_clock().now()
        header = Header(stamp=stamp.to_msg(), frame_id='camera')
        camera.publish(image_from_array(pixels, 'bgr8', header=header))
        now.add(stamp.nanoseconds)
        sent.add(stamp.nanoseconds)
        retry = time.monotonic() + RETRY_S
        while time.monotonic() < retry:
            rclpy.spin_once(listener.node, timeout_sec=0.02)
            answers = dict(listener.recent)
            for wrong in (hw for stamp_ns, hw in answers.items() if stamp_ns in sent):
                if wrong != size_hw:
                    raise RtsegError(f'a mask of {wrong} for a frame of {size_hw}')
            if now & set(answers):
                return
    raise RtsegError(
        f'no mask of a camera of {size_hw[0]}x{size_hw[1]} within {PATIENCE_S:.0f} s; '
        f'the node says: {listener.values.get("last_error") or "nothing"}'
    )
