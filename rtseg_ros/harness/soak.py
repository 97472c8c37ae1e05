# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Soak test: a real node under more frames than it can take; ages, counts and memory."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
import os
from pathlib import Path
import tempfile
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.harness.node_process import NodeProcess, isolate_graph, node_arguments
from rtseg_ros.installation import use_image_profile
from rtseg_ros.nodes.diagnostics import is_from
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.nodes.segmentation.accounting import WINDOW
from rtseg_ros.progress import Counted
from rtseg_ros.runtime.shipped import model_path

NAMESPACE = '/rtseg_soak'
PROBES = 20
MEMORY_PERIOD_S = 2.0
# The first masks, allocations and rates belong to the start, not to the state that is judged.
SETTLING = 0.1
PATIENCE_S = 60.0
# Where a frame ends that gets no mask, if none is sent before its mask came.
_LOST = ('stale', 'rejected', 'failed')


@dataclass(frozen=True)
class SoakSettings:
    """What to run.

    Attributes:
        model: Path or shipped name.
        size_hw: Height and width of the frames in pixels.
        seconds: How long.
        overload: Frames sent per frame that the node can take.
        max_age_ms: The node's parameter.
    """

    model: str
    size_hw: tuple[int, int]
    seconds: float
    overload: float
    max_age_ms: float


@dataclass(frozen=True)
class Window:
    """Figures of the node's last 1000 masks, in ms.

    Attributes:
        inference_p50: Preprocess, infer and upsample of one frame.
        inference_p99: The same.
        age_p50: From the camera's stamp to the mask's publication.
        age_p99: The same.
    """

    inference_p50: float
    inference_p99: float
    age_p50: float
    age_p99: float


@dataclass(frozen=True)
class Moment:
    """What was seen since the moment before.

    Attributes:
        seconds: Since the start.
        age_p50: Of the masks that arrived, from the camera's stamp, in ms; None if none did.
        age_p99: The same.
        memory_mib: Resident memory of the node.
    """

    seconds: float
    age_p50: float | None
    age_p99: float | None
    memory_mib: float


@dataclass(frozen=True)
class SoakReport:
    """What was measured.

    Attributes:
        sent: Frames published by the camera.
        counts: The node's account at the end.
        masks: Masks received.
        rate_hz: Rate of the frames sent.
        windows: One for every 1000 masks; ages are judged against the inferences beside them,
            because the speed of a machine changes with what else it does.
        arrival_ms: From the camera's stamp to the mask's arrival, over all: p50, p99 and max;
            transport and the waiting of this process are in it.
        memory_mib: Resident memory of the node once settled and at the end.
        memory_mib_per_hour: Slope of a line through it.
        load: Load average of the machine at the start and at the end.
        history: Ages and memory every two seconds.
    """

    sent: int
    counts: dict[str, int]
    masks: int
    rate_hz: float
    windows: tuple[Window, ...]
    arrival_ms: dict[str, float]
    memory_mib: dict[str, float]
    memory_mib_per_hour: float
    load: tuple[float, float]
    history: tuple[Moment, ...]

    def problems(self, *, growth_mib: float) -> list[str]:
        """Say what was not met; empty if all was.

        Args:
            growth_mib: Growth of memory that is still taken for noise.
        """
        found = []
        total = sum(self.counts[name] for name in BINS) + self.counts['in_flight']
        if self.counts['received'] != total:
            found.append(f'{self.counts["received"]} frames received, {total} accounted for')
        if self.masks != self.counts['published']:
            found.append(f'{self.counts["published"]} masks published, {self.masks} received')
        if self.counts['failed'] or self.counts['rejected']:
            found.append(f'frames failed or rejected: {self.counts}')
        late = [w for w in self.windows if w.age_p99 >= 2 * w.inference_p99]
        if late:
            worst = max(late, key=lambda w: w.age_p99 / w.inference_p99)
            found.append(
                f'in {len(late)} of {len(self.windows)} windows masks are too old: '
                f'{worst.age_p99:.0f} ms at p99, one inference takes {worst.inference_p99:.0f} '
                'ms at p99'
            )
        growth = self.memory_mib['end'] - self.memory_mib['settled']
        if growth > growth_mib:
            found.append(f'memory grew by {growth:.1f} MiB; up to {growth_mib:g} is noise')
        return found


