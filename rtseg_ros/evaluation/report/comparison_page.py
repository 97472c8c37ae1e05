# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``compare.html``: two reports side by side, what changed beyond noise first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtseg_ros.evaluation.compare import Change, Comparison
from rtseg_ros.evaluation.report.html import rendered
from rtseg_ros.evaluation.report.sections import NONE, Tile
from rtseg_ros.output_files import write_text

NAME = 'compare.html'
# What a figure and a difference are followed by, by the unit of the change.
_UNITS = {'%': (' %', ' points'), 'ms': (' ms', ' ms'), '1/s': (' /s', ' /s')}


@dataclass(frozen=True)
class Row:
    """One figure of both reports, in words.

    Attributes:
        name: Of the figure.
        first: In the first report.
        second: In the second.
        change: Second - first.
        interval: 95 % interval of the change; empty if it is not known.
        verdict: As in ``Change``.
        left: Where the interval begins in its picture, in per cent of the width; 0 is at 50.
        width: Of the interval in its picture, in per cent; 0 if it is not known.
    """

    name: str
    first: str
    second: str
    change: str
    interval: str
    verdict: str
    left: float
    width: float


@dataclass(frozen=True)
class View:
    """What the page shows.

    Attributes:
        title: Of the page.
        subtitle: Below it.
        alerts: None; every page may have some.
        reports: Which, path and subject of each report.
        beyond: What changed beyond noise.
        unknown: Whether the noise of no figure is known.
        rows: All figures.
        notes: What limits the comparison.
    """

    title: str
    subtitle: str
    alerts: tuple[str, ...]
    reports: tuple[tuple[str, str, str], ...]
    beyond: list[Tile]
    unknown: bool
    rows: list[Row]
    notes: tuple[str, ...]


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write the page into a folder, which is made if it is not there.

    Args:
        folder: Where to.
        comparison: What ``compare`` says.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    write_text(path, comparison_page(comparison))
    return path


def comparison_page(comparison: Comparison) -> str:
    """Return the whole page."""
    rows = [_row(change, comparison.changes) for change in comparison.changes]
    which = ('first', 'second')
    view = View(
        title='Two evaluations compared',
        subtitle='The change is the second minus the first.',
        alerts=(),
        reports=tuple(zip(which, comparison.reports, comparison.subjects, strict=True)),
        beyond=[
            Tile(row.name, row.change, f'{row.verdict}; 95 % interval {row.interval}')
            for row in rows
            if row.verdict in ('better', 'worse')
        ],
        unknown=not any(row.verdict for row in rows),
        rows=rows,
        notes=comparison.notes,
    )
    return rendered('compare.html.j2', view=view)


def _row(change: Change, changes: Sequence[Change]) -> Row:
    scale = 100 if change.unit == '%' else 1
    unit, unit_of_change = _UNITS[change.unit]
    first, second = (
        NONE if value is None else f'{scale * value:.2f}{unit}'
        for value in (change.first, change.second)
    )
    difference, interval, left, width = NONE, '', 0.0, 0.0
    if change.first is not None and change.second is not None:
        difference = f'{scale * (change.second - change.first):+.2f}{unit_of_change}'
    if change.interval is not None:
        low, high = change.interval
        interval = f'{scale * low:+.2f} to {scale * high:+.2f}'
        widest = _widest(changes, change.unit)
        left, width = 50 + 50 * low / widest, 50 * (high - low) / widest
    return Row(change.name, first, second, difference, interval, change.verdict, left, width)


def _widest(changes: Sequence[Change], unit: str) -> float:
    """Return how far from 0 the intervals of a unit reach, so that all have one scale."""
    bounds = [
        abs(bound)
        for change in changes
        if change.unit == unit and change.interval is not None
        for bound in change.interval
    ]
    return max(bounds) or 1.0
