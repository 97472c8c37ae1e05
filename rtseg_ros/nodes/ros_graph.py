# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the ROS graph says about a topic: who is there, and why nothing gets through."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from rtseg_ros.frames.media.packets import PACKET
from rtseg_ros.nodes.output_table import IMAGE_NAMES

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
PACKETS = '/ffmpeg'  # what ffmpeg_image_transport adds to the name of the raw images
_EXAMPLES = 4
# Discovery forgets a process that was killed after so long.
_ENDED = 'one that was killed stays in the graph for up to 20 s'
_UNKNOWN = '_NODE_NAME_UNKNOWN_'  # what rcl says until it has heard of the node


@dataclass(frozen=True)
class TopicFacts:
    """The publishers of one topic, seen from a subscriber.

    Attributes:
        topic: Full name.
        type_name: What the subscriber takes, e.g. ``sensor_msgs/msg/Image``.
        publishers: Number of publishers of this type.
        other_types: Types of the publishers of another type.
        refusals: One sentence for each publisher whose QoS does not fit.
        image_topics: Other image topics that have a publisher, a few.
        publisher_names: Full names of the nodes that publish this type.
    """

    topic: str
    type_name: str
    publishers: int
    other_types: tuple[str, ...]
    refusals: tuple[str, ...]
    image_topics: tuple[str, ...]
    publisher_names: tuple[str, ...] = ()


def topic_facts(node: Node, topic: str, type_name: str, qos: QoSProfile) -> TopicFacts:
    """Ask the graph about a topic.

    Args:
        node: Asks.
        topic: Full name.
        type_name: What the subscriber takes.
        qos: The subscriber's.
    """
    found = node.get_publishers_info_by_topic(topic)
    refusals = []
    for publisher in found:
        if publisher.topic_type != type_name:
            continue
        reason = incompatibility(publisher.qos_profile, qos)
        if reason:
            refusals.append(f'{_name(publisher)} on {topic} {reason}')
    return TopicFacts(
        topic=topic,
        type_name=type_name,
        publishers=sum(publisher.topic_type == type_name for publisher in found),
        other_types=tuple(sorted({publisher.topic_type for publisher in found} - {type_name})),
        refusals=tuple(refusals),
        image_topics=() if found else _image_topics(node, topic),
        publisher_names=tuple(
            sorted(
                {
                    _name(publisher)
                    for publisher in found
                    if publisher.topic_type == type_name and publisher.node_name != _UNKNOWN
                }
            )
        ),
    )


def publishers_of(node: Node, topic: str, type_name: str = '') -> list[str]:
    """Return the full name of the node of each publisher of a topic, sorted; some may be equal.

    Args:
        node: Asks.
        topic: Full name.
        type_name: Only of this type; empty for all.
    """
    return sorted(
        _name(publisher)
        for publisher in node.get_publishers_info_by_topic(topic)
        if publisher.node_name != _UNKNOWN and type_name in ('', publisher.topic_type)
    )


def several_publishers(topic: str, names: Sequence[str]) -> str:
    """Say that more than one camera publishes a topic; empty if it is one.

    Args:
        topic: Full name.
        names: Of the nodes of its publishers.
    """
    if len(names) < 2:
        return ''
    ended = f'; {_ENDED}' if len(set(names)) < len(names) else ''
    return (
        f'{len(names)} publishers on {topic} ({", ".join(names)}): their images come mixed; stop '
        f'or remap all but one{ended}'
    )


def twins(node: Node, name: str) -> str:
    """Say that more than one node has a full name; empty if at most one has it."""
    count = [_full(*found) for found in node.get_node_names_and_namespaces()].count(name)
    if count < 2:
        return ''
    return (
        f'{count} nodes are called {name}: parameters, services and lifecycle reach either, and '
        f'both publish the same topics ({_ENDED}); rename one with -r __node:=NAME or '
        '-r __ns:=/NAMESPACE'
    )


def doubles(node: Node) -> list[str]:
    """Return the full names that more than one node has."""
    names = [_full(*found) for found in node.get_node_names_and_namespaces()]
    return sorted({name for name in names if names.count(name) > 1 and _UNKNOWN not in name})


def unserved_subscribers(node: Node, publisher: Any) -> list[str]:
    """Say which subscribers of a publisher's topic get nothing because of their QoS."""
    problems = []
    for subscriber in node.get_subscriptions_info_by_topic(publisher.topic_name):
        reason = incompatibility(publisher.qos_profile, subscriber.qos_profile)
        if reason:
            problems.append(
                f'{_name(subscriber)} gets nothing on {publisher.topic_name}, which {reason}'
            )
    return problems


def incompatibility(publisher: QoSProfile, subscriber: QoSProfile) -> str:
    """Say why a subscriber gets nothing from a publisher; empty if it does.

    Reliability and durability only: rclpy's own check also takes the infinite deadlines that
    the graph reports for deadlines.
    """
    if (
        publisher.reliability == ReliabilityPolicy.BEST_EFFORT
        and subscriber.reliability == ReliabilityPolicy.RELIABLE
    ):
        return 'offers best effort, while reliable is asked for'
    if (
        publisher.durability == DurabilityPolicy.VOLATILE
        and subscriber.durability == DurabilityPolicy.TRANSIENT_LOCAL
    ):
        return 'offers volatile, while transient local is asked for'
    return ''


def clock_is_missing(node: Node) -> bool:
    """Return whether the node waits for simulated time that nobody publishes."""
    uses = node.get_parameter('use_sim_time').value
    return bool(uses) and not node.count_publishers('/clock')


def other_transport(topic: str) -> str:
    """Return the name that the same images have raw or compressed, as image_transport has it."""
    compressed = topic.endswith('/compressed')
    return topic.removesuffix('/compressed') if compressed else f'{topic}/compressed'


def _image_topics(node: Node, missing: str) -> tuple[str, ...]:
    """Return image topics that have a publisher, the likeliest to be meant first."""
    namespace = node.get_namespace().rstrip('/') + '/'
    topics = [
        name
        for name, types in node.get_topic_names_and_types()
        if set(types) & {*IMAGE_TYPES, PACKET}
        and not name.endswith(tuple(f'/{result}' for result in IMAGE_NAMES))
        and node.count_publishers(name)
    ]
    beside = (other_transport(missing), missing.removesuffix('/compressed') + PACKETS)
    topics.sort(key=lambda name: (name not in beside, not name.startswith(namespace), name))
    return tuple(topics[:_EXAMPLES])


def _name(endpoint: Any) -> str:
    return _full(endpoint.node_name, endpoint.node_namespace)


def _full(name: str, namespace: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'
