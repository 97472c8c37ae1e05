# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The one line that an evaluation ends with."""

from rtseg_ros.evaluation.report.summary import summary_line

REPORT = {
    'accounting': {'published': 11},
    'frames': 12,
    'miou': 0.70842782752,
    'pixel_accuracy': None,
    'latency_ms': {'total': {'p50': 49.08012345, 'p95': 51.0, 'p99': 54.79, 'max': 60.0}},
}


def test_figures_are_rounded_and_what_is_not_there_is_left_out():
    assert summary_line(REPORT) == (
        '11 of 12 frames, mIoU 70.84 %, latency p50 49.1 ms, p99 54.8 ms'
    )


def test_without_ground_truth_and_masks():
    report = REPORT | {'miou': None, 'latency_ms': {}}
    assert summary_line(report) == '11 of 12 frames'
