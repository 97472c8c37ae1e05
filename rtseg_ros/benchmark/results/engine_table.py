# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The answer to which engine to take, as a small table and the line for the node."""

from collections.abc import Callable
import math

from rtseg_ros.benchmark.engines import Comparison, Measured
from rtseg_ros.machine import machine

_COLUMNS: tuple[tuple[str, Callable[[Measured], float | None], str], ...] = (
    ('ms', lambda row: row.ms, '{:.1f}'),
    ('p5', lambda row: row.ms_p5, '{:.1f}'),
    ('FPS', lambda row: 1000 / row.ms, '{:.1f}'),
    ('labels equal', lambda row: row.equal, '{:.4f}'),
    ('mIoU', lambda row: row.miou, '{:.4f}'),
    ('MiB', lambda row: row.memory_mib, '{:.0f}'),
    ('load s', lambda row: row.load_s, '{:.1f}'),
)


def engine_table(comparison: Comparison) -> str:
    """Lay the figures out for a terminal, and name the node's parameters to set."""
    height, width = comparison.model.size_hw
    facts = machine()
    lines = [['engine', 'precision', *(heading for heading, _, _ in _COLUMNS)]]
    for row in comparison.rows:
        lines.append([row.choice.name, row.precision or '-', *_cells(row)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        f'{comparison.model.path.name} at {width}x{height} on {facts["processor"]}, '
        f'{facts["cores"]} cores; {comparison.frames}; from frame to labels, median and 5th '
        'percentile'
    ]
    for line in lines:
        left = [cell.ljust(wide) for cell, wide in zip(line[:2], widths[:2], strict=True)]
        right = [cell.rjust(wide) for cell, wide in zip(line[2:], widths[2:], strict=True)]
        text.append('  '.join([*left, *right]))
    text += [f'{row.choice.name}: {row.error}' for row in comparison.rows if row.error]
    text.append(f'labels equal: share of pixels labelled as by {comparison.rows[0].choice.name}')
    text.append(f"put into the node's parameters ({comparison.reason}):")
    text += [f'  {line}' for line in comparison.best.parameters.splitlines()]
    return '\n'.join(text)


def _cells(row: Measured) -> list[str]:
    cells = []
    for _, value_of, form in _COLUMNS:
        value = value_of(row)
        cells.append('-' if value is None or math.isnan(value) else form.format(value))
    return cells