@dataclass
class Listener:
    """What comes back from the node.

    Attributes:
        node: Listens.
        ages_ms: From the stamp of each mask to its arrival.
        values: Of the node's latest diagnostics.
        recent: Stamp in ns, and height and width, of the latest masks.
    """

    node: Node
    ages_ms: list[float] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    recent: deque[tuple[int, tuple[int, int]]] = field(default_factory=lambda: deque(maxlen=100))

    def __post_init__(self) -> None:
        queue = QoSProfile(depth=100)
        self.camera = self.node.create_publisher(Image, 'image', queue)
        self.node.create_subscription(Image, 'segmentation/mask', self._on_mask, queue)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_values, queue)

    def send(self, pixels: np.ndarray) -> None:
        """Publish a frame, stamped with the present."""
        header = Header(stamp=self.node.get_clock().now().to_msg(), frame_id='camera')
        self.camera.publish(image_from_array(pixels, 'bgr8', header=header))

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Spin until the condition holds.

        Raises:
            RtsegError: If it does not within a minute.
        """
        end, reminder = time.monotonic() + PATIENCE_S, Reminder(self.node)
        while not condition():
            reminder.waiting_for(what)
            rclpy.spin_once(self.node, timeout_sec=0.02)
            if time.monotonic() > end:
                raise RtsegError(f'{what}: not within {PATIENCE_S:.0f} s')

    def window(self) -> Window:
        """Return the figures of the node's last diagnostics."""
        stages = ('preprocess', 'infer', 'upsample')

        def total(key: str) -> float:
            return sum(float(self.values[f'{stage}_ms_{key}']) for stage in stages)

        return Window(
            inference_p50=total('p50'),
            inference_p99=total('p99'),
            age_p50=float(self.values['age_ms_p50']),
            age_p99=float(self.values['age_ms_p99']),
        )

    def counts(self) -> dict[str, int]:
        """Return the node's next account."""
        self.values = {}
        self.wait(lambda: self.values, 'diagnostics of the node')
        return {name: int(self.values[name]) for name in ('received', *BINS, 'in_flight')}

    def _on_mask(self, message: Image) -> None:
        stamp = ns_from_stamp(message.header.stamp)
        self.recent.append((stamp, (message.height, message.width)))
        self.ages_ms.append((self.node.get_clock().now().nanoseconds - stamp) / 1e6)

    def _on_values(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if is_from(status.name, f'{NAMESPACE}/segmentation'):
                self.values = {item.key: item.value for item in status.values}


def soak(settings: SoakSettings, *, progress: Counted) -> SoakReport:
    """Start a node, measure what it can take, send more than that, look at what it does.

    Args:
        settings: What to run.
        progress: Told how many seconds of how many have passed.

    Raises:
        RtsegError: If the node ends, does not answer, or gives no masks.
    """
    # Node and soak must agree on the transport, and DDS reads it when rclpy starts.
    use_image_profile()
    isolate_graph()
    model = str(model_path(settings.model).resolve())
    # Without rclpy's handlers a signal interrupts here, and the graph stays up for a clean end.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        parameters = {'model': model, 'max_age_ms': float(settings.max_age_ms)}
        arguments = node_arguments(NAMESPACE, parameters)
        with (
            tempfile.TemporaryDirectory() as folder,
            NodeProcess('segmentation_node', arguments, Path(folder)) as process,
        ):
            listener = Listener(rclpy.create_node('soak', namespace=NAMESPACE))
            lifecycle = LifecycleClient(listener.node, 'segmentation')
            lifecycle.change('configure')
            lifecycle.change('activate')
            listener.wait(listener.camera.get_subscription_count, 'the node subscribes to image')
            return _soak(settings, listener, process, progress)
    finally:
        rclpy.try_shutdown()


def _soak(
    settings: SoakSettings, listener: Listener, process: NodeProcess, progress: Counted
) -> SoakReport:
    frames = np.random.default_rng(0).integers(0, 256, (4, *settings.size_hw, 3), np.uint8)
    period_s = _time_of_one(listener, frames, settings) / settings.overload
    before = listener.counts()
    del listener.ages_ms[:]
    sent, next_window = 0, before['published'] + WINDOW
    windows: list[Window] = []
    history: list[Moment] = []
    load, seen = os.getloadavg()[0], 0
    start = due = time.monotonic()
    while (now := time.monotonic()) - start < settings.seconds:
        if now >= due:
            listener.send(frames[sent % len(frames)])
            sent += 1
            due += period_s
            if now - due > 1.0:  # the machine stood still; do not make up for it in one burst
                due = now
        rclpy.spin_once(listener.node, timeout_sec=max(min(due - time.monotonic(), 0.05), 0))
        if not history or now - start - history[-1].seconds >= MEMORY_PERIOD_S:
            process.check()
            memory_mib = resident_mib(process.process.pid)
            history.append(_moment(now - start, listener.ages_ms[seen:], memory_mib))
            seen = len(listener.ages_ms)
            progress(round(now - start), round(settings.seconds))
        if int(listener.values.get('published', 0)) >= next_window:
            windows.append(listener.window())
            next_window += WINDOW
    seconds = time.monotonic() - start
    listener.counts()
    after = listener.counts()
    counts = {name: after[name] - before[name] for name in after}
    settled = [(m.seconds, m.memory_mib) for m in history if m.seconds >= SETTLING * seconds]
    times, sizes = np.array(settled).T
    if not listener.ages_ms:
        raise _no_mask(settings, listener)
    ages = np.array(listener.ages_ms[int(SETTLING * len(listener.ages_ms)) :])
    return SoakReport(
        sent=sent,
        counts=counts,
        masks=len(listener.ages_ms),
        rate_hz=sent / seconds,
        windows=tuple(windows or [listener.window()]),
        arrival_ms={
            'p50': float(np.percentile(ages, 50)),
            'p99': float(np.percentile(ages, 99)),
            'max': float(ages.max()),
        },
        memory_mib={'settled': float(sizes[0]), 'end': float(sizes[-1])},
        memory_mib_per_hour=float(np.polyfit(times, sizes, 1)[0] * 3600),
        load=(load, os.getloadavg()[0]),
        history=tuple(history),
    )


def _moment(seconds: float, ages_ms: list[float], memory_mib: float) -> Moment:
    p50, p99 = np.percentile(ages_ms, (50, 99)).tolist() if ages_ms else (None, None)
    return Moment(seconds, p50, p99, memory_mib)


def _time_of_one(listener: Listener, frames: np.ndarray, settings: SoakSettings) -> float:
    """Return the seconds from sending a frame to its mask, one after the other."""
    times = []
    for number in range(PROBES):
        count = len(listener.ages_ms)
        start = time.monotonic()
        listener.send(frames[number % len(frames)])
        end = start + PATIENCE_S
        while len(listener.ages_ms) == count:
            rclpy.spin_once(listener.node, timeout_sec=0.02)
            lost = sum(int(listener.values.get(name, 0)) for name in _LOST)
            if lost or time.monotonic() > end:
                raise _no_mask(settings, listener)
        times.append(time.monotonic() - start)
    return float(np.median(times))


def _no_mask(settings: SoakSettings, listener: Listener) -> RtsegError:
    height, width = settings.size_hw
    text = ', '.join(f'{name} {listener.values.get(name, 0)}' for name in BINS)
    text = f'no mask came back of a frame of {height}x{width} (height x width): {text}'
    if error := listener.values.get('last_error'):
        text += f' ({error})'
    if settings.max_age_ms:
        text += (
            f'; a frame older than max_age_ms, here {settings.max_age_ms:g}, gets none: '
            'give more, or 0 for any age'
        )
    return RtsegError(text)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20
