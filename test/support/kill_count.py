# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Counts what SIGKILL did to the programs that a run killed: ``make kills`` prints it.

``--kills`` says how often each kind of process is killed.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
import random
import time
from typing import Any

import pytest

_KEY = 'kills'
_STEP_S = 0.001


class Kills:
    """What is killed, when, and what came of it.

    Attributes:
        count: How often.
        found: Figures, which are printed at the end.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.found: Counter[str] = Counter()
        self._random = random.Random(0)

    def wait_for_a_moment(self, folder: Path, longest_s: float) -> None:
        """Wait for some time, or, every other time, until a file in a folder is half written."""
        end = time.monotonic() + self._random.uniform(0, longest_s)
        half = bool(self.found['kills'] % 2)
        self.found['kills'] += 1
        if half:
            end += longest_s
        while time.monotonic() < end:
            if half and half_written(folder):
                break
            time.sleep(_STEP_S)

    def look_at(self, folder: Path) -> None:
        """Count the files under hidden names that a kill left, and remove them."""
        for path in half_written(folder):
            self.found['half written, under a hidden name'] += 1
            path.unlink()


def half_written(folder: Path) -> list[Path]:
    """Return the files that wait for their names, see output_files.py."""
    return [path for path in folder.rglob('.*.tmp*') if path.is_file()]


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> Iterator[Kills]:
    """Return how often to kill, and what counts."""
    value = Kills(request.config.getoption('--kills'))
    yield value
    name = request.node.name.removeprefix('test_').replace('_', ' ')
    request.node.user_properties.append((_KEY, (name, dict(value.found))))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--kills', type=int, default=3, help='of each kind of process')


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, 'when', '') == 'teardown':
                for key, value in report.user_properties:
                    if key == _KEY:
                        facts = ', '.join(f'{count} {what}' for what, count in value[1].items())
                        terminalreporter.write_line(f'{value[0]}: {facts}')
