# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reports of the perception node: what became of the frames, and why nothing is published."""

from collections.abc import Sequence
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode

from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.nodes.ros_graph import clock_is_missing, topic_facts
from rtseg_ros.nodes.segmentation.accounting import FrameAccount
from rtseg_ros.nodes.segmentation.advice import Situation, advice
from rtseg_ros.nodes.segmentation.advice_log import AdviceLog
from rtseg_ros.nodes.segmentation.camera import Camera, latest
from rtseg_ros.nodes.segmentation.frames_status import frames_status, model_values
from rtseg_ros.nodes.segmentation.remarks import (
    RemarkLog,
    remarks_on_camera,
    remarks_on_node,
)
from rtseg_ros.runtime import Segmenter


class Reporter:
    """Makes the node's diagnostics; call it from one thread.

    Attributes:
        state: Lifecycle state of the node.
        configure_error: Why the last configure failed; empty if it did not.
        enabled: Whether images are taken while the node is active; ``~/enable`` sets it.
        overlap: Whether a frame is made ready while the engine works on another.
        busy: What takes long at the moment, e.g. building an engine.
    """

    def __init__(self, node: LifecycleNode, total: FrameAccount) -> None:
        self._node = node
        self._total = total
        self._seen: dict[str, dict[str, int]] = {}
        logger = node.get_logger()
        self._log = AdviceLog(
            # rclpy ties a severity to the line of its call: two lines.
            lambda text: logger.warning(text),
            lambda text: logger.info(text),
        )
        self._reminder = Reminder(node)
        self._remarks = RemarkLog(lambda text: logger.warning(text))
        self.state = 'unconfigured'
        self.configure_error = ''
        self.enabled = True
        self.overlap = False
        self.busy = ''

    def message(
        self, cameras: Sequence[Camera], segmenter: Segmenter | None, *, max_age_ms: float
    ) -> DiagnosticArray:
        """Describe the node, and each camera that has a name."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name()
        advices = [
            self._advice(camera, max_age_ms) or camera.spatial.problem(camera.wanted(), latest())
            for camera in cameras
        ]
        remarks = [remarks_on_camera(self._node, camera) for camera in cameras]
        twins = remarks_on_node(self._node)
        named = [
            f'{camera.name}: {text}' if camera.name else text
            for camera, text in zip(cameras, advices, strict=True)
            if text
        ]
        values = {
            'state': self.state,
            'enabled': str(self.enabled),
            'overlap': 'on' if self.overlap else 'off',
            **model_values(segmenter),
        }
        summary = '; '.join(named) if cameras else self._advice_without()
        if self.state == 'active':
            self._log.tell(summary)
        if summary and self.state != 'finalized' and not self._total.snapshot().received_hz:
            self._reminder.waiting(f'({self.state}): {summary}')
        else:
            self._reminder.over()
        also = [*twins, *(text for texts in remarks for text in texts)]
        self._remarks.tell(also)
        summary = '; '.join(filter(None, [summary, *also]))
        if self.busy:
            summary = f'{self.busy}; {summary}'.rstrip('; ')
        rows = [(name, self._total, summary)]
        rows += [
            (f'{name}: {camera.name}', camera.account, '; '.join(filter(None, [text, *more])))
            for camera, text, more in zip(cameras, advices, remarks, strict=True)
            if camera.name
        ]
        # Together, so that the cameras add up to the node.
        wanted = [camera.wanted().names for camera in cameras]
        shown = [frozenset().union(*wanted)]
        shown += [n for n, camera in zip(wanted, cameras, strict=True) if camera.name]
        each = [camera.spatial.values() | _lost(camera) for camera in cameras]
        spatial = [_sum(each)]
        spatial += [v for v, camera in zip(each, cameras, strict=True) if camera.name]
        snapshots = self._total.snapshots([account for _, account, _ in rows[1:]])
        for (title, account, text), snapshot, names, places in zip(
            rows, snapshots, shown, spatial, strict=True
        ):
            message.status.append(
                frames_status(
                    title.lstrip('/'),
                    snapshot,
                    latency_ms=account.latency_ms(),
                    advice=text,
                    hardware_id=values['device'] or 'none',
                    values=values | {'wanted': ', '.join(sorted(names))} | places,
                )
            )
        return message

    def _advice(self, camera: Camera, max_age_ms: float) -> str:
        snapshot = camera.account.snapshot()
        before = self._seen.get(camera.name, {})
        self._seen[camera.name] = snapshot.counts
        name = self._node.get_fully_qualified_name()
        return advice(
            Situation(
                node_name=name,
                camera=camera.name,
                state=self.state,
                enabled=self.enabled,
                configure_error=self.configure_error,
                clock_missing=clock_is_missing(self._node),
                wanted=bool(camera.wanted().asked),
                unserved=tuple(camera.incompatible_subscribers()),
                topic=topic_facts(
                    self._node,
                    camera.topic,
                    f'sensor_msgs/msg/{camera.message_type.__name__}',
                    camera.image_qos,
                ),
                recent={name: snapshot.counts[name] - before.get(name, 0) for name in BINS},
                silent_s=time.monotonic() - camera.last_heard_s,
                loss=camera.loss.loss(),
                last_error=snapshot.last_error,
                max_age_ms=max_age_ms,
            )
        )

    def _advice_without(self) -> str:
        """Return the advice of a node that has no cameras yet."""
        topic = self._node.resolve_topic_name('image')
        return advice(
            Situation(
                node_name=self._node.get_fully_qualified_name(),
                camera='',
                state=self.state,
                enabled=self.enabled,
                configure_error=self.configure_error,
                clock_missing=False,
                wanted=False,
                unserved=(),
                topic=topic_facts(self._node, topic, 'sensor_msgs/msg/Image', latest()),
                recent={},
                silent_s=0.0,
                loss=None,
                last_error='',
                max_age_ms=0.0,
            )
        )


def _lost(camera: Camera) -> dict[str, int | str]:
    """Return what the middleware counts as lost on the way; nothing where it does not count."""
    return {} if camera.loss.total is None else {'lost_on_the_way': camera.loss.total}


def _sum(parts: Sequence[dict[str, int | str]]) -> dict[str, int | str]:
    """Add counts up; of texts the latest one that says something stays."""
    total: dict[str, int | str] = {}
    for part in parts:
        for key, value in part.items():
            before = total.get(key, type(value)())
            if isinstance(value, int) and isinstance(before, int):
                total[key] = before + value
            else:
                total[key] = value or before
    return total
