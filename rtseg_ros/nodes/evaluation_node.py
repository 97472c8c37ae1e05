# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Listens to a running graph and reports how accurate and how fast it is."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('evaluation_node'))  # takes the signals, then imports this file

from dataclasses import dataclass
from pathlib import Path
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.argument_types import output_folder
from rtseg_ros.errors import FrameError
from rtseg_ros.evaluation.live.matcher import LiveMatcher
from rtseg_ros.evaluation.live.report import LiveRun, report_live, started_again
from rtseg_ros.evaluation.live.spool import Spool
from rtseg_ros.evaluation.report.summary import summary_line
from rtseg_ros.frames.bag_options import GENERIC_ORDERS
from rtseg_ros.frames.bags.messages import stamp_ns_from_cdr
from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.frames.label_image import labels_from_message
from rtseg_ros.frames.sources import MAX_STAMP_GAP_NS
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.labels.mapping import align
from rtseg_ros.nodes.diagnostics import full_name, is_from, is_namesake
from rtseg_ros.nodes.image_topics import image_topic
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.messages import frame_from_message
from rtseg_ros.nodes.parameters import declare_parameters, read_parameters
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.options import parameter
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path

_QUEUE = 50


@dataclass(frozen=True)
class EvaluationParameters:
    """Parameters of ``evaluation_node``."""

    model: str = parameter(
        'swiftnet_mnv2_camvid',
        'The model that the node under test runs: path of the .onnx, or shipped name.',
    )
    labels: str = parameter(
        '', "Label set of the ground truth: camvid, cityscapes or a YAML; empty: the model's."
    )
    mapping: str = parameter('', 'YAML class mapping, if the two label sets differ.')
    output: str = parameter('report', 'Folder of the report.', accepts=output_folder)
    image_transport: str = parameter('raw', 'How the images come.', choices=('raw', 'compressed'))
    generic_order: str = parameter(
        'bgr',
        'Order of the colours in images of 8UC3 and its like, for the pictures of the report.',
        choices=GENERIC_ORDERS,
    )
    labels_transport: str = parameter(
        'raw', 'How the ground truth comes; compressed is PNG.', choices=('raw', 'compressed')
    )
    reliable: bool = parameter(
        True, 'Ask for reliable delivery; false for cameras that publish best effort.'
    )
    node_name: str = parameter(
        'segmentation',
        'Node under test in /diagnostics: a full name, or one in the namespace of this node.',
    )
    node_pid: int = parameter(
        0, 'Process to measure CPU and memory of; 0 for none.', minimum=0, maximum=2**31 - 1
    )
    boundary: bool = parameter(True, 'Compute the boundary F-score.')
    labels_colors: bool = parameter(
        False, 'The ground truth shows the colours of its label set instead of class ids.'
    )
    pair_ms: float = parameter(
        0.0, 'How far the stamps of an image and its ground truth may differ.',
        minimum=0.0, maximum=1000.0,
    )  # fmt: skip
    patience_s: float = parameter(
        5.0, 'A mask that comes later than this counts as lost.', minimum=0.1, maximum=600.0
    )
    silence_s: float = parameter(
        5.0, 'Write the report after so many seconds without an image; 0: on Ctrl-C only.',
        minimum=0.0, maximum=86400.0,
    )  # fmt: skip


