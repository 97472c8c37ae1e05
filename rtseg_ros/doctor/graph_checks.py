# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checks of the running graph: our nodes, their topics and QoS, the time they live by."""

from functools import partial
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.doctor.transport_check import PROBE
from rtseg_ros.frames.media.compressed_format import lost_colour
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.nodes.output_table import IMAGE_NAMES
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.nodes.ros_graph import (
    IMAGE_TYPES,
    doubles,
    publishers_of,
    several_publishers,
    twins,
)
from rtseg_ros.verdict import Verdict

LOOK_S = 4.0  # the first discovery takes 3
PATIENCE_S = 6.0
ANSWER_S = 2.0
# A camera's stamp further from this computer's clock than this is not of this clock.
CLOCK_S = 2.0


def graph(node: Node, *, look_s: float = LOOK_S) -> list[Verdict]:
    """Look at the running graph.

    Args:
        node: Asks; nobody else may be spinning it.
        look_s: How long to listen, after discovery.
    """
    statuses: dict[str, Any] = {}

    def note(message: DiagnosticArray) -> None:
        statuses.update({status.name: status for status in message.status})

    subscription = node.create_subscription(
        DiagnosticArray, '/diagnostics', note, QoSProfile(depth=20)
    )
    _spin(node, look_s)
    ours = perception_nodes(node)
    end, reminder = time.monotonic() + PATIENCE_S, Reminder(node)
    while time.monotonic() < end and not {name.lstrip('/') for name in ours} <= set(statuses):
        reminder.waiting_for(f'/diagnostics of {", ".join(ours)}')
        rclpy.spin_once(node, timeout_sec=0.05)
    findings = [_image_topics(node), *_several(node), *_formats(node)]
    if not ours:
        findings.append(
            Verdict(
                'segmentation_node',
                True,
                'none is running; ros2 launch rtseg_ros segmentation.launch.py',
            )
        )
    for name in ours:
        findings.append(_status(name, statuses))
        findings.append(_sim_time(node, name))
        findings += _stamps(node, name)
    node.destroy_subscription(subscription)
    return findings


def perception_nodes(node: Node) -> list[str]:
    """Return the full names of the running perception nodes, known by their service."""
    return sorted(
        service.removesuffix('/load_model')
        for service, types in node.get_service_names_and_types()
        if service.endswith('/load_model') and 'std_srvs/srv/Trigger' in types
    )


def _image_topics(node: Node) -> Verdict:
    lines = []
    for topic, types in sorted(node.get_topic_names_and_types()):
        publishers = node.get_publishers_info_by_topic(topic)
        if topic.startswith(PROBE):  # our own, which the graph has not forgotten yet
            continue
        if not set(types) & set(IMAGE_TYPES) or not publishers:
            continue
        best_effort = any(
            p.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for p in publishers
        )
        kind = 'compressed' if IMAGE_TYPES[1] in types else 'raw'
        lines.append(f'{topic} ({kind}, {"best effort" if best_effort else "reliable"})')
    if not lines:
        return Verdict(
            'image topics', True,
            'none; if a camera runs: is ROS_DOMAIN_ID the same, and ROS_LOCALHOST_ONLY or '
            'ROS_AUTOMATIC_DISCOVERY_RANGE not in the way?',
        )  # fmt: skip
    return Verdict('image topics', True, ', '.join(lines))


def _several(node: Node) -> list[Verdict]:
    """Find image topics with several publishers, and names that several nodes have."""
    findings = []
    for topic, types in sorted(node.get_topic_names_and_types()):
        if not topic.startswith(PROBE) and set(types) & set(IMAGE_TYPES):
            text = several_publishers(topic, publishers_of(node, topic))
            findings += [Verdict(f'{topic}, publishers', False, text)] if text else []
    return findings + [
        Verdict(f'{name}, name', False, twins(node, name)) for name in doubles(node)
    ]


