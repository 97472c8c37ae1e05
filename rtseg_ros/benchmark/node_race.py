# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Our node against a plain rclpy and torch node, over real DDS, in turns."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
import json
from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.harness.node_process import NodeProcess, node_arguments
from rtseg_ros.machine import peak_memory_mib
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.progress import Say

OURS, PLAIN = 'segmentation_node', 'plain_node'
PLAIN_MODULE = 'rtseg_ros.benchmark.plain_node'
# Images on the way at a time: one in work and one waiting, so that no node idles or drops.
IN_FLIGHT = 2
SILENCE_S = 120.0
LOST_S = 10.0  # an image without a mask for so long at the end of a turn was dropped
DISCOVERY_S = 60.0
TURN_S = 3.0
# Makes a managed node of this name run; the caller knows how.
Activate = Callable[[Node, str], None]


@dataclass
class NodeResult:
    """What one node reached.

    Attributes:
        name: ``segmentation_node`` or ``plain_node``.
        intervals_ms: From each mask to the next.
        turns_fps: Masks per second of each turn.
        latency_ms: From publishing an image to receiving its mask; two images are on the way,
            so one of them waits.
        masks: The last mask received for each frame, by its index.
        stages_ms: Median of each stage as our node reports it; empty for the plain one.
        peak_memory_mib: Largest resident memory of its process.
    """

    name: str
    intervals_ms: list[float] = field(default_factory=list)
    turns_fps: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    masks: dict[int, np.ndarray] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)
    peak_memory_mib: float = 0.0

    @property
    def fps(self) -> float:
        """Masks per second."""
        return 1000 / float(np.mean(self.intervals_ms))


class _Camera(Node):
    """Publishes the next image when a mask has come back."""

    def __init__(self, namespace: str, frames: np.ndarray, result: NodeResult) -> None:
        super().__init__('camera', namespace=namespace)
        self._images = [image_from_array(frame, 'bgr8', header=Header()) for frame in frames]
        self._result = result
        self._sent_ns: dict[int, int] = {}
        self._count = 0
        self._last_ns = 0
        self.open = False
        self.publisher = self.create_publisher(Image, 'image', 10)
        self.create_subscription(Image, 'segmentation/mask', self._on_mask, 10)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def start(self) -> None:
        """Open the tap."""
        self.open = True
        self._last_ns = 0
        self._send()

    @property
    def waiting(self) -> bool:
        """Whether a mask is still to come."""
        return bool(self._sent_ns)

    def fill(self) -> None:
        """Send one more image if the node could idle; not two at once: its queue holds one."""
        if self.open and len(self._sent_ns) < IN_FLIGHT:
            self._send()

    def forget(self) -> None:
        """Wait for nothing any more."""
        self._sent_ns.clear()

    def _send(self) -> None:
        message = self._images[self._count % len(self._images)]
        message.header = Header(frame_id='camera')
        message.header.stamp.sec = self._count  # the count comes back as the mask's stamp
        self._sent_ns[self._count] = time.perf_counter_ns()
        self._count += 1
        self.publisher.publish(message)

    def _on_mask(self, message: Image) -> None:
        now_ns = time.perf_counter_ns()
        number = message.header.stamp.sec
        if number not in self._sent_ns:
            return
        self._result.latency_ms.append((now_ns - self._sent_ns.pop(number)) / 1e6)
        if self._last_ns and self.open:
            self._result.intervals_ms.append((now_ns - self._last_ns) / 1e6)
        self._last_ns = now_ns
        for older in [key for key in self._sent_ns if key < number]:
            del self._sent_ns[older]  # replaced by a newer image before the node took it
        mask = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)
        self._result.masks[number % len(self._images)] = mask.copy()
        if self.open:
            self._send()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if self.get_namespace().lstrip('/') in status.name:
                for item in status.values:
                    stage, found, percentile = item.key.rpartition('_ms_')
                    if found and percentile == 'p50':
                        self._result.stages_ms[stage] = float(item.value)


