# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The first lines of every executable: signals are taken, then the node is imported.

Imports nothing heavy: rclpy, NumPy and the engines take a second, in which a signal may come.
"""

from functools import partial
import importlib
import os
import signal
import sys

from rtseg_ros.requirements import how_to_get
from rtseg_ros.signals import ENDING

# Exit status after a signal, where it is not 0: a conversion that was stopped is not done.
STOPPED = {'conversion_node': 130}


def start(program: str) -> int:
    """Run one of the executables, a module of this folder; returns its exit status."""
    for number in ENDING:
        signal.signal(number, lambda *_: os._exit(STOPPED.get(program, 0)))  # nothing is begun
    try:
        node = importlib.import_module(f'rtseg_ros.nodes.{program}')
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('rtseg_ros'):
            raise
        sys.stderr.write(f'{program}: {how_to_get(error.name or "")}\n')
        return 1
    return int(node.main())


# What the installed programs call.
segmentation_node = partial(start, 'segmentation_node')
evaluation_node = partial(start, 'evaluation_node')
conversion_node = partial(start, 'conversion_node')
video_node = partial(start, 'video_node')
bag_player = partial(start, 'bag_player')
