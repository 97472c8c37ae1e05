# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How nodes get their parameters, and how graphs are kept apart on each generation of ROS 2."""

import os
import subprocess
import sys
import time

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


STARTS_A_NODE = """
from pathlib import Path
import sys
from rtseg_ros.harness.node_process import NodeProcess

node = NodeProcess('sleeper', [], Path(sys.argv[1]), module=sys.argv[2])
print(node.process.pid, flush=True)
node.process.wait()
"""
# Says that it is there, and then what ended it.
SLEEPER = """
import signal
import sys

ends = [signal.SIGTERM, signal.SIGALRM]
signal.pthread_sigmask(signal.SIG_BLOCK, ends)
signal.alarm(60)
print(sys.argv[1:], __name__, flush=True)
print(signal.sigwait(ends).name, flush=True)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells of the end of a parent')
def test_a_node_ends_with_the_process_that_started_it(tmp_path):
    """Even where that had no time to stop it, as when it was killed."""
    (tmp_path / 'sleeper_module.py').write_text(SLEEPER)
    places = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    harness = subprocess.Popen(
        [sys.executable, '-c', STARTS_A_NODE, str(tmp_path), 'sleeper_module'],
        stdout=subprocess.PIPE, env=os.environ | {'PYTHONPATH': places},
    )  # fmt: skip
    harness.stdout.readline()
    log = tmp_path / 'sleeper.log'
    try:
        _wait_for(log, "['--ros-args'] __main__")
    finally:
        harness.kill()
        harness.communicate()
    assert _wait_for(log, 'SIG') == 'SIGTERM'


def _wait_for(log, words):
    """Return the line of a log that has these words."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for line in log.read_text().splitlines() if log.exists() else []:
            if words in line:
                return line
        time.sleep(0.05)
    raise AssertionError(f'no {words!r} in the log')
