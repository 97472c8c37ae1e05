# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The files of tests by the CPU seconds they take, child processes included: --cpu-seconds 20.

On a machine that does other things too, these say more than the time on the clock.
"""

from collections import Counter
from collections.abc import Generator
import os
from typing import Any

import pytest

_so_far = 0.0


def _used() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--cpu-seconds', type=int, default=0, metavar='N',
        help='list the N files whose tests take most CPU seconds',
    )  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note on each report what was used since the one before."""
    global _so_far
    report = yield
    before, _so_far = _so_far, _used()
    report.cpu_s = _so_far - before if before else 0.0
    return report


def table(reports: list[Any], count: int) -> list[str]:
    """Return lines of the files that took most, as CONTRIBUTING.md shows them."""
    seconds: Counter[str] = Counter()
    for report in reports:
        seconds[report.nodeid.split('::')[0]] += getattr(report, 'cpu_s', 0.0)
    return [f'{value:8.1f}  {name}' for name, value in seconds.most_common(count)]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if count := config.getoption('--cpu-seconds'):
        reports = [
            report
            for of_one_kind in terminalreporter.stats.values()
            for report in of_one_kind
            if hasattr(report, 'nodeid')
        ]
        terminalreporter.section('CPU seconds by file')
        for line in table(reports, count):
            terminalreporter.write_line(line)
