# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ROS's own linters, where they are installed (Debian: python3-ament-flake8 and -pep257)."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What colcon may have put beside them is no code of ours.
CODE = [str(ROOT / name) for name in ('rtseg_ros', 'launch', 'test', 'setup.py')]


def test_flake8():
    linter = pytest.importorskip('ament_flake8.main', reason='ament_flake8 is not installed')
    status, errors = linter.main_with_errors(argv=['--config', str(ROOT / 'setup.cfg'), *CODE])
    assert status == 0, '\n'.join(errors)


def test_pep257():
    linter = pytest.importorskip('ament_pep257.main', reason='ament_pep257 is not installed')
    pytest.importorskip('pydocstyle', reason='pydocstyle is not installed')
    passed_over = ['--add-ignore', 'D105', 'D107', 'D402', '--']
    assert linter.main(argv=['--convention', 'google', *passed_over, *CODE[:2]]) == 0
