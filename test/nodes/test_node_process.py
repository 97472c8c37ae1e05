"""How graphs are kept apart on each generation of ROS 2."""

import os

import pytest

from rtseg_ros.nodes.node_process import isolate_graph

NAMES = ('ROS_LOCALHOST_ONLY', 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_DOMAIN_ID')


@pytest.mark.parametrize(
    ('distribution', 'local'), [('humble', '1'), ('jazzy', None), ('kilted', None), ('', None)]
)
def test_graph_stays_on_this_machine(monkeypatch, distribution, local):
    monkeypatch.setenv('ROS_DISTRO', distribution)
    for name in NAMES:
        monkeypatch.setenv(name, '')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    isolate_graph()
    assert os.environ.get('ROS_LOCALHOST_ONLY') == local
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert 1 <= int(os.environ['ROS_DOMAIN_ID']) <= 100
