# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ``page.html.j2`` shows of a report: its figures, picked, rounded and put into words."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.evaluation.report.pictures import ShownFrame, shown_frames
from rtseg_ros.labels import LabelSet, label_set_from_dict
from rtseg_ros.labels.label_set import Color

NONE = '–'
# Shares of the confusion matrix from here on are written in full ink.
_MUCH = 0.05
# Title, key, unit of the figures of a live evaluation.
_LIVE = (
    ('images sent', 'sent', ''),
    ('masks received', 'masks', ''),
    ('rate of images', 'sent_hz', ' Hz'),
    ('rate of masks', 'masks_hz', ' Hz'),
    ('jitter of images (deviation of their intervals)', 'sent_jitter_ms', ' ms'),
    ('jitter of masks', 'masks_jitter_ms', ' ms'),
    ('CPU of the node, mean (100 % is one core)', 'node_cpu_percent_mean', ' %'),
    ('CPU of the node, highest', 'node_cpu_percent_max', ' %'),
    ('memory of the node, at first', 'node_memory_mib_first', ' MiB'),
    ('memory of the node, highest', 'node_memory_mib_max', ' MiB'),
    ('sustained rate (less than 5 % lost)', 'sustained_hz', ' Hz'),
)
# Name, key in the report and explanation of the figures of accuracy.
_ACCURACY = (
    ('mIoU', 'miou', 'overlap with the truth over their union, mean of the classes'),
    ('category mIoU', 'category_miou', 'the same with classes merged into categories'),
    ('pixel accuracy', 'pixel_accuracy', 'share of the labelled pixels that is right'),
    ('boundary F-score', 'boundary_f_score', 'how well the outlines of classes agree'),
    (
        'temporal stability', 'temporal_stability',
        'where the truth stays, share whose prediction stays from frame to frame',
    ),
)  # fmt: skip
Words = list[tuple[str, str]]  # a name and what stands beside it


@dataclass(frozen=True)
class Tile:
    """A figure in large print: its name, its value and one line on what it is."""

    name: str
    value: str
    what: str


