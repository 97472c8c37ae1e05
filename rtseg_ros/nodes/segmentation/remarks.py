# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What does not keep masks from being published, and is wrong all the same."""

from collections.abc import Callable, Sequence

from rclpy.node import Node

from rtseg_ros.nodes.ros_graph import publishers_of, several_publishers, twins
from rtseg_ros.nodes.segmentation.camera import Camera


def remarks_on_node(node: Node) -> list[str]:
    """Say whether another node has the name of this one."""
    return [text] if (text := twins(node, node.get_fully_qualified_name())) else []


def remarks_on_camera(node: Node, camera: Camera) -> list[str]:
    """Say what is wrong with the images of a camera, and who else publishes its results."""
    type_name = f'sensor_msgs/msg/{camera.message_type.__name__}'
    several = several_publishers(camera.topic, publishers_of(node, camera.topic, type_name))
    found = [several, camera.colour.remark()]
    own = node.get_fully_qualified_name()
    rivals: dict[str, str] = {}
    for publisher in camera.publishers.values():
        for name in publishers_of(node, publisher.topic_name):
            if name != own:  # another of our own name is a twin
                rivals.setdefault(name, publisher.topic_name)
    found += [
        f'{name} publishes {topic} as well: whoever subscribes gets the results of both; rename '
        'one of the nodes, or remap its outputs'
        for name, topic in sorted(rivals.items())
    ]
    return [text for text in found if text]


class RemarkLog:
    """Logs each remark that holds for two reports on end, once until it is over."""

    def __init__(self, warn: Callable[[str], object]) -> None:
        """Take where warnings go."""
        self._warn = warn
        self._seen: set[str] = set()
        self._told: set[str] = set()

    def tell(self, remarks: Sequence[str]) -> None:
        """Log the remarks of this second."""
        for text in remarks:
            if text in self._seen and text not in self._told:
                self._warn(text)
                self._told.add(text)
        self._told &= set(remarks) | self._seen
        self._seen = set(remarks)
