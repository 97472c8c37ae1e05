# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Live evaluation: a bag is played into the real node over DDS, and the answers measured."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
import json
import math
from pathlib import Path
import time
from typing import Any

from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from rtseg_ros.errors import EvaluationError, RtsegError
from rtseg_ros.evaluation.live.rate_search import Probe, search_rate
from rtseg_ros.evaluation.live.report import LiveRun
from rtseg_ros.evaluation.live.spool import Spool
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.bags.messages import COMPRESSED
from rtseg_ros.frames.retime import MAX_GAP_S
from rtseg_ros.frames.sources import MAX_STAMP_GAP_NS
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.harness.node_process import NodeProcess, node_arguments
from rtseg_ros.labels import LabelSet
from rtseg_ros.nodes.evaluation_node import EvaluationNode
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.runtime.shipped import model_path

NAMESPACE = '/rtseg_evaluation'
DISCOVERY_S = 60.0
# After the last image: as long as masks may still come, then two periods of the diagnostics.
DRAIN_S = 2.0
PROBE_S = 5.0
PROBE_FRAMES = 30


@dataclass(frozen=True)
class LiveSettings:
    """What to run.

    Attributes:
        bag: Path of the bag.
        image_topic: May be empty if the bag has one camera.
        labels_topic: Empty for ``labels_gt`` beside the images.
        model: Path or shipped name.
        node_parameters: Further parameters of segmentation_node.
        rate_hz: Images per second; 0 for the rate of the recording.
        limit: Images to play; 0 for all.
        search: Whether to search the sustained rate afterwards.
        patience_s: A mask that comes later counts as lost.
        log_dir: Receives the log of each process.
        pair_ms: How far the stamps of an image and its ground truth may differ.
        palette: Label set whose colours the ground truth shows; None if it holds ids.
        max_gap_s: Longer pauses of the recording last so long.
        generic_order: Of the colours in images of 8UC3 and its like.
    """

    bag: str
    image_topic: str
    labels_topic: str
    model: str
    node_parameters: dict[str, Any]
    rate_hz: float
    limit: int
    search: bool
    patience_s: float
    log_dir: Path
    pair_ms: float = 0.0
    palette: LabelSet | None = None
    max_gap_s: float = MAX_GAP_S
    generic_order: str = 'bgr'


def run_live(settings: LiveSettings, spool: Spool, *, progress: Callable[[int], None]) -> LiveRun:
    """Start the nodes, play the bag, search the rate, stop everything.

    Args:
        settings: What to run.
        spool: Receives the masks; closed afterwards.
        progress: Called with the number of masks so far.

    Returns:
        What was seen, also if Ctrl-C or the end of a process ended it early.

    Raises:
        RtsegError: If the nodes cannot be started.
    """
    source = BagSource(
        settings.bag, image_topic=settings.image_topic,
        labels_topic=settings.labels_topic,
        max_gap_s=settings.max_gap_s,
    )  # fmt: skip
    # Without rclpy's handlers Ctrl-C is a KeyboardInterrupt here, and the graph stays up.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with ExitStack() as stack:
            return _Session(settings, source, stack).run(spool, progress)
    finally:
        rclpy.try_shutdown()


