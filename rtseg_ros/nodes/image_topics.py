# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The name by which a node subscribes to images, so that a remap rule applies exactly once."""

from rclpy.node import Node

from rtseg_ros.errors import SettingError

COMPRESSED = '/compressed'


def image_topic(node: Node, name: str, *, compressed: bool) -> tuple[str, str]:
    """Return the name to give to rclpy, and the full name of the topic that it leads to.

    A relative name is remapped by rclpy, once. With the compressed transport a rule for
    ``image/compressed`` goes first; else the images are beside those of ``image``, as
    image_transport names them; a rule for ``image`` may name them with /compressed, too.

    Args:
        node: Whose rules count.
        name: Relative, of the raw images.
        compressed: Whether the compressed transport is meant.

    Raises:
        SettingError: If the topic beside those of ``image`` is remapped itself: rclpy would apply
            that rule, too, and take the images of somewhere else.
    """
    raw = node.resolve_topic_name(name)
    if not compressed:
        return name, raw
    own = node.resolve_topic_name(name + COMPRESSED)
    if own != node.resolve_topic_name(name + COMPRESSED, only_expand=True):
        return name + COMPRESSED, own
    if raw.endswith(COMPRESSED):
        return name, raw
    topic = raw + COMPRESSED
    again = node.resolve_topic_name(topic)
    if again != topic:
        raise SettingError(
            f'{name} leads to {topic}, which another rule remaps to {again}; remap '
            f'{name}{COMPRESSED} to the topic that is meant'
        )
    return topic, topic
