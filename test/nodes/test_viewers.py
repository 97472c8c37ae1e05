# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""RViz and Foxglove show what the node publishes: names, types and QoS by its table."""

import json

import pytest
import yaml

from rtseg_ros.installation import share_file

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rclpy.qos import ReliabilityPolicy

from rtseg_ros.nodes.output_table import BY_NAME
from rtseg_ros.nodes.segmentation.camera import qos_of

# What each kind of display takes.
RVIZ = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/PointCloud2': 'sensor_msgs/msg/PointCloud2',
    'rviz_default_plugins/Map': 'nav_msgs/msg/OccupancyGrid',
}
SHOWN = {'overlay', 'mask', 'confidence', 'points', 'ground'}


def output(topic):
    return BY_NAME.get(topic) or BY_NAME[topic.removeprefix('/segmentation/')]


def test_rviz_shows_our_topics():
    config = yaml.safe_load(share_file('config/segmentation.rviz').read_text())
    displays = config['Visualization Manager']['Displays']
    assert {output(d['Topic']['Value']).name for d in displays} == SHOWN
    for display in displays:
        topic, ours = display['Topic'], output(display['Topic']['Value'])
        assert RVIZ[display['Class']] == ours.type_name
        assert topic['Durability Policy'] == 'Volatile'
        assert topic['Reliability Policy'] == 'Reliable'
        assert qos_of(ours).reliability in (
            ReliabilityPolicy.RELIABLE,
            ReliabilityPolicy.SYSTEM_DEFAULT,
        )


def panels(layout):
    if isinstance(layout, str):
        return {layout}
    return panels(layout['first']) | panels(layout['second'])


def test_foxglove_shows_our_topics():
    config = json.loads(share_file('config/foxglove.json').read_text())
    assert panels(config['layout']) == set(config['configById'])
    types = {}
    for panel, settings in config['configById'].items():
        mode = settings.get('imageMode', {})
        for topic in filter(None, [mode.get('imageTopic')]):
            types[topic] = 'sensor_msgs/msg/Image'
        for topic in filter(None, [mode.get('calibrationTopic')]):
            types[topic] = 'sensor_msgs/msg/CameraInfo'
        for topic in settings.get('topics', {}):
            types[topic] = output(topic).type_name
            assert panel.startswith('3D!')
        if 'topicToRender' in settings:
            types[settings['topicToRender']] = 'diagnostic_msgs/msg/DiagnosticArray'
    assert {output(t).name for t in types} == {
        'overlay', 'mask', 'camera_info', 'points', 'ground', '/diagnostics'
    }  # fmt: skip
    assert {topic: output(topic).type_name for topic in types} == types