def _formats(node: Node) -> list[Verdict]:
    """Look at one image of each compressed topic, whether it has lost its colours."""
    seen: dict[str, str] = {}

    def note(topic: str, message: CompressedImage) -> None:
        seen[topic] = lost_colour(message.format, message.data)

    subscriptions = [
        node.create_subscription(
            CompressedImage,
            topic,
            partial(note, topic),
            QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
        )
        for topic, types in node.get_topic_names_and_types()
        # Not our own results: they would be computed for this.
        if IMAGE_TYPES[1] in types
        and not topic.endswith(tuple(f'/{name}' for name in IMAGE_NAMES))
        and node.count_publishers(topic)
    ]
    end = time.monotonic() + ANSWER_S
    while len(seen) < len(subscriptions) and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    for subscription in subscriptions:
        node.destroy_subscription(subscription)
    return [
        Verdict(f'{topic}, colours', False, text) for topic, text in sorted(seen.items()) if text
    ]


def _status(name: str, statuses: dict[str, Any]) -> Verdict:
    status = statuses.get(name.lstrip('/'))
    if status is None:
        return Verdict(
            name, False,
            'is in the graph and says nothing on /diagnostics, which it does once a second; is '
            'its process stopped, or did it die a moment ago?',
        )  # fmt: skip
    values = {item.key: item.value for item in status.values}
    counts = ', '.join(f'{values.get(key, 0)} {key}' for key in ('received', *BINS))
    return Verdict(name, status.level == b'\0', f'{status.message} ({counts})')


def _sim_time(node: Node, name: str) -> Verdict:
    uses = _parameter(node, name, 'use_sim_time')
    clocks = node.count_publishers('/clock')
    title = f'{name}, time'
    if uses is None:
        return Verdict(title, False, f'does not answer {name}/get_parameters')
    if uses and not clocks:
        return Verdict(
            title, False,
            'use_sim_time is set and nobody publishes /clock; ros2 bag play --clock, or unset it',
        )  # fmt: skip
    if clocks and not uses:
        return Verdict(
            title, False,
            '/clock is published and use_sim_time is not set; max_age_ms and ages are wrong',
        )  # fmt: skip
    return Verdict(title, True, 'simulated' if uses else "the computer's")


def _stamps(node: Node, name: str) -> list[Verdict]:
    """Compare the stamp of one image on a raw topic that the node takes with the clock."""
    namespace, _, base = name.rpartition('/')
    subscribed = node.get_subscriber_names_and_types_by_node(base, namespace or '/')
    topics = [topic for topic, types in subscribed if IMAGE_TYPES[0] in types]
    if not topics or _parameter(node, name, 'use_sim_time'):
        return []
    ages: list[float] = []

    def note(message: Image) -> None:
        ages.append((time.time_ns() - ns_from_stamp(message.header.stamp)) / 1e9)

    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscription = node.create_subscription(Image, topics[0], note, qos)
    end = time.monotonic() + ANSWER_S
    while not ages and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    node.destroy_subscription(subscription)
    title = f'{topics[0]}, stamps'
    if not ages:
        return [Verdict(title, False, f'no image within {ANSWER_S:.0f} s; is the camera running?')]
    text = f"{abs(ages[0]):.2f} s {'behind' if ages[0] >= 0 else 'ahead of'} this computer's clock"
    if abs(ages[0]) > CLOCK_S:
        return [
            Verdict(title, False, f'{text}; synchronise the clocks (chrony), or set use_sim_time')
        ]
    return [Verdict(title, True, text)]


def _parameter(node: Node, name: str, parameter: str) -> bool | None:
    client: Any = node.create_client(GetParameters, f'{name}/get_parameters')
    try:
        if not client.wait_for_service(timeout_sec=ANSWER_S):
            return None
        future = client.call_async(GetParameters.Request(names=[parameter]))
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_S)
        answer: Any = future.result()
        return bool(answer.values[0].bool_value) if answer is not None else None
    finally:
        node.destroy_client(client)


def _spin(node: Node, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