class EvaluationNode(Node):
    """Matches ``image``, ``segmentation/mask`` and ``labels_gt`` by stamp; publishes nothing.

    The latency of a frame is the time from the image's publication, by the middleware's source
    timestamp, to the arrival of its mask in this process's middleware: what another node on
    this machine would see, without the time that Python takes to look.

    Attributes:
        last_image: When the latest image came, by time.monotonic(); 0 before the first.
        diagnostics: The latest of the node under test.
        diagnostics_count: How many there were.
        earlier: The last of every run of the node that ended since listening began.
        palette: Label set whose colours the ground truth shows; None if it holds ids.
    """

    def __init__(self, overrides: dict[str, Any] | None = None, **options: Any) -> None:
        """Subscribe.

        Args:
            overrides: Parameter values, before those of the command line.
            options: Of rclpy's Node, e.g. ``namespace``.
        """
        values = [Parameter(key, value=value) for key, value in (overrides or {}).items()]
        super().__init__('evaluation', parameter_overrides=values, **options)
        declare_parameters(self, {'': EvaluationParameters})
        self.settings = read_parameters(self, EvaluationParameters)
        self.last_image = 0.0
        self.diagnostics: dict[str, str] = {}
        self.diagnostics_count = 0
        self.earlier: list[dict[str, str]] = []
        self.palette: LabelSet | None = None
        self.matcher: LiveMatcher | None = None
        self._truth_seen = False
        self._under_test = full_name(self.settings.node_name, self.get_namespace())
        self._usage = _Usage(self.settings.node_pid)
        reliability = (
            ReliabilityPolicy.RELIABLE if self.settings.reliable else ReliabilityPolicy.BEST_EFFORT
        )
        queue = QoSProfile(depth=_QUEUE, reliability=reliability)
        compressed = self.settings.image_transport == 'compressed'
        self._image_type = CompressedImage if compressed else Image
        name, self.image_topic = image_topic(self, 'image', compressed=compressed)
        # With the time of receipt, which the annotations of rclpy know since Kilted.
        on_image: Any = self._on_image
        on_mask: Any = self._on_mask
        # Raw: only the stamp is looked at, and the pixels of the few frames that are shown.
        self.create_subscription(self._image_type, name, on_image, queue, raw=True)
        self._masks = self.create_subscription(Image, 'segmentation/mask', on_mask, queue)
        self._labels = self.create_subscription(
            CompressedImage if self.settings.labels_transport == 'compressed' else Image,
            'labels_gt', self._on_labels, queue,
        )  # fmt: skip
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, queue)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # must tick with use_sim_time too
        self.create_timer(0.5, self._usage.sample, clock=steady)

    def listen(self, spool: Spool | None, *, max_gap_ns: int = MAX_STAMP_GAP_NS) -> LiveMatcher:
        """Start a new period of listening; what was pending is forgotten."""
        self.matcher = LiveMatcher(
            spool,
            expects_truth=self._expects_truth if spool is not None else lambda: False,
            patience_s=self.settings.patience_s,
            max_gap_ns=max_gap_ns,
            pair_ns=round(self.settings.pair_ms * 1e6),
        )
        self._usage.clear()
        self.earlier = []
        return self.matcher

    def lacking(self) -> str:
        """Say what has not come at all since listening began; empty if something of all has."""
        assert self.matcher is not None
        if not self.last_image:
            count = self.count_publishers(self.image_topic)
            return f'images on {self.image_topic}, which has {count} publishers'
        if not self.matcher.masks:
            count = self.count_publishers(self._masks.topic_name)
            return f'masks on {self._masks.topic_name}, which has {count} publishers'
        return ''

    def usage(self) -> dict[str, Any]:
        """Return CPU and memory of the node under test since listening began."""
        return self._usage.summary()

    def _expects_truth(self) -> bool:
        # Asked for every frame, because the publisher may come later than the first of them;
        # once there it is expected until the end, because messages outlive their publisher.
        self._truth_seen = self._truth_seen or self.count_publishers(self._labels.topic_name) > 0
        return self._truth_seen

    def _on_image(self, data: bytes, info: Any) -> None:
        self.last_image = time.monotonic()
        if self.matcher is None or len(data) < 12:
            return
        kind, order = self._image_type, self.settings.generic_order

        def frame() -> Any:
            return frame_from_message(deserialize_message(data, kind), generic_order=order)

        self.matcher.image(stamp_ns_from_cdr(data), info['source_timestamp'], frame)

    def _on_mask(self, message: Image, info: Any) -> None:
        if self.matcher is not None:
            try:
                labels = pixels_from_image(message)
            except FrameError as error:
                self.matcher.problems[f'mask not used: {error}'] += 1
                return
            self.matcher.mask(_stamp_ns(message), info['received_timestamp'], labels)

    def _on_labels(self, message: Any) -> None:
        if self.matcher is None:
            return
        try:
            labels = labels_from_message(
                message,
                compressed=self._labels.msg_type is CompressedImage,
                palette=self.palette,
            )
        except FrameError as error:
            self.matcher.problems[f'ground truth not used: {error}'] += 1
            return
        self.matcher.truth(_stamp_ns(message), labels)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if is_from(status.name, self._under_test):
                values = {item.key: item.value for item in status.values}
                if started_again(self.diagnostics, values):
                    self.earlier.append(self.diagnostics)
                    self.get_logger().warning(f'{self._under_test} was restarted')
                self.diagnostics = values
                self.diagnostics['device'] = status.hardware_id
                self.diagnostics_count += 1
            elif is_namesake(status.name, self._under_test):
                self.get_logger().warning(
                    f'{status.name} is not the node under test, {self._under_test}; if it should '
                    'be, set node_name to its full name',
                    once=True,
                )