def node_race(
    subject: Subject,
    folder: Path,
    *,
    parameters: Mapping[str, str],
    seconds: float,
    activate: Activate,
    say: Say,
) -> tuple[NodeResult, NodeResult]:
    """Run both nodes in turns.

    Args:
        subject: What they run.
        folder: Receives logs.
        parameters: Of our node, beside the model.
        seconds: Time of each node's turns together.
        activate: Configures and activates the managed node of a name.
        say: Told what happens.

    Returns:
        The results of our node and of the plain one.

    Raises:
        BenchmarkError: If a node ends early or stops to answer.
    """
    frames = np.load(subject.frames)
    description = folder / 'plain_node.json'
    description.write_text(
        json.dumps(
            {
                'network': subject.network,
                'checkpoint': subject.checkpoint,
                'num_outputs': subject.num_outputs,
                'preprocessing': subject.preprocessing.to_dict(),
            }
        ),
        encoding='utf-8',
    )
    model = str(subject.models['fp32'])
    results = {name: NodeResult(name) for name in (OURS, PLAIN)}
    # Without rclpy's handlers a signal interrupts here, and the graph stays up for a clean end.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with ExitStack() as stack:
            cameras, processes = {}, {}
            for name, values, module, words in (
                (OURS, {'model': model, **parameters}, '', ()),
                (PLAIN, {}, PLAIN_MODULE, (str(description),)),
            ):
                say(f'starting {name}')
                namespace = f'/rtseg_benchmark_{name}'
                arguments = node_arguments(namespace, values)
                node = NodeProcess(name, arguments, folder, module=module, words=words)
                processes[name] = stack.enter_context(node)
                cameras[name] = _Camera(namespace, frames, results[name])
            activate(cameras[OURS], 'segmentation')
            for name, camera in cameras.items():
                _await_subscriber(camera, processes[name])
                _turn(camera, results[name], 0.0, processes[name])  # warm, and forgotten
                results[name].intervals_ms.clear()
                results[name].latency_ms.clear()
                results[name].turns_fps.clear()
            turns = max(2, round(seconds / TURN_S))
            for turn in range(turns):
                say(f'nodes, turn {turn + 1} of {turns}')
                for name, camera in cameras.items():
                    _turn(camera, results[name], TURN_S, processes[name])
            for name, process in processes.items():
                results[name].peak_memory_mib = peak_memory_mib(process.process.pid)
    finally:
        rclpy.try_shutdown()
    return results[OURS], results[PLAIN]


def _turn(camera: _Camera, result: NodeResult, seconds: float, process: NodeProcess) -> None:
    """Let a node answer for so long, at least four times, and drain what is on the way."""
    camera.start()
    start = last_news = time.monotonic()
    first = seen = len(result.latency_ms)
    first_interval = len(result.intervals_ms)
    while camera.open or camera.waiting:
        rclpy.spin_once(camera, timeout_sec=0.02)
        camera.fill()
        now = time.monotonic()
        if len(result.latency_ms) > seen:
            seen, last_news = len(result.latency_ms), now
        if now - start > seconds and seen - first >= 4:
            camera.open = False
        if process.process.poll() is not None or now - last_news > SILENCE_S:
            raise BenchmarkError(_end_of(process, 'ended or gave no mask'))
        if not camera.open and now - last_news > LOST_S:
            camera.forget()
    if result.intervals_ms[first_interval:]:
        result.turns_fps.append(1000 / float(np.mean(result.intervals_ms[first_interval:])))


def _await_subscriber(camera: _Camera, process: NodeProcess) -> None:
    end = time.monotonic() + DISCOVERY_S
    while not camera.publisher.get_subscription_count():
        rclpy.spin_once(camera, timeout_sec=0.1)
        if process.process.poll() is not None or time.monotonic() > end:
            raise BenchmarkError(_end_of(process, 'did not subscribe'))


def _end_of(process: NodeProcess, what: str) -> str:
    tail = process.log_path.read_text(errors='replace').splitlines()[-4:]
    return f'{process.name} {what}: ' + ' / '.join(tail)
