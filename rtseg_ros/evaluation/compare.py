# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Two reports side by side: what changed, and what changed beyond noise."""

from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import EvaluationError
from rtseg_ros.metrics.bootstrap import (
    Interval,
    intervals,
    latency_interval,
    resampled_iou,
)


@dataclass(frozen=True)
class Change:
    """One figure in both reports.

    Attributes:
        name: Of the figure, with the class or stage.
        unit: ``%`` or ``ms`` or ``1/s``.
        first: In the first report; None if it has none.
        second: In the second.
        interval: 95 % interval of second - first over resampled frames; None if not known.
        verdict: ``better`` or ``worse`` if the interval excludes 0, ``same`` if it does not,
            empty if nothing can be said.
    """

    name: str
    unit: str
    first: float | None
    second: float | None
    interval: Interval | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All figures of two reports, and sentences on what limits the comparison.

    Attributes:
        changes: The figures.
        notes: What limits the comparison.
        reports: Paths of the first and the second report.
        subjects: What each of them is about.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    reports: tuple[str, str]
    subjects: tuple[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types."""
        return asdict(self)

    def table(self) -> str:
        """Return a text table."""
        lines = [f'{"":<26}{"first":>10}{"second":>10}{"change":>10}   95 % interval']
        for change in self.changes:
            scale = 100 if change.unit == '%' else 1
            cells = [
                '-' if value is None else f'{scale * value:.2f}'
                for value in (change.first, change.second)
            ]
            both = change.first is not None and change.second is not None
            difference = (change.second or 0) - (change.first or 0)
            cells.append(f'{scale * difference:+.2f}' if both else '-')
            interval = ''
            if change.interval is not None:
                low, high = (scale * bound for bound in change.interval)
                interval = f'   [{low:+.2f}, {high:+.2f}] {change.verdict}'
            name = f'{change.name} ({change.unit})'
            lines.append(f'{name:<26}' + ''.join(f'{cell:>10}' for cell in cells) + interval)
        return '\n'.join([*lines, *self.notes])


@dataclass(frozen=True)
class _Frames:
    """Per-frame counts of one report, from its frames.jsonl."""

    truths: list[int]  # a checksum of each frame's ground truth
    intersection: np.ndarray  # (N, K)
    union: np.ndarray  # (N, K)
    latency_ms: np.ndarray  # (M,)


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Compare two reports.

    Noise is estimated by resampling runs of up to 10 consecutive frames, from ``frames.jsonl``
    beside each report: the accuracy of both on the same resampled frames if they saw the same
    ground truth in the same order, separately otherwise.

    Args:
        first: A ``report.json``, or its folder.
        second: Likewise.

    Raises:
        EvaluationError: If a file is no report, or the classes differ.
    """
    paths = [Path(p) / 'report.json' if Path(p).is_dir() else Path(p) for p in (first, second)]
    reports = [_report(path) for path in paths]
    names = [tuple(report.get('iou') or ()) for report in reports]
    if all(names) and names[0] != names[1]:
        raise EvaluationError(
            f'the reports are about different classes: {", ".join(names[0])} and '
            f'{", ".join(names[1])}'
        )
    frames = [_frames(path.with_name('frames.jsonl'), len(names[0])) for path in paths]
    changes = [*_accuracy(reports, names[0], frames), *_speed(reports, frames)]
    return Comparison(
        changes=tuple(changes),
        notes=tuple(_notes(reports, frames)),
        reports=(str(paths[0]), str(paths[1])),
        subjects=(_subject(reports[0]), _subject(reports[1])),
    )


def _subject(report: dict[str, Any]) -> str:
    """Say what a report is about, as far as it says so itself."""
    model, source, frames = (
        part if isinstance(part, dict) else {}
        for part in (report.get(key) for key in ('model', 'source', 'accounting'))
    )
    what = ' on '.join(str(part) for part in (model.get('file'), source.get('name')) if part)
    facts = (
        what,
        model.get('engine'),
        report.get('mode'),
        f'{frames.get("received", "?")} frames',
        str(report.get('created', ''))[:16].replace('T', ' '),
    )
    return ', '.join(str(fact) for fact in facts if fact)


def _report(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(f"'{path}' is not a readable report: {error}") from error
    if not isinstance(report, dict) or not {'latency_ms', 'accounting'} <= set(report):
        raise EvaluationError(f"'{path}' is not a report of rtseg evaluate")
    return report


def _frames(path: Path, num_classes: int) -> _Frames | None:
    if not path.is_file():
        return None
    truths, intersection, union, latency = [], [], [], []
    try:
        with path.open(encoding='utf-8') as lines:
            for line in lines:
                frame = json.loads(line)
                if frame['outcome'] != 'published':
                    continue
                latency.append(frame['latency_ms']['total'])
                if len(frame.get('union', ())) == num_classes > 0:
                    truths.append(frame['truth_crc32'])
                    intersection.append(frame['intersection'])
                    union.append(frame['union'])
        shape = (len(truths), num_classes)
        return _Frames(
            truths,
            np.array(intersection, np.int64).reshape(shape),
            np.array(union, np.int64).reshape(shape),
            np.array(latency),
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise EvaluationError(f"'{path}' is damaged: {error!r}; evaluate again") from error


def _accuracy(
    reports: list[dict[str, Any]], classes: tuple[str, ...], frames: list[_Frames | None]
) -> list[Change]:
    a, b = reports
    if not classes or a.get('miou') is None or b.get('miou') is None:
        return []
    noise: list[Interval | None] = [None] * (len(classes) + 1)
    if frames[0] and frames[1] and frames[0].truths and frames[1].truths:
        paired = frames[0].truths == frames[1].truths
        first = resampled_iou(frames[0].intersection, frames[0].union, seed=0)
        second = resampled_iou(frames[1].intersection, frames[1].union, seed=0 if paired else 1)
        fewest = min(len(frames[0].truths), len(frames[1].truths))
        noise = intervals(second - first, count=fewest)
    rows = [('mIoU', a['miou'], b['miou'])]
    rows += [(name, a['iou'][name], b['iou'][name]) for name in classes]
    changes = [
        _change(name, '%', x, y, interval, more_is_better=True)
        for (name, x, y), interval in zip(rows, noise, strict=True)
    ]
    for key, name in (
        ('pixel_accuracy', 'pixel accuracy'),
        ('boundary_f_score', 'boundary F-score'),
        ('temporal_stability', 'temporal stability'),
    ):
        changes.append(_change(name, '%', a.get(key), b.get(key), None, more_is_better=True))
    return changes


def _speed(reports: list[dict[str, Any]], frames: list[_Frames | None]) -> list[Change]:
    changes = []
    totals = [report['latency_ms'].get('total') for report in reports]
    if totals[0] and totals[1]:
        for key, percent in (('p50', 50), ('p99', 99)):
            interval = None
            if frames[0] and frames[1] and len(frames[0].latency_ms) and len(frames[1].latency_ms):
                interval = latency_interval(
                    frames[0].latency_ms,
                    frames[1].latency_ms,
                    percent=percent,
                )
            changes.append(
                _change(
                    f'latency {key}', 'ms', totals[0][key], totals[1][key], interval,
                    more_is_better=False,
                )
            )  # fmt: skip
    a, b = reports
    changes.append(
        _change('masks per second', '1/s', a.get('fps'), b.get('fps'), None, more_is_better=True)
    )
    return changes


def _notes(reports: list[dict[str, Any]], frames: list[_Frames | None]) -> list[str]:
    notes = ['Times also depend on what else the machine was doing: measure twice.']
    if not (frames[0] and frames[1]):
        notes.append('A frames.jsonl is missing beside a report, so noise is not known.')
    elif frames[0].truths != frames[1].truths:
        notes.append('The reports saw different frames: differences include those of the data.')
    for key in ('machine', 'mode'):
        if reports[0].get(key) != reports[1].get(key):
            notes.append(f'The reports differ in {key}: compare times with care.')
    for which, report in zip(('first', 'second'), reports, strict=True):
        if not report.get('complete', True):
            notes.append(f'The {which} report is incomplete: {report["stopped_by"]}.')
    return notes


def _change(
    name: str,
    unit: str,
    first: float | None,
    second: float | None,
    interval: Interval | None,
    *,
    more_is_better: bool,
) -> Change:
    if first is None or second is None:
        interval = None
    verdict = ''
    if interval is not None:
        low, high = interval
        verdict = 'same'
        if low > 0 or high < 0:
            verdict = 'better' if (low > 0) == more_is_better else 'worse'
    return Change(name, unit, first, second, interval, verdict)