class _Session:
    """The three nodes of one evaluation: under test, player, listener."""

    def __init__(self, settings: LiveSettings, source: BagSource, stack: ExitStack) -> None:
        self._settings = settings
        kinds = {
            topic: 'compressed'
            if source.reader.topics[topic].message_type == COMPRESSED
            else 'raw'
            for topic in (source.image_topic, source.labels_topic)
            if topic
        }
        image_transport = kinds[source.image_topic]
        self._images = len(source)
        self._duration_s = source.played_duration_s()
        parameters = {
            'model': str(model_path(settings.model).resolve()),
            'generic_order': settings.generic_order,
        }
        if image_transport == 'compressed':
            parameters['image_transport'] = image_transport
        self._node = stack.enter_context(
            NodeProcess(
                'segmentation_node',
                node_arguments(NAMESPACE, parameters | settings.node_parameters),
                settings.log_dir,
            )
        )
        self._player = stack.enter_context(
            NodeProcess(
                'bag_player',
                node_arguments(
                    NAMESPACE,
                    {
                        'bag': settings.bag,
                        'image_topic': source.image_topic,
                        'labels_topic': source.labels_topic,
                        'wait_for_subscribers': 2,
                        'max_gap_s': settings.max_gap_s,
                    },
                ),
                settings.log_dir,
            )
        )
        overrides = {
            'image_transport': image_transport,
            'labels_transport': kinds.get(source.labels_topic, 'raw'),
            'node_pid': self._node.process.pid,
            'patience_s': settings.patience_s,
            'pair_ms': settings.pair_ms,
            'generic_order': settings.generic_order,
        }
        self._listener = EvaluationNode(overrides, namespace=NAMESPACE)
        self._listener.palette = settings.palette
        self._play: Any = self._listener.create_client(Trigger, 'bag_player/play')
        self._set: Any = self._listener.create_client(SetParameters, 'bag_player/set_parameters')
        self._lifecycle = LifecycleClient(self._listener, 'segmentation')

    def run(self, spool: Spool, progress: Callable[[int], None]) -> LiveRun:
        for transition in ('configure', 'activate'):
            self._lifecycle.change(transition)
        self._wait(self._play.service_is_ready, what='the bag player')
        self._next_diagnostics()
        before = dict(self._listener.diagnostics)
        scale = self._time_scale(self._settings.rate_hz)
        matcher = self._listener.listen(
            spool, max_gap_ns=round(MAX_STAMP_GAP_NS * max(scale, 1.0))
        )
        run = LiveRun(matcher, spool, before)
        try:
            # Beyond its end the player would start again.
            limit = min(self._settings.limit, self._images)
            run.facts = self._played(
                self._settings.rate_hz, limit, lambda: progress(matcher.masks)
            )
            self._next_diagnostics()
            self._close(run)
            if self._settings.search:
                self._search(run)
            for transition in ('deactivate', 'cleanup'):
                self._lifecycle.change(transition)
        except (KeyboardInterrupt, RtsegError) as error:
            run.error = error
            if not run.node_after:
                self._close(run)
        return run

    def _close(self, run: LiveRun) -> None:
        run.matcher.finish()
        run.spool.close()
        run.facts |= self._listener.usage()
        run.node_after = dict(self._listener.diagnostics)
        run.node_earlier = tuple(self._listener.earlier)

    def _search(self, run: LiveRun) -> None:
        start_hz = max(run.matcher.figures()['masks_hz'] or 1.0, 0.5)
        sustained_hz, probes = search_rate(self._probe, start_hz=start_hz)
        run.facts['sustained_hz'] = sustained_hz
        run.facts['probes'] = [probe.to_dict() for probe in probes]

    def _time_scale(self, rate_hz: float) -> float:
        own_hz = (self._images - 1) / self._duration_s if self._duration_s else 0
        return own_hz / rate_hz if rate_hz and own_hz else 1.0

    def _probe(self, rate_hz: float) -> Probe:
        matcher = self._listener.listen(None)
        count = max(PROBE_FRAMES, round(PROBE_S * rate_hz))
        played = self._played(rate_hz, count, lambda: None)
        matcher.finish()
        sent_hz = matcher.figures()['sent_hz'] or 0.0
        return Probe(rate_hz, sent_hz, int(played['played_sent']), matcher.masks)

    def _played(self, rate_hz: float, limit: int, progress: Callable[[], None]) -> dict[str, Any]:
        """Have the bag played once and wait for the last mask; returns what the player says."""
        request = SetParameters.Request(
            parameters=[
                Parameter('rate_hz', value=float(rate_hz)).to_parameter_msg(),
                Parameter('limit', value=int(limit)).to_parameter_msg(),
            ]
        )
        self._wait(self._set.service_is_ready, what='the bag player')
        setting = self._set.call_async(request)
        self._wait(setting.done, what='the parameters of the bag player')
        refused = [result.reason for result in setting.result().results if not result.successful]
        if refused:
            raise EvaluationError(f'the bag player refuses: {refused[0]}')
        playing = self._play.call_async(Trigger.Request())
        self._wait_until_played(playing, rate_hz, limit, progress)
        answer = playing.result()
        matcher = self._listener.matcher
        assert matcher is not None
        end = time.monotonic() + DRAIN_S
        masks = matcher.masks
        while time.monotonic() < end and matcher.waiting:
            self._spin(progress)
            if matcher.masks != masks:
                masks, end = matcher.masks, time.monotonic() + DRAIN_S
        if not answer.success:  # a damaged bag: what was before the damage has been played
            raise EvaluationError(f'the bag cannot be played to its end: {answer.message}')
        return {f'played_{key}': value for key, value in json.loads(answer.message).items()}

    def _wait_until_played(
        self, playing: Any, rate_hz: float, limit: int, progress: Callable[[], None]
    ) -> None:
        """Wait for the player's answer; DDS may lose it, and then nothing more would come."""
        rounds = max(math.ceil(limit / self._images), 1) if self._images else 1
        # The last image may lie in the bag long before its end, and a slow disk makes it late.
        planned = rounds * self._duration_s * self._time_scale(rate_hz) + time.monotonic()
        while not playing.done():
            self._spin(progress)
            quiet_since = max(planned, self._listener.last_image)
            if time.monotonic() > quiet_since + DISCOVERY_S:
                raise self._no_answer('the bag player')

    def _next_diagnostics(self) -> None:
        """Wait for diagnostics that were made after now."""
        wanted = self._listener.diagnostics_count + 2
        self._wait(
            lambda: self._listener.diagnostics_count >= wanted,
            what='the diagnostics of segmentation_node',
        )

    def _wait(self, condition: Callable[[], bool], *, what: str) -> None:
        end, reminder = time.monotonic() + DISCOVERY_S, Reminder(self._listener)
        while not condition():
            reminder.waiting_for(what)
            self._spin(lambda: None)
            if time.monotonic() > end:
                raise self._no_answer(what)

    def _no_answer(self, what: str) -> EvaluationError:
        return EvaluationError(
            f'no answer from {what} within {DISCOVERY_S:.0f} s; the logs in '
            f'{self._settings.log_dir} say more'
        )

    def _spin(self, progress: Callable[[], None]) -> None:
        rclpy.spin_once(self._listener, timeout_sec=0.1)
        progress()
        for process in (self._node, self._player):
            process.check()
