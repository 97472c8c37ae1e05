# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checks that need ROS: is it there, do images get through, what does the running graph say."""

from collections.abc import Iterator
import importlib.metadata
import os
from pathlib import Path
import re

from rtseg_ros.verdict import Verdict


def ros(*, dds: bool, graph: bool) -> Iterator[Verdict]:
    """Look at ROS.

    Args:
        dds: Send images through the middleware.
        graph: Look at the nodes that run.
    """
    try:
        import rclpy
    except Exception as error:  # noqa: BLE001  a broken installation raises what it likes
        yield Verdict(
            'ROS 2',
            False,
            f'{type(error).__name__}: {error}; source /opt/ros/<distribution>/setup.bash, or '
            'make env for ROS 2 from wheels. Without a robot none is needed: '
            'rtseg doctor --for segment, evaluate or train',
        )
        return
    yield Verdict('ROS 2', True, f'{_distribution()}, rclpy in {Path(rclpy.__file__).parent}')
    # Only now: these import rclpy themselves.
    from rclpy.signals import SignalHandlerOptions

    from rtseg_ros.doctor import graph_checks, transport_check

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node('rtseg_doctor')
        if dds:
            yield from transport_check.transport(node)
        if graph:
            yield from graph_checks.graph(node)
    finally:
        rclpy.try_shutdown()


def _distribution() -> str:
    """Name the distribution for people: as its setup file says, else as its wheels are called."""
    if name := os.environ.get('ROS_DISTRO'):
        return name
    for distribution in importlib.metadata.distributions():
        if found := re.fullmatch(r'ros[-_](\w+)[-_]rclpy', distribution.name or ''):
            return f'{found[1]} from wheels'
    return 'of an unknown distribution'
