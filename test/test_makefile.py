# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which environment ``make env`` makes: one for each distribution of ROS, never two in one."""

from pathlib import Path
import shutil
import subprocess

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not shutil.which('make'), reason='make is not installed'),
]
ROOT = Path(__file__).parent.parent


@pytest.fixture
def clone(tmp_path):
    """What make reads, without an environment."""
    for path in [ROOT / 'Makefile', ROOT / 'setup.py', *ROOT.glob('requirements-*.txt')]:
        shutil.copy(path, tmp_path)
    return tmp_path


def make(clone: Path, *words: str, has_rclpy: bool = False) -> subprocess.CompletedProcess[str]:
    """Run make with an interpreter that has a ROS, or has none, and can do nothing else."""
    python = clone / 'python'
    python.write_text(f'#!/bin/sh\nexit {int(not has_rclpy)}\n')
    python.chmod(0o755)
    return subprocess.run(
        ['make', *words, f'PYTHON={python}'], cwd=clone, capture_output=True, text=True,
        timeout=60, env={'PATH': '/usr/bin:/bin', 'HOME': str(clone)},
    )  # fmt: skip


@pytest.mark.parametrize('ros', ['jazzy', 'kilted'])
def test_each_distribution_has_wheels_of_its_own_in_a_folder_of_its_own(clone, ros):
    plain, named = make(clone, '-n', 'env').stdout, make(clone, '-n', 'env', f'ROS={ros}').stdout
    is_default = f'requirements-ros-{ros}.txt' in plain
    folder = '.venv' if is_default else f'.venv-{ros}'
    assert f'{folder}/bin/python -m pip' in named
    assert f'-r requirements-ros-{ros}.txt' in named
    wheels = [line for line in Path(clone / f'requirements-ros-{ros}.txt').read_text().split()
              if line.startswith('ros-')]  # fmt: skip
    assert wheels
    assert all(line.startswith(f'ros-{ros}-') for line in wheels)


def test_ros_machine_keeps_its_own(clone):
    assert 'requirements-ros' not in make(clone, '-n', 'env', has_rclpy=True).stdout
    refused = make(clone, 'env', 'ROS=jazzy', has_rclpy=True)
    assert refused.returncode
    assert 'has an rclpy already' in refused.stderr
    assert 'Leave ROS= out' in refused.stderr


def test_distribution_without_wheels_is_refused(clone):
    refused = make(clone, 'env', 'ROS=foxy')
    assert refused.returncode
    assert 'ROS=foxy has no wheels; choose one of: jazzy kilted' in refused.stderr


def test_no_second_distribution_is_put_into_an_environment(clone):
    (clone / '.venv/lib/python3.11/site-packages/ros_foxy_rclpy-1.0.dist-info').mkdir(parents=True)
    refused = make(clone, 'env')
    assert refused.returncode
    assert '.venv holds ROS 2 foxy, not' in refused.stdout
    assert 'make clean' in refused.stdout
