"""How nodes get their parameters, and how graphs are kept apart on each generation of ROS 2."""

import os
import sys

import pytest

from rtseg_ros.harness.node_process import isolate_graph, node_arguments

NAMES = ('ROS_LOCALHOST_ONLY', 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_DOMAIN_ID')


@pytest.mark.parametrize(('knows_the_range', 'local'), [(False, '1'), (True, None)])
def test_graph_stays_on_this_machine(monkeypatch, tmp_path, knows_the_range, local):
    if knows_the_range:
        (tmp_path / 'type_description_interfaces').mkdir()
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    monkeypatch.delitem(sys.modules, 'type_description_interfaces', raising=False)
    for name in NAMES:
        monkeypatch.setenv(name, '')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    isolate_graph()
    assert os.environ.get('ROS_LOCALHOST_ONLY') == local
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert 1 <= int(os.environ['ROS_DOMAIN_ID']) <= 100


VALUES = {
    'source': '2024', 'model': '1e3', 'bag': '/a folder: #1/é "x".mcap', 'rate_hz': 2.0,
    'limit': 3, 'loop': True, 'providers': ['CPUExecutionProvider'],
}  # fmt: skip


def test_parameters_arrive_with_their_types():
    """Through the parser of ROS itself."""
    rclpy = pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    arguments = ['--ros-args', *node_arguments('/apart', VALUES | {'labels': ''})]
    node = rclpy.create_node(
        'probe', context=context, cli_args=arguments,
        automatically_declare_parameters_from_overrides=True,
    )  # fmt: skip
    assert node.get_namespace() == '/apart'
    assert {name: node.get_parameter(name).value for name in VALUES} == VALUES
    assert not node.has_parameter('labels')
    node.destroy_node()
    rclpy.shutdown(context=context)
