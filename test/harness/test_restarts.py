# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera that comes and goes, each time with frames of another size."""

from dataclasses import replace
import json
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.harness.restarts import RestartReport

GOOD = RestartReport(
    restarts=100,
    sent=310,
    counts={
        'received': 305, 'published': 300, 'superseded': 5, 'skipped': 0, 'stale': 0,
        'rejected': 0, 'failed': 0, 'in_flight': 0,
    },
    masks=300,
    sizes=('48x64',),
    memory_mib={'settled': 200.0, 'highest': 206.0, 'end': 205.0},
    seconds=100.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, ''),
        ({'masks': 299}, '300 masks published, 299 received'),
        ({'sent': 304}, '304 frames sent, 305 received'),
        ({'counts': GOOD.counts | {'superseded': 4}}, '305 frames received, 304 accounted for'),
        ({'counts': GOOD.counts | {'failed': 1, 'superseded': 4}}, 'failed or rejected'),
        ({'memory_mib': GOOD.memory_mib | {'end': 217.0}}, 'memory grew by 17.0 MiB'),
    ],
)
def test_what_was_not_met_is_said(change, words):
    problems = replace(GOOD, **change).problems(growth_mib=16)
    assert (problems == []) if not words else (len(problems) == 1 and words in problems[0])


@pytest.mark.process
@pytest.mark.fault(said=0)
def test_six_cameras_of_five_sizes(tiny_model, tmp_path):
    """`rtseg soak --restarts` itself; docs/nodes.md has the figures of a hundred."""
    pytest.importorskip('tqdm', reason='rtseg soak shows its progress with tqdm')
    report = tmp_path / 'restarts.json'
    done = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.cli', 'soak', '--restarts', '6', '--size-hw', '48', '64',
         '--model', str(tiny_model), '--json', str(report)],
        capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    values = json.loads(report.read_text())
    assert values['sizes'] == ['48x64', '24x32', '72x96', '36x48', '96x128']
    assert values['masks'] == values['counts']['published'] >= 18
    assert values['problems'] == []
