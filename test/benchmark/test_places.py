# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of points, ground and rectification runs, and its table has every row."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.benchmark import places as benchmark
from rtseg_ros.benchmark.places import PlacesRow, places_table


def test_rows_in_markdown():
    rows = [PlacesRow('points', 2.345, 3.0, 0.251, 4.0), PlacesRow('publish', 1.0, 2.0, 0.3, None)]
    assert places_table(rows).splitlines()[2:] == [
        '| points | 2.35 | 3.00 | 0.25 | 4 |',
        '| publish | 1.00 | 2.00 | 0.30 |  |',
    ]


def test_everything_is_measured(monkeypatch):
    monkeypatch.setattr(benchmark, 'ROUNDS', 2)
    monkeypatch.setattr(benchmark, 'WARM_UP', 0)
    monkeypatch.setattr(benchmark, '_publishing', lambda clouds, progress: [])
    said = []
    rows = benchmark.places(said.append)
    assert len(rows) == 2 * len(benchmark.STRIDES) + 3
    assert all(row.p50_ms > 0 and row.copy_ms > 0 for row in rows)
    assert [row.target_ms for row in rows if row.target_ms] == [4.0, 4.0, 3.0, 2.0]
    assert said[0] == 'points, stride 1'
