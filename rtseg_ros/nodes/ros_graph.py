"""What the ROS graph says about a topic: who is there, and why nothing gets through."""

from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from rtseg_ros.nodes.output_table import IMAGE_NAMES

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
_EXAMPLES = 4
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
        if set(types) & set(IMAGE_TYPES)
        and not name.endswith(tuple(f'/{result}' for result in IMAGE_NAMES))
        and node.count_publishers(name)
    ]
    topics.sort(
        key=lambda name: (name != other_transport(missing), not name.startswith(namespace), name)
    )
    return tuple(topics[:_EXAMPLES])


def _name(endpoint: Any) -> str:
    return f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'