@dataclass(frozen=True)
class ClassRow:
    """One class: name, RGB, IoU (None if it cannot be formed), share of the true pixels."""

    name: str
    color: Color
    iou: float | None
    share: float


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the confusion matrix: what a share of a true class's pixels became."""

    predicted: str
    share: float
    hit: bool

    @property
    def text(self) -> str:
        """The share in per cent; empty where it would read 0.0."""
        return '' if self.share < 0.0005 else f'{100 * self.share:.1f}'

    @property
    def shade(self) -> float:
        """Strength of the colour, 0..1."""
        # Mistakes are rarer than hits: the root makes a few per cent visible.
        return self.share if self.hit else math.sqrt(self.share)

    @property
    def kinds(self) -> str:
        """Its classes in the style sheet."""
        return ' '.join(['hit'] * self.hit + ['much'] * (self.share > _MUCH))


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix: names of its columns, and a true class with its cells per row."""

    columns: tuple[str, ...]
    rows: list[tuple[str, list[MatrixCell]]]


@dataclass(frozen=True)
class View:
    """The sections of the page; ``labels`` and ``matrix`` are None without ground truth."""

    title: str
    subtitle: str
    alerts: list[str]
    tiles: list[Tile]
    labels: LabelSet | None
    classes: list[ClassRow]
    matrix: Matrix | None
    live: Words
    frames: list[ShownFrame]
    facts: Words


def view_of_report(report: Mapping[str, Any], previews: Mapping[str, Preview]) -> View:
    """Return what the page shows.

    Args:
        report: As ``report_from_recorder`` makes it.
        previews: Frames to show, by title.
    """
    scored = bool(report.get('frames_with_truth'))
    labels = label_set_from_dict(report['labels'], source='report') if scored else None
    return View(
        title=f'{report["model"].get("file", "?")} on {report["source"].get("name", "?")}',
        subtitle=_subtitle(report),
        alerts=_alerts(report, scored=scored),
        tiles=_tiles(report),
        labels=labels,
        classes=_classes(report, labels) if labels else [],
        matrix=_matrix(report, labels) if labels else None,
        live=_live(report.get('live', {})),
        frames=shown_frames(previews, labels) if labels else [],
        facts=_facts(report),
    )


def percent(fraction: float | None) -> str:
    """Write a fraction in per cent; a dash for a figure that there is not."""
    return NONE if fraction is None else f'{100 * fraction:.1f} %'


def _subtitle(report: Mapping[str, Any]) -> str:
    model = report['model']
    words = [f'{report["mode"]} evaluation', f'{report["frames"]} frames']
    words += [str(model.get(key, '')) for key in ('network', 'engine', 'precision', 'device')]
    words += [str(report['machine']['processor'])]
    words += [report['created'][:16].replace('T', ' ') + ' UTC']
    return ', '.join(filter(None, words))


def _alerts(report: Mapping[str, Any], *, scored: bool) -> list[str]:
    alerts = []
    if not report['complete']:
        alerts.append(f'Ended early ({report["stopped_by"]}): figures are of the frames so far.')
    if not scored:
        alerts.append('No ground truth was compared: this report is about speed only.')
    unknown = report.get('unknown_labels', {'pixels': 0})
    if unknown['pixels']:
        alerts.append(
            f'{unknown["pixels"]} pixels in {unknown["frames"]} frames have ground-truth ids that '
            'are no class; they were left out.'
        )
    return alerts


def _tiles(report: Mapping[str, Any]) -> list[Tile]:
    tiles = [
        Tile(name, percent(report[key]), what)
        for name, key, what in _ACCURACY
        if report.get(key) is not None
    ]
    total = report['latency_ms'].get('total')
    if total:
        for key, share in (('p50', 'half'), ('p99', '99 %')):
            what = f'{share} of the frames took no longer'
            tiles.append(Tile(f'latency {key}', f'{total[key]:.1f} ms', what))
    if report['fps']:
        what = 'rate at which they arrived' if report['mode'] == 'live' else 'while segmenting'
        tiles.append(Tile('masks per second', f'{report["fps"]:.1f}', what))
    sustained = report.get('live', {}).get('sustained_hz')
    if sustained:
        what = 'highest rate of images with less than 5 % lost'
        tiles.append(Tile('sustained rate', f'{sustained:.1f} Hz', what))
    received = report['accounting']['received']
    lost = received - report['accounting']['published']
    if received:
        share = f'{lost} ({percent(lost / received)})' if lost else '0'
        tiles.append(Tile('frames without a mask', share, 'for whichever reason, see below'))
    return tiles


def _classes(report: Mapping[str, Any], labels: LabelSet) -> list[ClassRow]:
    pixels = report['truth_pixels']
    total = max(sum(pixels.values()), 1)
    return [
        ClassRow(name, color, report['iou'][name], pixels[name] / total)
        for name, color in zip(labels.names, labels.colors, strict=True)
    ]


def _matrix(report: Mapping[str, Any], labels: LabelSet) -> Matrix:
    counts = np.array(report['confusion_matrix'], np.float64)
    columns = (*labels.names, 'unlabelled')
    if not counts[:, -1].any():
        counts, columns = counts[:, :-1], columns[:-1]
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    rows = [
        [MatrixCell(columns[j], float(share), hit=i == j) for j, share in enumerate(row)]
        for i, row in enumerate(shares)
    ]
    return Matrix(columns, list(zip(labels.names, rows, strict=True)))


def _live(live: Mapping[str, Any]) -> Words:
    return [
        (title, f'{live[key]:.4g}{unit}')
        for title, key, unit in _LIVE
        if live.get(key) is not None
    ]


def _facts(report: Mapping[str, Any]) -> Words:
    facts = {
        'command': report['command'],
        'class mapping': report['mapping'] or 'none',
        **{f'model {key}': value for key, value in report['model'].items()},
        **{f'source {key}': value for key, value in report['source'].items()},
        **{f'machine {key}': value for key, value in report['machine'].items()},
        **{f'version of {key}': value for key, value in report['versions'].items()},
    }
    return [(key, _plain(value)) for key, value in facts.items() if value not in ('', None)]


def _plain(value: Any) -> str:
    return ', '.join(str(item) for item in value) if isinstance(value, list) else str(value)
