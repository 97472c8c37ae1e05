# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ``colcon test`` runs: the quick tests of the rooms that a robot uses.

A robot has what rosdep brings, so neither torch nor onnx: modules of tests that import what it
lacks are skipped with that reason. ``colcon test --pytest-args -m process``, or any other
expression, runs all rooms.
"""

from pathlib import Path
import re

import pytest

PACKAGE = 'rtseg_ros'
TESTS = Path(__file__).parents[1]
OF_A_WORKSTATION = ('benchmark', 'conversion', 'evaluation', 'networks', 'training')
NOT_OF_ROSDEP = ('hypothesis', 'onnx', 'openvino', 'rosbags', 'torch')
_SUBSET = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    # colcon gives the results the package's name, and nothing else that says who calls.
    of_colcon = config.getoption('junitprefix') == PACKAGE
    config.stash[_SUBSET] = of_colcon and not config.getoption('markexpr')
    if config.stash[_SUBSET]:
        config.option.markexpr = 'quick'


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = collection_path.parent == TESTS and collection_path.name in OF_A_WORKSTATION
    return True if left_out and config.stash[_SUBSET] else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> object:
    report = yield
    missing = re.search(r"No module named '(\w+)", str(report.longrepr)) if report.failed else None
    if missing and missing[1] in NOT_OF_ROSDEP and collector.config.stash[_SUBSET]:
        reason = f'Skipped: {missing[1]} is not installed, rosdep does not bring it'
        report.outcome, report.longrepr = 'skipped', (str(collector.path), 0, reason)
    return report
