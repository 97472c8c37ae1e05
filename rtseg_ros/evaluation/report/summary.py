# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A report in one line, for the screen and for logs."""

from collections.abc import Mapping
from typing import Any


def summary_line(report: Mapping[str, Any]) -> str:
    """Return frames, accuracy and latency of a report as a person reads them."""
    words = [f'{report["accounting"]["published"]} of {report["frames"]} frames']
    for key, name in (('miou', 'mIoU'), ('pixel_accuracy', 'pixel accuracy')):
        if report.get(key) is not None:
            words.append(f'{name} {100 * report[key]:.2f} %')
    total = report['latency_ms'].get('total')
    if total:
        words.append(f'latency p50 {total["p50"]:.1f} ms, p99 {total["p99"]:.1f} ms')
    return ', '.join(words)