class _Usage:
    """CPU and memory of a process, sampled."""

    def __init__(self, pid: int) -> None:
        self._process: Any = None
        if pid:
            import psutil

            self._process = psutil.Process(pid)
        self.clear()

    def clear(self) -> None:
        self._samples = 0
        self._cpu_sum = self._cpu_max = 0.0
        self._first_mib = self._max_mib = 0.0
        if self._process is not None:
            self._process.cpu_percent()  # starts the interval of the next call

    def sample(self) -> None:
        if self._process is None or not self._process.is_running():
            return
        cpu, mib = self._process.cpu_percent(), self._process.memory_info().rss / 2**20
        self._first_mib = mib if self._samples == 0 else self._first_mib
        self._samples += 1
        self._cpu_sum += cpu
        self._cpu_max, self._max_mib = max(self._cpu_max, cpu), max(self._max_mib, mib)

    def summary(self) -> dict[str, float]:
        if not self._samples:
            return {}
        return {
            'node_cpu_percent_mean': self._cpu_sum / self._samples,
            'node_cpu_percent_max': self._cpu_max,
            'node_memory_mib_first': self._first_mib,
            'node_memory_mib_max': self._max_mib,
        }


def _stamp_ns(message: Any) -> int:
    return ns_from_stamp(message.header.stamp)


def _listen_and_report(node: EvaluationNode) -> None:
    """Listen until the images end or Ctrl-C, then write the report."""
    settings = node.settings
    model = read_model_file(model_path(settings.model))
    labels = load_label_set(settings.labels) if settings.labels else None
    mapping = settings.mapping or None
    # Before anything is heard: a wrong mapping would be found after the whole run.
    align(model.metadata.labels, labels or model.metadata.labels, mapping=mapping)
    if settings.labels_colors:
        node.palette = labels or model.metadata.labels
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    with Spool(output / 'masks.part') as spool:
        run = _listen(node, spool)
        report = report_live(
            run,
            output=output,
            model=model,
            truth_labels=labels,
            source={'kind': 'topics', 'name': node.resolve_topic_name('image')},
            mapping=mapping,
            boundary=settings.boundary,
        )
    node.get_logger().info(f'{summary_line(report)}; {output / "report.html"}')
    if report['unusable']:
        node.get_logger().error(report['unusable'])


def _listen(node: EvaluationNode, spool: Spool) -> LiveRun:
    """Listen until the images end or Ctrl-C."""
    silence_s = node.settings.silence_s
    matcher = node.listen(spool)
    reminder = Reminder(node)
    before: dict[str, str] = {}
    error: BaseException | None = None
    try:
        while True:
            rclpy.spin_once(node, timeout_sec=0.1)
            before = before or dict(node.diagnostics)
            if lacking := node.lacking():
                reminder.waiting_for(lacking)
            quiet_s = time.monotonic() - node.last_image
            if node.last_image and silence_s and quiet_s > silence_s:
                break
    except Exception:
        if rclpy.ok():
            raise
        # A signal took the context away: the regular end where silence_s is 0.
        error = KeyboardInterrupt() if silence_s else None
    matcher.finish()
    spool.close()
    return LiveRun(matcher, spool, before, node.diagnostics, node.usage(), error, node.earlier)


def main() -> int:
    """Run the node until the images end, or SIGINT or SIGTERM; 1 if nothing can be reported."""
    return run_node('evaluation', EvaluationNode, _listen_and_report)
