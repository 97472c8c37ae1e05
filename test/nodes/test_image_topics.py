# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Remap rules apply once: each case with the topic that a node really subscribes to."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import rclpy
from sensor_msgs.msg import CompressedImage, Image

from rtseg_ros.errors import SettingError
from rtseg_ros.nodes.image_topics import image_topic

SWAP = ['-r', 'front/image:=/rear/image', '-r', 'rear/image:=/front/image']
CHAIN = ['-r', 'image:=/a/image', '-r', '/a/image:=/b/image']


@pytest.fixture
def make_node():
    context = rclpy.Context()
    rclpy.init(context=context)
    nodes = []

    def make(rules):
        nodes.append(
            rclpy.create_node(
                'remapped', context=context, cli_args=['--ros-args', *rules],
                enable_rosout=False, start_parameter_services=False,
            )
        )  # fmt: skip
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.mark.parametrize(
    ('rules', 'name', 'compressed', 'expected'),
    [
        ([], 'image', False, '/image'),
        ([], 'image', True, '/image/compressed'),
        (SWAP, 'front/image', False, '/rear/image'),
        (SWAP, 'rear/image', False, '/front/image'),
        (SWAP, 'rear/image', True, '/front/image/compressed'),
        (CHAIN, 'image', False, '/a/image'),
        (['-r', 'image:=/a/image'], 'image', True, '/a/image/compressed'),
        (['-r', 'image:=/a/image/compressed'], 'image', True, '/a/image/compressed'),
        (['-r', 'image/compressed:=/b/jpeg', '-r', 'image:=/a/image'], 'image', True, '/b/jpeg'),
    ],
)
def test_a_rule_applies_once(make_node, rules, name, compressed, expected):
    node = make_node(rules)
    given, topic = image_topic(node, name, compressed=compressed)
    kind = CompressedImage if compressed else Image
    subscription = node.create_subscription(kind, given, print, 1)
    assert (subscription.topic_name, topic) == (expected, expected)


def test_what_would_be_remapped_again_is_refused_by_name(make_node):
    node = make_node(['-r', 'image:=/a/image', '-r', '/a/image/compressed:=/b/image/compressed'])
    with pytest.raises(SettingError, match='/a/image/compressed.*remaps to /b/image/compressed'):
        image_topic(node, 'image', compressed=True)
